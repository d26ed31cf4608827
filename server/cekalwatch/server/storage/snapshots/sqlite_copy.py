"""Snapshots of SQLite: SQLite's own backup makes a copy, in a file without a name, which is read and overwritten."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.connecting import BUSY_TIMEOUT_S
from cekalwatch.server.storage.snapshots.snapshot import CHUNK_BYTES, Snapshot, read_state

MIN_LEFT_BYTES = 200_000_000
"""Bytes that the copy must leave free for running servers."""


@contextmanager
def sqlite_snapshot(file: Path) -> Iterator[Snapshot]:
    """Yield a copy of the database in `file`. Raises ProgramError.

    The copy has the mode 0600, and no name while it is filled, so that nothing remains if this program is killed. Its
    bytes are overwritten with zeros when the block ends.
    """
    _refuse_without_room(file)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with closing(sqlite3.connect(name, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            Path(name).unlink()
            try:
                with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as source:
                    source.execute("BEGIN")  # all that follows sees one state
                    state = read_state(lambda query: source.execute(query).fetchone(), _tables(source))
                    source.backup(copy)
                    source.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise ProgramError(
                    f"The database {file} cannot be copied: {error}. Look with: cekalwatch-server check",
                    Exit.UNAVAILABLE,
                ) from None
        total = os.fstat(handle).st_size
        yield Snapshot(state, _read_once(handle, total), total)
    finally:
        _overwrite(handle)
        os.close(handle)
        Path(name).unlink(missing_ok=True)


@contextmanager
def sqlite_restoring(url: str) -> Iterator[_NewFile]:
    """Write a database to the file of `url`, which must not be there. Raises ProgramError."""
    file = Path(make_url(url).database or "")
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            try:
                yield _NewFile(stream, file)
                stream.flush()
                os.fsync(stream.fileno())
            except BaseException:
                file.unlink()
                raise
    except OSError as error:
        raise ProgramError(f"The database {file} cannot be made: {error.strerror}", Exit.UNAVAILABLE) from None
    _check(file)


class _NewFile:
    def __init__(self, stream: IO[bytes], file: Path) -> None:
        self._stream = stream
        self._file = file

    def write(self, chunk: bytes) -> None:
        try:
            self._stream.write(chunk)
        except OSError as error:
            raise ProgramError(f"{self._file} cannot be written: {error.strerror}", Exit.UNAVAILABLE) from None


def _tables(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [name for (name,) in connection.execute(query)]


def _check(file: Path) -> None:
    """Refuse a damaged database; the file is removed."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        for left in (file, *(file.with_name(f"{file.name}-{end}") for end in ("wal", "shm"))):
            left.unlink(missing_ok=True)
        raise ProgramError(
            f"The database in the backup is damaged ({found}): take an earlier backup", Exit.DATA_PROBLEMS
        )


def _refuse_without_room(file: Path) -> None:
    needed = sum(path.stat().st_size for path in (file, file.with_name(f"{file.name}-wal")) if path.exists())
    if shutil.disk_usage(file.parent).free < needed + MIN_LEFT_BYTES:
        raise ProgramError(
            f"A copy of the database needs {needed / 1e9:.1f} GB beside it for some minutes, and so much is not free "
            f"in {file.parent}: make room first",
            Exit.UNAVAILABLE,
        )


def _read_once(handle: int, total: int) -> Iterator[bytes]:
    for place in range(0, total, CHUNK_BYTES):
        chunk = os.pread(handle, CHUNK_BYTES, place)
        os.pwrite(handle, bytes(len(chunk)), place)
        yield chunk


def _overwrite(handle: int) -> None:
    """Overwrite remains with zeros: deleted data of the database must not stay in a free block."""
    size = os.fstat(handle).st_size
    for place in range(0, size, CHUNK_BYTES):
        piece = os.pread(handle, CHUNK_BYTES, place)
        if any(piece):
            os.pwrite(handle, bytes(len(piece)), place)
    os.fsync(handle)
