"""List files in process: each is previewed, waits for its person, and is imported, even if no page shows it.

A file is held until it is imported, given up or abandoned, or its person's session ends. Its bytes are in memory or in
a file without a name, which disappears with this program in any case. Reports contain keys and codes, and stay until
the console restarts; values that must be corrected, and corrections, are forgotten as early as a file would be.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import grpc
import structlog

from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.values.imports import MAX_CORRECTIONS, CellCorrection, FileBegun, FileEnded, RecordReport
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.office.client.import_client import ImportClient, SentFile
from cekalwatch.office.client.refusals import error_reason

MAX_FILES: Final = 4
"""Files that are held at once."""
MAX_KEPT: Final = 50
"""Imports whose reports are kept; the oldest makes room."""
KEEP_FILE_S: Final = 1800.0
"""Seconds for which a previewed file waits for its person."""

log = structlog.get_logger()


class JobState(StrEnum):
    """The state of an import."""

    READING = "READING"
    """The preview is being made."""
    PREVIEWED = "PREVIEWED"
    """It waits for its person; nothing was done."""
    IMPORTING = "IMPORTING"
    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    """It was given up, or could not be read: nothing was done."""
    BROKEN_OFF = "BROKEN_OFF"
    """It ended before its end: what the report names was imported, perhaps a few orders more; whole orders only."""


WORKING: Final = frozenset({JobState.READING, JobState.IMPORTING})


class TooManyFilesError(Exception):
    """As many files are held as there may be."""


@dataclass(eq=False)
class ImportJob:
    """One file. Its thread writes, and pages read."""

    session: WebSession
    name: str
    size: int
    import_id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: JobState = JobState.READING
    rows: int = 0
    """Of the file; 0 until that is known."""
    begun: bool = False
    """Whether the server has begun with the preview, or with the import."""
    lines: list[RecordReport] = field(default_factory=list)
    """Of the preview, and then of the import."""
    ended: FileEnded | None = None
    error: grpc.RpcError | None = None
    """Why it ended before its end."""
    file: SentFile | None = field(default=None, repr=False)
    corrections: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    """New values of cells, by row and column; without a row, the order of a column of days."""
    waits_since_s: float = 0.0

    @property
    def working(self) -> bool:
        return self.state in WORKING

    @property
    def counts(self) -> Counter[str]:
        """Numbers of rows with findings, by GROUPS, and of unusable photographs."""
        found = Counter(group for one in self.lines for group in groups(one))
        found["PHOTOGRAPHS"] = sum(photo.outcome == PhotoOutcome.REFUSED for one in self.lines for photo in one.photos)
        return found

    def forget_file(self) -> None:
        """Hold the file's bytes and its corrections no more."""
        file, self.file = self.file, None
        self.corrections = {}
        if file:
            file.stream.close()

    def forget_values(self) -> None:
        """Hold the values no more that were to be corrected."""
        self.lines = [replace(one, faults=()) if one.faults else one for one in self.lines]


GROUPS: Final = (
    *("REFUSED", "ENDS", "INVALID", "FLAGGED", "UNRECOGNISABLE", "PHOTOS", "DOUBTFUL"),
    *("ADDED", "CHANGED", "STORED"),
)
"""Groups of rows that are shown together; UNCHANGED rows are only counted."""


def groups(line: RecordReport) -> tuple[str, ...]:
    """Return the remarks about a row."""
    refused = line.outcome == ImportOutcome.REFUSED
    stored = line.outcome == ImportOutcome.STORED
    found = {
        "REFUSED": refused,
        "ENDS": line.ends,
        "INVALID": line.status == OrderStatus.INVALID,
        "FLAGGED": bool(line.flags),
        "UNRECOGNISABLE": line.unrecognisable,
        "PHOTOS": any(photo.outcome == PhotoOutcome.REFUSED for photo in line.photos),
        "DOUBTFUL": any(photo.also_under for photo in line.photos),
        "ADDED": stored and line.added,
        "CHANGED": stored and not line.added,
        "STORED": stored,
        "UNCHANGED": line.outcome == ImportOutcome.UNCHANGED,
    }
    return tuple(name for name, so in found.items() if so)


class ImportJobs:
    """All files of this console. It may be used from several threads."""

    def __init__(
        self, client: Callable[[WebSession], ImportClient], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._jobs: dict[str, ImportJob] = {}
        self._coming = 0
        """Files that browsers send now."""
        self._lock = threading.Lock()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Count a file that a browser sends in this block; raises TooManyFilesError, and then the file must not be
        read."""
        with self._lock:
            if self._coming + self._held >= MAX_FILES:
                raise TooManyFilesError
            self._coming += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming -= 1

    @property
    def _held(self) -> int:
        return sum(one.file is not None for one in self._jobs.values())

    def begin(self, session: WebSession, file: SentFile) -> ImportJob:
        """Begin with a file, which is closed here in the end; raises TooManyFilesError, and has closed it then."""
        job = ImportJob(session, file.name, file.size, file=file)
        with self._lock:
            if self._held >= MAX_FILES:
                file.stream.close()
                raise TooManyFilesError
            kept = [key for key, one in self._jobs.items() if one.file is None]
            for key in kept[: max(0, len(self._jobs) - MAX_KEPT + 1)]:
                del self._jobs[key]
            self._jobs[job.import_id] = job
        self._start(job, "")
        return job

    def all(self) -> list[ImportJob]:
        """Return them, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def find(self, import_id: str) -> ImportJob | None:
        """Return a job; None when it does not exist or was removed."""
        with self._lock:
            return self._jobs.get(import_id)

    def confirm(self, job: ImportJob, session: WebSession, signed: tuple[str, ...] = (), word: str = "") -> bool:
        """Import the previewed file; false when it no longer waits, or waits for somebody else.

        `word`: of a second person, for the orders in force that it silences.
        """
        with self._lock:
            if job.state is not JobState.PREVIEWED or job.session is not session or job.ended is None:
                return False
            digest, job.state = job.ended.preview_digest, JobState.IMPORTING
            job.lines, job.ended, job.error, job.begun = [], None, None, False
        self._start(job, digest, signed, word)
        return True

    def repair(self, job: ImportJob, session: WebSession, cells: Mapping[tuple[str, str], str]) -> bool:
        """Preview the file again with corrected cells, by row and column; false when it no longer waits, waits for
        somebody else, or would have more corrections than there may be."""
        with self._lock:
            if job.state is not JobState.PREVIEWED or job.session is not session:
                return False
            corrections = {**job.corrections, **cells}
            if len(corrections) > MAX_CORRECTIONS:
                return False
            job.corrections = corrections
            job.state = JobState.READING
            job.lines, job.ended, job.error, job.begun = [], None, None, False
        self._start(job, "")
        return True

    def give_up(self, job: ImportJob) -> bool:
        """Forget the file of a preview; false when it does not wait any more."""
        with self._lock:
            if job.state is not JobState.PREVIEWED:
                return False
            job.state = JobState.NOT_DONE
        job.forget_file()
        job.forget_values()
        return True

    def sweep(self, is_open: Callable[[WebSession], bool]) -> None:
        """Forget files whose person left them alone for too long, or has no session any more."""
        for job in self.all():
            left = self._monotonic() - job.waits_since_s > KEEP_FILE_S
            if job.working or not (left or not is_open(job.session)):
                continue
            self.give_up(job)
            job.forget_values()

    def close(self) -> None:
        """Forget all files; running previews and imports end with an error."""
        for job in self.all():
            job.forget_file()

    def _start(self, job: ImportJob, digest: str, signed: tuple[str, ...] = (), word: str = "") -> None:
        threading.Thread(target=self._work, args=(job, digest, signed, word), name="import", daemon=True).start()

    def _work(self, job: ImportJob, digest: str, signed: tuple[str, ...], word: str) -> None:
        """Let the server preview or import a file, and record its answers."""
        untouched = not digest
        try:
            self._send(job, digest, signed, word)
        except grpc.RpcError as error:
            log.warning("list_file_failed", state=job.state, code=error.code().name)
            job.error = error
            # A server that refuses before it begins has done nothing; one that is lost may have done something.
            untouched = untouched or bool(error_reason(error) and not job.begun)
        except Exception:  # a defect must not leave a page that waits for ever
            log.exception("list_file_crashed")
        finally:
            job.waits_since_s = self._monotonic()
            if job.ended is None:
                job.state = JobState.NOT_DONE if untouched else JobState.BROKEN_OFF
            elif digest:
                job.state = JobState.DONE
            else:
                job.state = JobState.PREVIEWED
            if job.state is not JobState.PREVIEWED:
                job.forget_file()

    def _send(self, job: ImportJob, digest: str, signed: tuple[str, ...], word: str) -> None:
        if job.file is None:
            return
        corrections = [CellCorrection(*cell, value) for cell, value in job.corrections.items()]
        for told in self._client(job.session).send(job.file, digest, corrections, signed, word):
            match told:
                case FileBegun():
                    job.rows, job.begun = told.rows, True
                case RecordReport():
                    job.lines.append(told)
                case FileEnded():
                    job.ended = told
