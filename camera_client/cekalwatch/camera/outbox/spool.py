"""A folder on the capture host's disk in which captures wait, a file for each, sealed with AES-GCM (docs/adr/0007).

A file is written completely or not at all. Its content is sealed together with the keys of its camera and capture, so a
file that was changed, moved or renamed cannot be opened. The spooler decides when a capture is written or removed.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cekalwatch.camera.outbox import capture_message
from cekalwatch.contract.values.cameras import SpoolState
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.platform.access import make_folder
from cekalwatch.program.platform.secrets import MAX_MORE_BYTES, opened, protected
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
        """NAME_BYTES that distinguish it from others, and reveal nothing."""
        return hashlib.sha256(b"cekalwatch spool key" + self.secret).digest()[:NAME_BYTES]


def read_or_make(file: Path) -> SpoolKey:
    """Return the key in `file`, and make it first if it is missing.

    Raises ProgramError when others can read it, ValueError when it is not a key, and OSError.
    """
    if not file.exists():
        make_folder(file.parent)
        create_private(file, protected(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n", file))
    with file.open("rb") as stream:
        refuse_shared(WHAT, file, os.fstat(stream.fileno()).st_mode, THEN)
        text = opened(stream.read(1000 + MAX_MORE_BYTES))
    secret = base64.b64decode(text.strip(), validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("not a key of 32 bytes in Base64")
    return SpoolKey(secret)


def refuse_shared_key(file: Path) -> None:
    """Raise ProgramError when the key exists and others than its owner can read it."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    refuse_shared(WHAT, file, mode, THEN)


MAGIC = b"CKSP"
VERSION = 1
NONCE_BYTES = 12
_HEAD_BYTES = len(MAGIC) + 1 + NAME_BYTES + NONCE_BYTES
PROBE_BYTES = 16_000
"""About a crop."""
SUFFIX = ".capture"
DRAFT_SUFFIX = ".draft"


_STATES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), SpoolState.DISK_FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), SpoolState.READ_ONLY),
}


@dataclass(frozen=True)
class SpoolTerms:
    """The place, size and time limit of captures on the disk, for all cameras of a capture host."""

    folder: Path
    """Each camera has its own folder in it."""
    key_file: Path
    most_bytes: int = 256_000_000
    """Of each camera's folder."""
    most_age_s: float = 4 * 3600.0
    spill_after_s: float = 1.5
    """A capture is written when it has no receipt after this time."""


class SpoolError(Exception):
    """The spool cannot be used now; `state` and the text say why."""

    def __init__(self, state: SpoolState, problem: str) -> None:
        super().__init__(problem)
        self.state = state


class DamagedError(Exception):
    """A file of the spool was changed."""


class ForeignError(Exception):
    """A file of the spool was sealed with another key, or by a newer version of the program."""


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise SpoolError for an OSError."""
    try:
        yield
    except OSError as error:
        state = _STATES.get(error.errno or 0, SpoolState.FAILED)
        raise SpoolError(state, error.strerror or type(error).__name__) from None


class Spool:
    """The folder of one camera. Used by one thread."""

    def __init__(self, folder: Path, key_file: Path, camera_id: str, run_id: str) -> None:
        """`run_id`: this run of the program, stored with the captures that it took."""
        self._folder = folder
        self._key_file = key_file
        self.camera_id = camera_id
        self._run_id = run_id

    @_disk_errors()
    def open(self) -> None:
        """Make the folder and the key if they are missing, and remove incomplete files. Raises SpoolError."""
        try:
            key = read_or_make(self._key_file)
        except ValueError:
            problem = f"{self._key_file} holds no key; remove it, and a new one is made"
            raise SpoolError(SpoolState.FAILED, problem) from None
        except ProgramError as error:
            raise SpoolError(SpoolState.FAILED, str(error)) from None
        make_folder(self._folder)
        for draft in self._folder.glob(f"*{DRAFT_SUFFIX}"):
            draft.unlink()
        self._cipher = AESGCM(key.secret)
        self._begin = MAGIC + bytes([VERSION]) + key.name

    @_disk_errors()
    def probe(self) -> None:
        """Try whether a crop could be written. Raises SpoolError."""
        self._write(self._folder / f"probe{DRAFT_SUFFIX}", bytes(PROBE_BYTES)).unlink()

    @_disk_errors()
    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file by capture id, oldest first. Raises SpoolError."""
        files = {file.stem: file.stat().st_size for file in self._folder.glob(f"*{SUFFIX}") if _is_id(file.stem)}
        return dict(sorted(files.items()))

    @_disk_errors()
    def store(self, capture: FaceCapture) -> int:
        """Write a capture, and return its file's size. It is safe from a power cut after `flush`. Raises SpoolError."""
        nonce = os.urandom(NONCE_BYTES)
        content = capture_message.to_bytes(capture, self._run_id)
        bound = self._bound(self._begin, capture.capture_id)
        sealed = self._begin + nonce + self._cipher.encrypt(nonce, content, bound)
        draft = self._write(self._folder / f"{capture.capture_id}{DRAFT_SUFFIX}", sealed)
        draft.replace(self._file(capture.capture_id))
        return len(sealed)

    @_disk_errors()
    def flush(self) -> None:
        """Make what was stored and removed safe from a power cut. Raises SpoolError."""
        if os.name != "posix":
            return
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @_disk_errors()
    def load(self, capture_id: str) -> FaceCapture:
        """Return a capture. Raises DamagedError, ForeignError and SpoolError."""
        try:
            sealed = self._file(capture_id).read_bytes()
        except FileNotFoundError:
            raise DamagedError("its file is gone") from None
        if sealed[: len(MAGIC)] != MAGIC or len(sealed) <= _HEAD_BYTES:
            raise DamagedError("it does not begin as it should")
        if sealed[len(MAGIC)] > VERSION:
            raise ForeignError("it is of a newer version")
        begin, nonce = sealed[: _HEAD_BYTES - NONCE_BYTES], sealed[_HEAD_BYTES - NONCE_BYTES : _HEAD_BYTES]
        if begin != self._begin:
            raise ForeignError("it was sealed with another key")
        try:
            opened = self._cipher.decrypt(nonce, sealed[_HEAD_BYTES:], self._bound(begin, capture_id))
            return capture_message.from_bytes(opened)
        except (InvalidTag, ValueError):
            raise DamagedError("its seal is broken") from None

    @_disk_errors()
    def remove(self, capture_id: str) -> None:
        """Remove a capture, if it is there. Raises SpoolError."""
        self._file(capture_id).unlink(missing_ok=True)

    def _write(self, draft: Path, content: bytes) -> Path:
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        return draft

    def _file(self, capture_id: str) -> Path:
        return self._folder / f"{capture_id}{SUFFIX}"

    def _bound(self, begin: bytes, capture_id: str) -> bytes:
        return begin + f"{self.camera_id}/{capture_id}".encode()


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
