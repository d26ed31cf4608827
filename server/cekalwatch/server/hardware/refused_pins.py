"""PINs that a token refused. A token locks itself after a few wrong ones, so none is tried twice, also after a restart.

A file in the data folder has a slow salted digest (scrypt) of the newest refused PIN of each token.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.secret_files import write_private

_SALT_BYTES = 16


@dataclass(frozen=True)
class RefusedPins:
    """The refused PINs, by the module and the name of their token. Methods block."""

    file: Path | None
    """None: they are known until the program ends."""
    _known: dict[str, str] = field(default_factory=dict)

    def has(self, token: str, pin: str) -> bool:
        """Whether the token refused this PIN last."""
        salt, _, digest = self._read().get(token, "").partition(":")
        return bool(digest) and hmac.compare_digest(_digest(pin, salt), digest)

    def add(self, token: str, pin: str) -> None:
        """Remember it in place of an earlier one of the token.

        If it cannot be written, it is known until the program ends.
        """
        salt = os.urandom(_SALT_BYTES).hex()
        self._known[token] = f"{salt}:{_digest(pin, salt)}"
        self._write(self._read())

    def forget(self, token: str) -> None:
        """Forget what the token refused, after it has accepted another PIN."""
        found = self._read()
        self._known.pop(token, None)
        if found.pop(token, None):
            self._write(found)

    def _read(self) -> dict[str, str]:
        found: object = {}
        if self.file:
            with contextlib.suppress(OSError, ValueError):  # missing or damaged: the token is asked again
                found = json.loads(self.file.read_bytes())
        kept = found if isinstance(found, dict) else {}
        return {str(token): str(one) for token, one in kept.items()} | self._known

    def _write(self, found: dict[str, str]) -> None:
        if self.file:
            with contextlib.suppress(ProgramError):  # the caller reports the refusal, which matters more
                write_private(self.file, json.dumps(found).encode())


def _digest(pin: str, salt: str) -> str:
    return hashlib.scrypt(pin.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()
