"""The key that seals what waits on a capture host's disk: a file apart from it, which only its owner can read.

It is made at first start. Nobody needs a copy: with a new key the captures that wait are lost, and nothing else is.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cekalwatch.program.secret_files import create_private, refuse_shared

WHAT, THEN = "the spool's key", "consider who may have read it"
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
        refuse_shared(WHAT, file, os.fstat(opened.fileno()).st_mode, THEN)
        text = opened.read(1000)
    secret = base64.b64decode(text.strip(), validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("not a key of 32 bytes in Base64")
    return SpoolKey(secret)


def refuse_shared_key(file: Path) -> None:
    """Raise ProgramError when the key is there and others than its owner can read it."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    refuse_shared(WHAT, file, mode, THEN)
