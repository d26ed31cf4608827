"""Names a key in hardware by a PKCS#11 URI (RFC 7512): module, token, key, and source of the PIN.

    pkcs11:token=cekalwatch;object=audit?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/cekalwatch/pin

`token` (its label) or `serial`, or both, name the token; `object` is the label of the key. Other attributes of the RFC
are refused, above all `pin-value`: a PIN must not be in settings or on a command line. `pin-source` is a file, as in
the RFC, or `env:NAME`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Self
from urllib.parse import unquote

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import refuse_shared

MAX_PIN_BYTES = 256
REFUSED_PINS = "refused_pins.json"


@dataclass(frozen=True)
class PinSource:
    """Source of a token's PIN: a file that only its owner can read, or an environment variable."""

    file: Path | None = None
    variable: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "file:PATH", a path, or "env:NAME"; raises ValueError."""
        kind, _, rest = text.partition(":")
        if kind == "env" and rest:
            return cls(variable=rest)
        path = rest if kind == "file" else text
        if path.startswith("//"):  # file:///etc/cekalwatch/pin
            path = "/" + path.lstrip("/")
        if not Path(path).is_absolute():
            raise ValueError("pin-source= is file:PATH with a whole path, or env:NAME")
        return cls(file=Path(path))

    @property
    def name(self) -> str:
        """How a person knows it."""
        return f"the file {self.file}" if self.file else f"the environment variable {self.variable}"

    def read(self) -> str:
        """Return the PIN; raises ProgramError when it is missing, or others can read its file."""
        pin = self._content().strip()
        if not pin:
            raise ProgramError(f"There is no PIN in {self.name}", Exit.CONFIG)
        return pin

    def _content(self) -> str:
        if self.file is None:
            return os.environ.get(self.variable, "")
        try:
            with self.file.open(encoding="utf-8") as stream:
                refuse_shared("the PIN", self.file, os.fstat(stream.fileno()).st_mode, "change the PIN")
                return stream.read(MAX_PIN_BYTES)
        except UnicodeDecodeError:
            raise ProgramError(f"There is no PIN in {self.name}", Exit.CONFIG) from None
        except OSError as error:
            raise ProgramError(f"Cannot read the PIN in {self.file}: {error.strerror}", Exit.CONFIG) from None


SCHEME = "pkcs11"
_OF_PATH = frozenset({"token", "serial", "object"})
_OF_QUERY = frozenset({"module-path", "pin-source"})


@dataclass(frozen=True)
class TokenUri:
    """A key in a token."""

    module: Path
    """The library of the token's maker."""
    key: str
    """Label of the key."""
    token: str = ""
    """Label of the token; empty: any label."""
    serial: str = ""
    """Serial number of the token; empty: any."""
    pin: PinSource | None = None
    """None: the token asks for no PIN."""
    refused_pins: Path | None = None
    """File in which refused PINs are remembered; None: only until the program ends."""

    @classmethod
    def parse(cls, text: str, data_dir: Path | None = None) -> Self:
        """Read a URI; raises ValueError, which does not repeat the text, because it may contain a PIN by mistake.

        Refused PINs are remembered in `data_dir`.
        """
        scheme, _, rest = text.partition(":")
        path, _, query = rest.partition("?")
        if scheme.lower() != SCHEME:
            raise ValueError(f"a key in a token is written {SCHEME}:token=…;object=…?module-path=…&pin-source=…")
        found = _attributes(path, ";", _OF_PATH) | _attributes(query, "&", _OF_QUERY)
        if not found.get("object") or not (found.get("token") or found.get("serial")):
            raise ValueError("a PKCS#11 URI needs object=, the label of the key, and token= or serial=")
        module = found.get("module-path", "")
        if not (PurePosixPath(module).is_absolute() or PureWindowsPath(module).is_absolute()):
            raise ValueError("a PKCS#11 URI needs module-path=, the whole path of the token's library")
        pin = PinSource.parse(found["pin-source"]) if "pin-source" in found else None
        return cls(
            Path(module),
            found["object"],
            found.get("token", ""),
            found.get("serial", ""),
            pin,
            data_dir and data_dir / REFUSED_PINS,
        )

    @property
    def token_name(self) -> str:
        """Name of the token for messages."""
        return " ".join(filter(None, [self.token and f"{self.token!r}", self.serial and f"with number {self.serial}"]))

    def __str__(self) -> str:
        return f"the key {self.key!r} in the token {self.token_name}"


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise ValueError("a PIN does not stand in a PKCS#11 URI: name its file with pin-source=file:PATH")
        if name not in known:
            raise ValueError(f"a PKCS#11 URI has {', '.join(sorted(known))} here, and nothing else")
        if name in found:
            raise ValueError(f"a PKCS#11 URI has {name}= twice")
        found[name] = unquote(value, errors="strict")
    return found
