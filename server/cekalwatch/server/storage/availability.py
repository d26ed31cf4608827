"""Whether the database can be used, by the results of connecting, writing and committing; limits attempts to connect.

While connecting fails, one caller at a time tries, a few times a second; the others get its error at once. So the
server does not flood a database that returns, and an unavailable one does not block all threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import structlog

from cekalwatch.server.storage.errors import StorageError

TRY_PERIOD_S = 0.25
"""Between two attempts to connect, while none succeeds."""
COMMIT_WAITS_S = 5.0
"""A commit that takes longer waits for something that needs help."""
MAX_PROBLEM = 300

log = structlog.get_logger()

_C = TypeVar("_C")


class AwayReason(StrEnum):
    """Why the database cannot be used."""

    UNREACHABLE = "UNREACHABLE"
    """No host answers."""
    READ_ONLY = "READ_ONLY"
    """What answers takes no writes: a standby that is not promoted, or a file that may only be read."""
    STARTING = "STARTING"
    """It starts, stops or recovers."""
    REFUSED = "REFUSED"
    """It answers, but refuses connections: a wrong password or name, or too many connections."""
    COMMITS_WAIT = "COMMITS_WAIT"
    """It is reachable, but commits are not confirmed: its synchronous standby is unavailable."""
    FULL = "FULL"
    """Its disk is full."""
    NOT_WRITTEN = "NOT_WRITTEN"
    """Its file cannot be opened or written: the disk is damaged, was taken away, or has a limit."""
    LOST = "LOST"
    """Its file is gone or was replaced, so writes are lost; or its tables are gone."""


_WRITE_FAILURES = (
    ("SQLITE_FULL", AwayReason.FULL),
    ("DiskFull", AwayReason.FULL),
    ("SQLITE_READONLY", AwayReason.READ_ONLY),
    ("SQLITE_IOERR", AwayReason.NOT_WRITTEN),
    ("SQLITE_CANTOPEN", AwayReason.NOT_WRITTEN),
    ("UndefinedTable", AwayReason.LOST),
)
"""By how the drivers' names for a failure begin."""

WAITED_FOR = frozenset({AwayReason.READ_ONLY, AwayReason.STARTING})
"""Reasons that usually end when somebody promotes or starts the database."""


@dataclass(frozen=True)
class DatabaseAway:
    """The database cannot be used."""

    reason: AwayReason
    seconds: float
    """For how long."""
    problem: str = ""
    """What connecting ended with; it names hosts, and no password."""


@dataclass(frozen=True)
class _Refusal:
    reason: AwayReason
    problem: str
    since_s: float


@dataclass(frozen=True)
class _Failure:
    error: Exception
    since_s: float
    last_s: float


class Availability:
    """Of one database, for one program. Any thread may use it; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._trying = threading.Lock()
        self._failure: _Failure | None = None
        self._refusal: _Refusal | None = None
        self._commits: dict[object, float] = {}
        self._told: AwayReason | None = None
        self._told_at_s = 0.0

    @property
    def away(self) -> DatabaseAway | None:
        """The failure of the last attempt to connect or to write, or what commits wait for; None without a failure."""
        now_s, failure, refusal = self._monotonic(), self._failure, self._refusal
        if failure is not None:
            return DatabaseAway(_reason(failure.error), now_s - failure.since_s, _problem(failure.error))
        if refusal is not None:
            return DatabaseAway(refusal.reason, now_s - refusal.since_s, refusal.problem)
        waits_s = now_s - min(tuple(self._commits.values()), default=now_s)
        return DatabaseAway(AwayReason.COMMITS_WAIT, waits_s) if waits_s > COMMIT_WAITS_S else None

    def dial(self, connect: Callable[[], _C]) -> _C:
        """Return the result of `connect`, and record it; while it fails, it is not called for each caller.

        Raises the errors of `connect`, or its last error of a moment ago.
        """
        failure = self._failure
        if failure is None:
            return self._try(connect)
        if not self._trying.acquire(blocking=False):
            raise _again(failure.error)
        try:
            self._refuse_too_soon()
            return self._try(connect)
        finally:
            self._trying.release()

    def _refuse_too_soon(self) -> None:
        """Raise the last error; another thread may have connected in the meantime."""
        failure = self._failure
        if failure is not None and self._monotonic() - failure.last_s < TRY_PERIOD_S:
            raise _again(failure.error)

    def _try(self, connect: Callable[[], _C]) -> _C:
        try:
            connection = connect()
        except Exception as error:
            now_s, failure = self._monotonic(), self._failure
            self._failure = _Failure(_again(error), now_s if failure is None else failure.since_s, now_s)
            raise
        self._failure = None
        return connection

    def note_failure(self, name: str) -> None:
        """Note how a statement failed, by the driver's name for it, if that says that nothing can be written."""
        for begin, reason in _WRITE_FAILURES:
            if name.startswith(begin):
                self.note_refusal(reason, name)

    def note_refusal(self, reason: AwayReason, problem: str) -> None:
        """Note that nothing can be written, until `note_written`."""
        refusal = self._refusal
        if refusal is None or refusal.reason is not reason:
            self._refusal = _Refusal(reason, problem[:MAX_PROBLEM], self._monotonic())

    def note_written(self) -> None:
        """Record a successful write."""
        self._refusal = None

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Note for how long the block, which commits, takes."""
        key = object()
        self._commits[key] = self._monotonic()
        try:
            yield
        finally:
            del self._commits[key]

    def tell(self) -> None:
        """Log if the database became unavailable or returned since the last call; one thread calls it regularly."""
        away, now_s = self.away, self._monotonic()
        reason = away.reason if away else None
        if reason is self._told:
            return
        if away:
            log.error("database_away", reason=away.reason.value, problem=away.problem)
            if self._told is None:
                self._told_at_s = now_s - away.seconds
        else:
            log.info("database_back", away_s=round(now_s - self._told_at_s, 1))
        self._told = reason


def _again(error: Exception) -> Exception:
    return type(error)(*error.args)


def _problem(error: Exception) -> str:
    return "; ".join(line.strip(" \t-") for line in str(error).splitlines())[:MAX_PROBLEM]


def _reason(error: Exception) -> AwayReason:
    """Return the reason by the messages of libpq and the hosts; of several hosts the most usable one counts."""
    said = str(error)
    if "read-only" in said:
        return AwayReason.READ_ONLY
    if "the database system is" in said:
        return AwayReason.STARTING
    return AwayReason.REFUSED if "FATAL" in said else AwayReason.UNREACHABLE


class DatabaseLostError(StorageError):
    """The opened file is no longer at its path, so all writes are lost."""


class FilePlace:
    """Checks whether the file from which a database was opened is still at its path. Any thread may use it.

    SQLite continues to write into a file that was removed or replaced: then all data is lost at the next start.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: tuple[int, int] | None = None

    def note_opened(self) -> None:
        """Remember which file it is; the first counts."""
        if self._opened is None:
            self._opened = self._present()

    def check(self) -> None:
        """Raise DatabaseLostError unless the opened file is still there. It takes some microseconds."""
        if self._opened is None:
            return
        found = self._present()
        if found is None:
            raise DatabaseLostError(f"the database file {self._file} is gone")
        if found != self._opened:
            raise DatabaseLostError(f"the database file {self._file} is another one than was opened")

    def _present(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
