"""The form of a backup: a tar archive, encrypted with age to the keys of the people who may read it.

Both are streams: the whole is never in memory or on the disk. Each file is cut into parts, FILE/000000 and so on,
because tar needs the size of a member in advance, and the size of a database's dump is unknown. The manifest, with the
SHA-256 of each file, comes last. Any `age` and `tar` can read it (docs/backup.md). It does not know the files' meaning.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import pyrage

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import refuse_shared

MANIFEST = "manifest.json"
PART_BYTES = 4 << 20
MAX_PART_BYTES = 64 << 20
"""Maximum size of a part that is read, and of the manifest."""
BLOCK = tarfile.BLOCKSIZE
_PART = re.compile(r"((?:[a-z0-9_][a-z0-9_.-]*/)*[a-z0-9_][a-z0-9_.-]*)/\d{6}", re.ASCII)
"""Allowed names; none can lead out of a folder."""


@dataclass(frozen=True)
class AgeIdentity:
    """A private key of age, which decrypts archives for its public key."""

    key: Any = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make a key from the system's random numbers."""
        return cls(pyrage.x25519.Identity.generate())

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a key in the form of `age-keygen`; raises ProgramError."""
        try:
            refuse_shared("the private key of the backups", file, file.stat().st_mode, "consider who may have read it")
            lines = file.read_text(encoding="utf-8").splitlines()
            text = next(line.strip() for line in lines if line.startswith("AGE-SECRET-KEY-"))
            return cls(pyrage.x25519.Identity.from_str(text))
        except OSError as error:
            raise ProgramError(f"The private key {file} cannot be read: {error.strerror}", Exit.NO_INPUT) from None
        except (StopIteration, UnicodeDecodeError, pyrage.IdentityError):
            raise ProgramError(
                f"{file} is no private key of age: a line of it begins with AGE-SECRET-KEY-1", Exit.NO_INPUT
            ) from None

    @property
    def public(self) -> str:
        """The public key, "age1…"."""
        return str(self.key.to_public())

    @property
    def text(self) -> str:
        """The content of a file that `read` accepts."""
        return f"# public key: {self.public}\n{self.key}\n"


@dataclass(frozen=True)
class FileFacts:
    """A packed file."""

    size: int
    sha256: str


Describe = Callable[[dict[str, FileFacts]], bytes]
"""Makes the manifest when all files are known."""


def write_archive(
    out: IO[bytes], files: Iterable[tuple[str, Iterable[bytes]]], describe: Describe, recipients: Sequence[str]
) -> None:
    """Write the files, and then their manifest, so that only the owners of the public keys `recipients` can read them.

    Raises OSError, ProgramError for an invalid key, and the errors of reading the files.
    """
    try:
        keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    except pyrage.RecipientError:
        raise ProgramError(
            f"One of {', '.join(recipients)} is no public key of age: look at the first line of the private key's file",
            Exit.CONFIG,
        ) from None
    source, sink = _Reader(_packed(files, describe)), _Writer(out.write)
    try:
        pyrage.encrypt_io(source, sink, keys)
    except (pyrage.EncryptError, OSError):
        # The library's error text has lost the type of our own error.
        if problem := source.problem or sink.problem:
            raise problem from None
        raise


def read_archive(
    file: Path, identity: AgeIdentity, take: Callable[[str, bytes], None] = lambda _name, _part: None
) -> tuple[bytes, dict[str, FileFacts]]:
    """Pass each part to `take` with its file's name, in order; return the manifest, and the files that were read.

    Raises ProgramError when the key is wrong, or the archive was cut or changed, and the errors of `take`. Parts that
    were passed before an error are unchanged: age checks each piece of 64 KiB.
    """
    unpacker = _Unpacker(take)
    sink = _Writer(unpacker.write)
    try:
        with file.open("rb") as source:
            pyrage.decrypt_io(source, sink, [identity.key])
    except tarfile.HeaderError:
        raise damaged(file, "something else is in it") from None
    except (pyrage.DecryptError, OSError) as error:
        if sink.problem:
            raise sink.problem from None
        if isinstance(error, pyrage.DecryptError) and "No matching keys" in str(error):
            raise ProgramError(
                f"{file} was not made for this private key: name another --identity", Exit.REFUSED
            ) from None
        if isinstance(error, OSError) and error.strerror:
            raise ProgramError(f"{file} cannot be read: {error.strerror}", Exit.NO_INPUT) from None
        raise damaged(file, "it was cut or changed") from None
    if unpacker.manifest is None:
        raise damaged(file, "it is not whole")
    return unpacker.manifest, unpacker.facts()


def damaged(file: Path, why: str) -> ProgramError:
    """Return the error for an archive that must not be used."""
    return ProgramError(
        f"{file} is no whole backup: {why}. Nothing was restored; take another copy", Exit.DATA_PROBLEMS
    )


class _Counted:
    """Size and hash of a file while its parts pass."""

    def __init__(self) -> None:
        self._size = 0
        self._digest = hashlib.sha256()

    def take(self, part: bytes) -> None:
        self._size += len(part)
        self._digest.update(part)

    @property
    def facts(self) -> FileFacts:
        return FileFacts(self._size, self._digest.hexdigest())


class _Reader:
    """The stream that age reads."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.problem: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except Exception as error:
            self.problem = error
            raise
        given, self._rest = self._rest[:size], self._rest[size:]
        return bytes(given)


class _Writer:
    """The stream to which age writes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.problem: Exception | None = None

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except Exception as error:
            self.problem = error
            raise
        return len(data)

    def flush(self) -> None:
        """Do nothing: the file itself is flushed later."""


class _Unpacker:
    """Reads a tar stream; members are small, so each one fits in memory."""

    def __init__(self, take: Callable[[str, bytes], None]) -> None:
        self._take = take
        self._waiting = bytearray()
        self._files = dict[str, _Counted]()
        self.manifest: bytes | None = None
        """The manifest; what follows it is not kept."""

    def facts(self) -> dict[str, FileFacts]:
        return {name: counted.facts for name, counted in self._files.items()}

    def write(self, data: bytes) -> None:
        if self.manifest is None:
            self._waiting += data
        while len(self._waiting) >= BLOCK and self.manifest is None:
            header = tarfile.TarInfo.frombuf(bytes(self._waiting[:BLOCK]), "ascii", "surrogateescape")
            if not header.isreg() or not 0 <= header.size <= MAX_PART_BYTES:
                raise tarfile.HeaderError("no part of a backup")
            end = BLOCK + header.size
            if len(self._waiting) < end + -header.size % BLOCK:
                return
            content = bytes(self._waiting[BLOCK:end])
            del self._waiting[: end + -header.size % BLOCK]
            self._member(header.name, content)

    def _member(self, name: str, content: bytes) -> None:
        if name == MANIFEST:
            self.manifest = content
            return
        match = _PART.fullmatch(name)
        if match is None:
            raise tarfile.HeaderError("no part of a backup")
        self._files.setdefault(match[1], _Counted()).take(content)
        self._take(match[1], content)


def _packed(files: Iterable[tuple[str, Iterable[bytes]]], describe: Describe) -> Iterator[bytes]:
    facts = dict[str, FileFacts]()
    for name, chunks in files:
        counted = _Counted()
        for number, part in enumerate(_parts(chunks)):
            counted.take(part)
            yield from _member(f"{name}/{number:06d}", part)
        facts[name] = counted.facts
    yield from _member(MANIFEST, describe(facts))
    yield bytes(2 * BLOCK)


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in parts of equal size, except the last; at least one part, which may be empty."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
    yield bytes(waiting)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(content), 0o600
    yield header.tobuf(tarfile.USTAR_FORMAT)
    yield content
    yield bytes(-len(content) % BLOCK)
