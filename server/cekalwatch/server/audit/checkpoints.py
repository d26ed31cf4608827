"""Signed checkpoints: how many entries the audit trail had at a moment, and with which hash it ended.

Whoever can write to the database can cut off the chain's end, or rewrite the whole chain. They cannot sign a checkpoint
without the key, which is a file outside the database. Signatures are Ed25519, or, with a key in a token,
ECDSA on P-256 with SHA-256, which more tokens support. Each signer numbers its checkpoints, so that a missing one is
noticed.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.hardware.signing_key import TokenSigningKey
from cekalwatch.server.hardware.uri import TokenUri

_CONTEXT = "cekalwatch audit checkpoint 2\n"
"""The prefix of signed data, so that a signature is valid only for a checkpoint."""
MAX_LINE = 64 * 1024
"""Maximum characters of a line in a file of checkpoints; a line with a time stamp has some thousand."""
_ED25519_BYTES = 32
_ECDSA = ec.ECDSA(hashes.SHA256())
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_POINT = (serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


@dataclass(frozen=True)
class Checkpoint:
    """The trail's last entry at a moment, signed. All texts are in their stored form; see `valid`."""

    number: int
    """Counts the signer's checkpoints, from 1 without gaps."""
    sequence: int
    hash: str
    """Hash of the entry with that sequence."""
    at: str
    """Time of signing, in the form of `audit.entry.stamp`."""
    public_key: str
    """The signer's key as base64: 32 bytes of Ed25519, or the compressed point (33 bytes) of a P-256 key."""
    signature: str
    """As base64: 64 bytes of Ed25519, or an ECDSA signature as DER."""

    @property
    def signed_at(self) -> datetime:
        """The moment `at`."""
        return datetime.fromisoformat(self.at)

    @property
    def valid(self) -> bool:
        """Whether the signature is that of `public_key`."""
        try:
            statement = _statement(self.number, self.sequence, self.hash, self.at)
        except (ValueError, TypeError):
            return False
        return is_signed(self.public_key, self.signature, statement)

    def to_json(self) -> str:
        """Return it as one line of JSON, without its end: the form that is sent, written and stamped."""
        return json.dumps(self.__dict__)


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint outside the database: one line of a file."""

    checkpoint: Checkpoint
    timestamp: bytes = b""
    """The time-stamp response (RFC 3161, DER) over the UTF-8 of `Checkpoint.to_json`; empty: none."""

    def line(self) -> str:
        """Return it as a line, with its end."""
        stamped = {"timestamp": base64.b64encode(self.timestamp).decode()} if self.timestamp else {}
        return json.dumps(self.checkpoint.__dict__ | stamped) + "\n"

    @classmethod
    def of(cls, line: str) -> Self:
        """Read a line; raises ValueError or TypeError."""
        fields = json.loads(line)
        timestamp = base64.b64decode(fields.pop("timestamp", ""), validate=True)
        return cls(Checkpoint(**fields), timestamp)

    @classmethod
    def read(cls, file: Path) -> list[Self]:
        """Return the checkpoints in `file`; raises ProgramError when it has none, or a signature is wrong.

        An incomplete line, left when the program ended while writing, is skipped: the complete one follows it.
        """
        found: list[Self] = []
        try:
            with file.open(encoding="utf-8") as stream:
                while line := stream.readline(MAX_LINE):
                    if line.rstrip().endswith("}"):
                        found.append(cls.of(line))
        except OSError as error:
            raise ProgramError(f"Cannot read the checkpoint {file}: {error.strerror}", Exit.NO_INPUT) from None
        except (ValueError, TypeError, AttributeError):
            raise ProgramError(
                f"{file} is not a checkpoint of the audit trail (line {len(found) + 1})", Exit.NO_INPUT
            ) from None
        if not found:
            raise ProgramError(f"{file} is not a checkpoint of the audit trail: it is empty", Exit.NO_INPUT)
        if not all(one.checkpoint.valid for one in found):
            raise ProgramError(f"The checkpoint {file} was changed: its signature is wrong", Exit.NO_INPUT)
        return found


class SigningKey:
    """The key that signs a server's checkpoints."""

    def __init__(self, key: Ed25519PrivateKey | TokenSigningKey) -> None:
        self._key = key
        form = _POINT if isinstance(key, TokenSigningKey) else _RAW
        raw = key.public_key().public_bytes(*form)
        self.public_key = base64.b64encode(raw).decode()

    @classmethod
    def load_or_create(cls, file: Path) -> Self:
        """Return the key in `file`, which is made, for its owner only, if it is missing. Raises ProgramError."""
        if not file.exists():
            _create(file)
        return cls.load(file)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return the key in `file`. Raises ProgramError when it is missing, invalid, or readable for others."""
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

    @classmethod
    def load_or_make(cls, uri: TokenUri) -> Self:
        """Return the key in a token, which is made there if no key has that name. Raises TokenError."""
        return cls(TokenSigningKey.load_or_make(uri))

    @classmethod
    def in_token(cls, uri: TokenUri) -> Self:
        """Return the key in a token. Raises TokenError, also if no key has that name."""
        return cls(TokenSigningKey.load(uri))

    def sign(self, number: int, sequence: int, entry_hash: str, at: str) -> Checkpoint:
        """Return checkpoint `number` at the entry with that sequence and hash, signed at the moment `at`.

        A key in a token raises TokenError.
        """
        signature = self.sign_statement(_statement(number, sequence, entry_hash, at))
        return Checkpoint(number, sequence, entry_hash, at, self.public_key, signature)

    def sign_statement(self, statement: bytes) -> str:
        """Return the signature of `statement`, as base64; the statement's first line states its purpose.

        A key in a token raises TokenError.
        """
        if isinstance(self._key, TokenSigningKey):
            return base64.b64encode(self._key.sign(statement, _ECDSA)).decode()
        return base64.b64encode(self._key.sign(statement)).decode()


def is_signed(public_key: str, signature: str, statement: bytes) -> bool:
    """Whether the owner of `public_key` signed `statement`; key and signature are as in `Checkpoint`."""
    try:
        raw = base64.b64decode(public_key, validate=True)
        made = base64.b64decode(signature, validate=True)
        if len(raw) == _ED25519_BYTES:
            Ed25519PublicKey.from_public_bytes(raw).verify(made, statement)
        else:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw).verify(made, statement, _ECDSA)
    except (InvalidSignature, binascii.Error, ValueError, TypeError):
        return False
    return True


def _statement(number: int, sequence: int, entry_hash: str, at: str) -> bytes:
    return (_CONTEXT + json.dumps([number, sequence, entry_hash, at], separators=(",", ":"))).encode()


def _create(file: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # Another program must never read a half-written file, so it appears in one step.
    beside = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
                stream.write(pem)
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):  # another program was first, and its key is used
                os.link(beside, file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ProgramError(f"Cannot write the audit key {file}: {error.strerror}") from None
