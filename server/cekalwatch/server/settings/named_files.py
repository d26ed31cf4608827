"""Every file that settings name for the server to read: secrets, certificates, authorities and PINs of all sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.hardware.uri import SCHEME, TokenUri
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.watchlist.sources.settings import CENTRE_TLS_DIR, CentreSettings
from cekalwatch.wire.address import is_loopback
from cekalwatch.wire.tls import TlsError, require_private

PAIR: Final = ("certificate.pem", "key.pem")
"""The files of a folder with a certificate."""
_NAMED = re.compile(r"(.*_)?(secret_file|password_file|authorities|client_tls|revocations|tls_dir|group_figures)")
_PUBLIC = re.compile(r".*(authorities|revocations|group_figures|certificate\.pem|authority\.pem|cert|crl)")
_OF_DATABASE: Final = frozenset({"passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl"})
"""Options of libpq that name a file."""
_OWN: Final = frozenset({"tls_dir", "master_key_from"})
"""The server's own certificate and key: a backup has them by names of their own."""
Value = TypeVar("Value")


def is_named(name: str) -> bool:
    """Tell from a setting's last name whether its path is a file, or a folder with a certificate, that is read."""
    return _NAMED.fullmatch(name) is not None


@dataclass(frozen=True)
class NamedFile:
    """A file that a setting names."""

    setting: str
    """The setting's whole name; of a folder with a certificate, followed by the file's."""
    place: Path

    @property
    def is_secret(self) -> bool:
        """Whether nobody else may read it."""
        return _PUBLIC.fullmatch(self.setting) is None

    def problem(self) -> str:
        """Open it; return in words why it cannot be used, or nothing."""
        try:
            if self.is_secret:
                require_private(self.place)
            content = self.place.read_bytes()
        except TlsError as error:
            return str(error).replace("private key", "secret")
        except OSError as error:
            return f"{self.place} cannot be read: {error.strerror}"
        return "" if content.strip() else f"{self.place} is empty"


def named_files(settings: ServerSettings) -> tuple[NamedFile, ...]:
    """Return the files that `settings` name, those of extensions' sections too, in the order of the settings."""
    found = dict[str, NamedFile]()

    def see(setting: str, place: Path) -> Path:
        found[setting] = NamedFile(setting, place)
        return place

    _each(settings, see)
    return tuple(found.values())


def moved(settings: ServerSettings, place: Callable[[str], Path]) -> ServerSettings:
    """Return `settings` that name other places: for each file of `named_files`, what `place` says of its setting."""
    return _each(settings, lambda setting, _: place(setting))


def unusable_files(settings: ServerSettings) -> Iterator[str]:
    """Yield, for each named file that cannot be used, the setting and why."""
    return (f"{one.setting}: {problem}" for one in named_files(settings) if (problem := one.problem()))


def require_named_files(settings: ServerSettings) -> None:
    """Read every named file; raises ProgramError that names all which cannot be used."""
    if problems := list(unusable_files(settings)):
        raise ProgramError(
            "Files that the settings name cannot be used; put them back, or take the settings away:\n  "
            + "\n  ".join(problems),
            Exit.CONFIG,
        )


See = Callable[[str, Path], Path]


def _each(settings: ServerSettings, see: See) -> ServerSettings:
    changed = {
        name: new
        for name in type(settings).model_fields
        if name not in _OWN and (new := _seen(value := getattr(settings, name), name, see)) is not value
    }
    source = settings.watchlist.source
    if isinstance(source, CentreSettings) and source.tls_dir is None:
        usual = settings.data_dir / CENTRE_TLS_DIR
        if usual.is_dir() or not all(map(is_loopback, source.addresses)):  # it may speak plaintext on this machine
            _folder(usual, "watchlist.source.tls_dir", see)
    return settings.model_copy(update=changed)


def _seen(value: Any, name: str, see: See) -> Any:  # noqa: ANN401  # settings have many types
    """Pass each named file of a setting's value to `see`; return the value with the places that this returned."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
        new = {part: _seen(held, f"{name}.{part}", see) for part, held in parts.items()}
        changed = {part: held for part, held in new.items() if held is not parts[part]}
        return replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        seen = tuple(_seen(one, f"{name}.{getattr(one, 'name', at)}", see) for at, one in enumerate(value))
        return seen if any(new is not old for new, old in zip(seen, value, strict=True)) else value
    last = name.rpartition(".")[2]
    if isinstance(value, Path) and is_named(last):
        return _folder(value, name, see) if last.endswith(("tls_dir", "client_tls")) else see(name, value)
    if isinstance(value, str):
        return _in_text(value, name, last, see)
    return value


def _folder(folder: Path, name: str, see: See) -> Path:
    """Pass the files of a folder with a certificate; the authority's only where it is there, or is needed."""
    files = (*PAIR, "authority.pem") if name == "watchlist.source.tls_dir" else PAIR
    first, *_ = [see(f"{name}/{file}", folder / file) for file in files]
    return first.parent


def _in_text(text: str, name: str, last: str, see: See) -> str:
    """Pass the files that a text names: `file:PATH`, the source of a token's PIN, and options of the database."""
    places = dict[str, Path]()
    if last.endswith("_from") and text.lower().startswith(f"{SCHEME}:"):
        pin = TokenUri.parse(text).pin
        places = {name: pin.file} if pin and pin.file else {}
    elif last.endswith("_from") and text.startswith("file:"):
        places = {name: Path(text.removeprefix("file:"))}
    elif name == "database_url":
        options = parse_qsl(urlsplit(text).query)
        places = {f"{name}.{key}": Path(value) for key, value in options if key in _OF_DATABASE and "/" in value}
    for setting, place in places.items():
        text = text.replace(str(place), str(see(setting, place)))
    return text
