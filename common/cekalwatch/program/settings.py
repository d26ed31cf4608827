"""Settings from, in rising order: defaults, a TOML file, the environment, the command line, Windows' policies.

`Settings` subclasses state `env_prefix`; the field `server_addresses` of the prefix `CEKALWATCH_CAMERA_` is
`server_addresses = […]` in the file and `CEKALWATCH_CAMERA_SERVER_ADDRESSES` in the environment. Unknown keys are
errors: a misspelt setting must not be ignored.

The file is the named one; by default `camera.toml` in `SYSTEM_FOLDER`, or else in the account's own folder.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
import structlog
from pydantic import ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cekalwatch.program.cli.prompts import tell
from cekalwatch.program.cli.setting_list import describe
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.extensions import extensions
from cekalwatch.program.platform.access import lacks_rights, make_system_folder, may_administer, not_to_believe
from cekalwatch.program.platform.places import machine_folder
from cekalwatch.program.platform.policies import policies
from cekalwatch.program.setting_names import OldName, with_new_names
from cekalwatch.wire.address import is_loopback

log = structlog.get_logger()

SECTION: Final = ConfigDict(extra="forbid")
"""Configuration of the pydantic dataclasses that are tables of a settings file: unknown keys are errors."""

SYSTEM_FOLDER: Final = machine_folder()
"""Where the settings of the whole machine are looked for."""
AS_ADMINISTRATOR: Final = 'run this in a command prompt that was started with "Run as administrator"'
SHIPPED_PACKS: Final = (Path("/usr/share/cekalwatch") if os.name == "posix" else SYSTEM_FOLDER) / "models"
"""Where a package or an installer puts model packs, for all programs of the machine; not changed by programs."""


class Settings(BaseSettings):
    """Base of a program's settings; immutable. The text below a field is its meaning; `setting_list` shows it."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_nested_delimiter="__")

    old_names: ClassVar[Mapping[str, str]] = {}
    """What settings were called in the release before, as `setting_names` says."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on the log is written: debug, info, warning or error."""

    @classmethod
    def load(cls, file: Path | None = None, **overrides: Any) -> Self:  # noqa: ANN401  # settings have many types
        """Read the settings; `file` or `<PREFIX>CONFIG` names the TOML file, or it is one of `usual_files`.

        Raises ProgramError that names each wrong key. `overrides` that are None are ignored, so that command line
        options can be passed unchanged.
        """
        return cls.load_with_sources(file, **overrides).values

    @classmethod
    def load_with_sources(cls, file: Path | None = None, **overrides: Any) -> LoadedSettings[Self]:  # noqa: ANN401
        """Read the settings as `load` does, and tell what each source stated. Raises ProgramError."""
        named = file or _file_from_environment(cls)
        chosen = named or next(filter(_is_there, cls.usual_files()), None)
        if named and not _is_there(named):
            raise ProgramError(f"There is no configuration file {named}", Exit.CONFIG)
        if unknown := _unknown_variables(cls):
            raise ProgramError(f"Wrong settings: there is no {', '.join(unknown)}; see the environment", Exit.CONFIG)
        _believe(chosen)
        reading = _Reading(chosen)
        _READING.set(reading)
        try:
            reading.stated["policy"] = policies(_program(cls))
            options = {key: value for key, value in overrides.items() if value is not None}
            values = _loaded(cls)(**options)
        except ValidationError as error:
            lines = [
                f"  {'.'.join(map(str, item['loc'])) or 'altogether'}: {_wrong(cls, item)}{reading.by_policy(item)}"
                for item in error.errors()
            ]
            raise ProgramError("Wrong settings:\n" + "\n".join(lines), Exit.CONFIG) from None
        except SettingsError as error:
            raise ProgramError(f"Wrong settings: {error}", Exit.CONFIG) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProgramError(f"{chosen} is not valid TOML: {error}", Exit.CONFIG) from None
        except OSError as error:
            raise ProgramError(f"{chosen} cannot be read: {error.strerror}", Exit.CONFIG) from None
        plain = cls.model_construct(**{name: getattr(values, name) for name in cls.model_fields})
        policy, *stated = ((name, reading.stated.get(name, {})) for name in ("policy", "environment", "file"))
        sources = (policy, ("option", options), *stated)
        return LoadedSettings(plain, sources, chosen, tuple(sorted(reading.old_names)))

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a program's settings as the section of an extension; its defaults where that is not installed."""
        added = cls.model_fields.keys() <= type(settings).model_fields.keys()
        return cast("Self", settings) if added else cls.model_construct()

    @property
    def works_on(self) -> str:
        """What a command with these settings works on, in words; each program says its own."""
        return "this machine"

    @classmethod
    def usual_files(cls) -> tuple[Path, ...]:
        """Return where the TOML file is looked for when none is named: the machine's, then the account's own."""
        name = f"{_program(cls)}.toml"
        return SYSTEM_FOLDER / name, platformdirs.user_config_path("cekalwatch", appauthor=False) / name

    @classmethod
    def new_file(cls, named: Path | None) -> Path:
        """Return where `init` writes settings: `named`, or the first of `usual_files` that is there or may be made.

        Raises ProgramError for an administrator whose settings nobody else would read.
        """
        if named:
            return named
        files = cls.usual_files()
        found = next((file for file in files if _is_there(file) or _may_be_made(file)), files[-1])
        if found.parent != SYSTEM_FOLDER and lacks_rights():
            raise ProgramError(
                f"Who works at this PC reads {SYSTEM_FOLDER}: {AS_ADMINISTRATOR}, or name your own --config",
                Exit.USAGE,
            )
        return found


Values_co = TypeVar("Values_co", bound=Settings, covariant=True)


def extended(settings: type[Values_co]) -> type[Values_co]:
    """Return a program's settings with the `Section` of each extension that has one."""
    sections = (one.Section for one in extensions("settings"))
    return create_model(
        settings.__name__, __base__=(*sections, settings), __module__=settings.__module__, __doc__=settings.__doc__
    )


@dataclass(frozen=True)
class LoadedSettings(Generic[Values_co]):
    """Settings, and what was stated where."""

    values: Values_co
    sources: tuple[tuple[str, dict[str, Any]], ...]
    """"policy", "option", "environment" and "file", each with the settings that it states; an earlier one wins."""
    file: Path | None = None
    """The TOML file that was read; None: there is none."""
    old_names: tuple[OldName, ...] = ()
    """The settings that were stated by a name that the next release does not know."""

    @property
    def renamed(self) -> str:
        """Which settings have new names, for a person; empty when none was stated by its old one."""
        if not self.old_names:
            return ""
        return f"old names of settings, which only this release reads: {', '.join(map(str, self.old_names))}"

    @property
    def by_policy(self) -> tuple[str, ...]:
        """The names of the settings and tables that policies state."""
        return tuple(sorted(next(stated for name, stated in self.sources if name == "policy")))

    def told(self) -> Values_co:
        """Print for the person at the terminal on which data a command works, and return the settings."""
        tell(f"Using {self.values.works_on}; settings: {self.file or 'no file (--config)'}")
        if self.renamed:
            tell(f"Warning: {self.renamed}")
        return self.values

    def log(self) -> None:
        """Write the same to the log of a program that runs on."""
        log.info("settings_read", file=str(self.file or ""), using=self.values.works_on)
        if self.old_names:
            log.warning("old_setting_names", names=[str(name) for name in self.old_names])


@dataclass
class _Reading:
    """A TOML file that is read, and what it is read with."""

    file: Path | None
    stated: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What "policy", "environment" and "file" state."""
    old_names: set[OldName] = field(default_factory=set)

    def renamed(self, stated: dict[str, Any], settings: type[BaseSettings], source: str) -> dict[str, Any]:
        """Return what a source states, by the settings' new names; note it and the old ones."""
        self.stated[source] = with_new_names(stated, _old_names(settings), source, self.old_names)
        return self.stated[source]

    def by_policy(self, item: ErrorDetails) -> str:
        """Return, for a person, that a wrong setting is stated by a policy, if it is."""
        return " (by a policy of this machine)" if item["loc"] and item["loc"][0] in self.stated["policy"] else ""


_READING: ContextVar[_Reading] = ContextVar("reading")


class _File(TomlConfigSettingsSource):
    """The TOML file, with the names that settings have now."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:  # noqa: ANN401  # a path, or what is like one
        return tomllib.loads(file_path.read_text(encoding="utf-8-sig"))  # editors of Windows begin a file with a mark

    def __call__(self) -> dict[str, Any]:
        return _READING.get().renamed(super().__call__(), self.settings_cls, "file")


class _Environment(EnvSettingsSource):
    """The environment, with the names that settings have now."""

    def __call__(self) -> dict[str, Any]:
        if not any(name.startswith(self.env_prefix.lower()) for name in self.env_vars):
            return {}  # to look for the variables of each field takes most of a reading's time
        # At the top, pydantic-settings looks for the variables of fields only.
        variables = {name: f"{self.env_prefix}{name}".lower() for name in _old_names(self.settings_cls)}
        old = {name: self.env_vars[variable] for name, variable in variables.items() if variable in self.env_vars}
        return _READING.get().renamed(super().__call__() | old, self.settings_cls, "environment")


@cache
def _loaded(settings: type[Values_co]) -> type[Values_co]:
    """Return the subclass whose values are read from the sources; to make one takes longer than to read them."""

    class Loaded(settings):  # type: ignore[valid-type,misc]  # the class is a value here, as pydantic-settings intends
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            **_: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            reading = _READING.get()
            policy = InitSettingsSource(settings_cls, reading.stated["policy"])
            return policy, init_settings, _Environment(settings_cls), _File(settings_cls, reading.file)

    return Loaded


def _program(settings: type[BaseSettings]) -> str:
    return _prefix(settings).rstrip("_").rpartition("_")[2].lower()


def _prefix(settings: type[BaseSettings]) -> str:
    return str(settings.model_config.get("env_prefix", ""))


def _old_names(settings: type[BaseSettings]) -> Mapping[str, str]:
    return settings.old_names if issubclass(settings, Settings) else {}


def _file_from_environment(settings: type[BaseSettings]) -> Path | None:
    name = os.environ.get(f"{_prefix(settings)}CONFIG")
    return Path(name) if name else None


def _is_there(file: Path) -> bool:
    """Whether it is a file. One in a folder that may not be entered counts: that it cannot be read is told then."""
    try:
        return file.is_file()
    except PermissionError:
        return True


def _may_be_made(file: Path) -> bool:
    there = next(path for path in file.parents if path.exists())
    return os.access(there, os.W_OK) and (file.parent != SYSTEM_FOLDER or may_administer())


def _believe(file: Path | None) -> None:
    """Raise ProgramError for settings of the machine that others than its administrators can have written."""
    if file is None or file.parent != SYSTEM_FOLDER:
        return
    try:
        why = not_to_believe(SYSTEM_FOLDER) or not_to_believe(file)
    except OSError as error:
        raise ProgramError(f"{file} cannot be read: {error.strerror}", Exit.CONFIG) from None
    if why:
        raise ProgramError(f"{why}: let an administrator look at its content, and remove or take it", Exit.CONFIG)


def keys_folder(settings: Path, program: str, own: Path) -> Path:
    """Return where the program that reads the file `settings` looks for its keys; `own`: where an account has them.

    On Windows the machine's settings are for a service, or for whoever sits at the PC, and who sets it up is neither.
    """
    return SYSTEM_FOLDER / "tls" / program if sys.platform == "win32" and settings.parent == SYSTEM_FOLDER else own


def make_settings_folder(folder: Path) -> None:
    """Make the folder of a settings file; the machine's can be changed by administrators only. Raises OSError."""
    if folder == SYSTEM_FOLDER:
        make_system_folder(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)


def _unknown_variables(settings: type[Settings]) -> list[str]:
    """Return the environment's variables with the prefix that name no field, each with a similar name.

    pydantic-settings ignores them.
    """
    prefix = _prefix(settings)
    known = {"CONFIG", *(name.upper() for name in (*settings.model_fields, *settings.old_names))}
    names = sorted(name for name in os.environ if prefix and name.upper().startswith(prefix))
    keys = {name: name.upper().removeprefix(prefix).split("__")[0] for name in names}
    return [f"{name}{_meant(key, known, prefix)}" for name, key in keys.items() if key not in known]


def _wrong(settings: type[Settings], item: ErrorDetails) -> str:
    """Return the error in one setting, in plain words."""
    match item["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return _no_such(settings, item["loc"])
        case "missing":
            return "it is missing"
        case "too_short" if not item["ctx"]["actual_length"]:
            return "nothing valid is stated, and at least one is needed"
        case "value_error":
            return str(item["ctx"]["error"])
    return item["msg"]


def _no_such(settings: type[Settings], place: Iterable[int | str]) -> str:
    """Return that there is no setting at this place, and which may be meant: of the same table first."""
    *tables, key = (part for part in place if isinstance(part, str))
    found = [(one.table.replace("[", "").replace("]", ""), one.key) for one in describe(settings)]
    path = "".join(f"{table}." for table in tables)
    # The place in a table that has several forms names the form too.
    holder = max((table for table, _ in found if path.startswith(f"{table}.")), key=len, default="")
    meant = _meant(key, (name for table, name in found if table == holder))
    # One that was written into another table is found by its own name.
    elsewhere = (f" (did you mean {table}.{name}?)" for table, name in found if name == key and table)
    return f"there is no such setting{meant or next(elsewhere, '')}"


def _meant(key: str, known: Iterable[str], prefix: str = "") -> str:
    close = get_close_matches(key, list(known), n=1)
    return f" (did you mean {prefix}{close[0]}?)" if close else ""


def on_this_machine(address: str) -> str:
    """Return the address of metrics, which may be empty; raises ValueError for one that other machines reach."""
    if address and not is_loopback(address):
        raise ValueError("metrics are for this machine only: 127.0.0.1:PORT; let what collects them run here")
    return address


def known_zone(name: str) -> str:
    """Return the name of a time zone; raises ValueError when there is no such zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; an example is Asia/Makassar") from None
    return name
