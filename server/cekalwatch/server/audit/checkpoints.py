"""Signed checkpoints: how many entries the audit trail had at a moment, and with which hash it ended.

Whoever can write to the database can cut the chain at its end, or rewrite it as a whole. They cannot sign a checkpoint
without the key, which is a file outside the database. Signatures are Ed25519.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cekalwatch.program.errors import Exit, ProgramError

_CONTEXT = "cekalwatch audit checkpoint 1\n"
"""Goes before what is signed, so that a signature means a checkpoint and nothing else."""
_MAX_BYTES = 4096


@dataclass(frozen=True)
class Checkpoint:
    """The trail's last entry at a moment, signed. All texts are as they are stored; see `valid`."""

    sequence: int
    hash: str
    """Of the entry with that sequence."""
    at: str
    """When it was signed, in the form of `audit.entry.stamp`."""
    public_key: str
    """The signer's Ed25519 key: 32 bytes as base64."""
    signature: str
    """64 bytes as base64."""

    @property
    def valid(self) -> bool:
        """Whether the signature is that of `public_key`."""
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.public_key, validate=True))
            key.verify(base64.b64decode(self.signature, validate=True), _statement(self.sequence, self.hash, self.at))
        except (InvalidSignature, binascii.Error, ValueError, TypeError):
            return False
        return True

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(self.__dict__)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the checkpoint in `file`; raises ProgramError when there is none, or its signature is wrong."""
        try:
            with file.open(encoding="utf-8") as stream:
                found = cls(**json.loads(stream.read(_MAX_BYTES)))
        except OSError as error:
            raise ProgramError(f"Cannot read the checkpoint {file}: {error.strerror}", Exit.NO_INPUT) from None
        except (ValueError, TypeError):
            raise ProgramError(f"{file} is not a checkpoint of the audit trail", Exit.NO_INPUT) from None
        if not found.valid:
            raise ProgramError(f"The checkpoint {file} was changed: its signature is wrong", Exit.NO_INPUT)
        return found


class SigningKey:
    """The key that signs a server's checkpoints."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public_key = base64.b64encode(raw).decode()

    @classmethod
    def load_or_create(cls, file: Path) -> Self:
        """Return the key in `file`, which is made, for its owner only, when it is not there. Raises ProgramError."""
        if not file.exists():
            _create(file)
        return cls.load(file)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return the key in `file`. Raises ProgramError when it is missing, no such key, or others may read it."""
        try:
            if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
                raise ProgramError(f"Others can read the audit key {file}: run chmod 600 {file}", Exit.CONFIG)
            key = serialization.load_pem_private_key(file.read_bytes(), None)
        except OSError as error:
            raise ProgramError(f"Cannot read the audit key {file}: {error.strerror}", Exit.CONFIG) from None
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ProgramError(
                f"{file} is no audit key. Restore it from a backup; with a new one, the checkpoints so far are signed "
                "by a key that `audit verify` does not know.",
                Exit.CONFIG,
            )
        return cls(key)

    def sign(self, sequence: int, entry_hash: str, at: str) -> Checkpoint:
        """Return a checkpoint at the entry with that sequence and hash, signed at the moment `at`."""
        signature = self._key.sign(_statement(sequence, entry_hash, at))
        return Checkpoint(sequence, entry_hash, at, self.public_key, base64.b64encode(signature).decode())


def _statement(sequence: int, entry_hash: str, at: str) -> bytes:
    return (_CONTEXT + json.dumps([sequence, entry_hash, at], separators=(",", ":"))).encode()


def _create(file: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # A file that another program is writing must never be read half done, so it appears as a whole.
    beside = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
                stream.write(pem)
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):  # another program was first: its key counts
                os.link(beside, file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ProgramError(f"Cannot write the audit key {file}: {error.strerror}") from None
