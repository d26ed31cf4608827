"""The key that seals what waits on a capture host's disk: a file apart from it, which only its owner can read.

It is made at first start. Nobody needs a copy: with a new key the captures that wait are lost, and nothing else is.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import create_private

KEY_BYTES = 32
NAME_BYTES = 8


@dataclass(frozen=True)
class SpoolKey:
    """A key of AES-256."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> bytes:
        """NAME_BYTES that tell it from others, and nothing of it."""
        return hashlib.sha256(b"cekalwatch spool key" + self.secret).digest()[:NAME_BYTES]


def read_or_make(file: Path) -> SpoolKey:
    """Return the key in `file`, and make it first when there is none.

    Raises ProgramError when others can read it, ValueError when it is no key, and OSError.
    """
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_private(file, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    with file.open("rb") as opened:
        refuse_shared(file, os.fstat(opened.fileno()).st_mode)
        text = opened.read(1000)
    secret = base64.b64decode(text.strip(), validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("not a key of 32 bytes in Base64")
    return SpoolKey(secret)


def refuse_shared(file: Path, mode: int | None = None) -> None:
    """Raise ProgramError when `file` is there and others than its owner can read it; Windows has no such modes.

    `mode` is the file's, where it is known already.
    """
    try:
        found = stat.S_IMODE(file.stat().st_mode if mode is None else mode)
    except OSError:
        return
    if os.name == "posix" and found & (stat.S_IRWXG | stat.S_IRWXO):
        raise ProgramError(
            f"Others can read the spool's key in {file} (mode {found:04o}). Run: chmod 600 "
            f"{shlex.quote(str(file))}, and consider who may have read it",
            Exit.CONFIG,
        )
