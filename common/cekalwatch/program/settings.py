"""Settings from, in rising order: defaults, a TOML file, environment variables, the command line; one set of names.

`Settings` subclasses state `env_prefix`; the field `server_addresses` of the prefix `CEKALWATCH_CAMERA_` is
`server_addresses = […]` in the file and `CEKALWATCH_CAMERA_SERVER_ADDRESSES` in the environment. Unknown keys are
errors: a misspelt setting must not be ignored.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Literal, Self, TypeVar

from pydantic import ConfigDict, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cekalwatch.program.errors import Exit, ProgramError

SECTION: Final = ConfigDict(extra="forbid", use_attribute_docstrings=True)
"""Configuration of the pydantic dataclasses that are tables of a settings file: unknown keys are errors."""

_UNKNOWN: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


class Settings(BaseSettings):
    """Base of a program's settings; immutable. The text below a field is its meaning; `setting_list` shows it."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_nested_delimiter="__", use_attribute_docstrings=True
    )

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on the log is written: debug, info, warning or error."""

    @classmethod
    def load(cls, file: Path | None = None, **overrides: Any) -> Self:  # noqa: ANN401  # settings have many types
        """Read the settings; `file` or `<PREFIX>CONFIG` names the TOML file.

        Raises ProgramError that names each wrong key. `overrides` that are None count as not given, so that command
        line options can be passed as they are.
        """
        return cls.load_with_sources(file, **overrides).values

    @classmethod
    def load_with_sources(cls, file: Path | None = None, **overrides: Any) -> LoadedSettings[Self]:  # noqa: ANN401
        """Read the settings as `load` does, and tell what each source stated. Raises ProgramError."""
        chosen = file or _file_from_environment(cls)
        if chosen and not chosen.is_file():
            raise ProgramError(f"There is no configuration file {chosen}", Exit.CONFIG)
        if unknown := _unknown_variables(cls):
            raise ProgramError(f"Wrong settings: there is no {', '.join(unknown)}; see the environment", Exit.CONFIG)
        sources: list[PydanticBaseSettingsSource] = []

        class Loaded(cls):  # type: ignore[valid-type,misc]  # the class is a value here, as pydantic-settings intends
            model_config = SettingsConfigDict(toml_file=chosen)

            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,
                env_settings: PydanticBaseSettingsSource,
                **_: PydanticBaseSettingsSource,
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                sources[:] = init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
                return tuple(sources)

        try:
            values = Loaded(**{key: value for key, value in overrides.items() if value is not None})
            stated = tuple(zip(("option", "environment", "file"), (source() for source in sources), strict=True))
        except ValidationError as error:
            lines = [
                f"  {'.'.join(map(str, item['loc'])) or 'altogether'}: "
                f"{'there is no such setting' if item['type'] in _UNKNOWN else item['msg']}"
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
        return LoadedSettings(plain, stated)


Values_co = TypeVar("Values_co", bound=Settings, covariant=True)


@dataclass(frozen=True)
class LoadedSettings(Generic[Values_co]):
    """Settings, and what was stated where."""

    values: Values_co
    sources: tuple[tuple[str, dict[str, Any]], ...]
    """"option", "environment" and "file", each with the settings that it states; an earlier one wins."""


def _file_from_environment(settings: type[BaseSettings]) -> Path | None:
    name = os.environ.get(f"{settings.model_config.get('env_prefix', '')}CONFIG")
    return Path(name) if name else None


def _unknown_variables(settings: type[BaseSettings]) -> list[str]:
    """Return the environment's variables with the prefix that name no field; pydantic-settings ignores them."""
    prefix = settings.model_config.get("env_prefix", "")
    known = {"CONFIG", *(name.upper() for name in settings.model_fields)}
    names = (name for name in os.environ if prefix and name.upper().startswith(prefix))
    return sorted(name for name in names if name.upper().removeprefix(prefix).split("__")[0] not in known)
