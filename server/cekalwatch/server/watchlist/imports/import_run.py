"""One import from its first record to its end, with its entries in the audit trail."""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial

import structlog

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.watchlist import ImportOutcome
from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.concurrency.priorities import BackgroundThreads
from cekalwatch.server.domain.orders.ban_order import OrderJudgement
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.importer import PreparedRecord, WatchlistImporter
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.imports.reports import summarise

BROKEN_OFF = "BROKEN_OFF"

MAX_TOGETHER = 16
"""Records that are stored in one transaction; twenty cost little less each than sixteen do."""
SPARE = 4
"""Records that each thread may prepare while others are stored."""
MAX_BYTES_WAITING = 64_000_000
"""Photographs of records that are prepared beyond one a thread."""

_LIKE_A_KEY = re.compile(r"(?=.*\d)(?!\d{16}$)[!-~]{1,64}", re.ASCII)
"""A refused record's key may be anything, even a name in the wrong column: a recorded key has a digit, no space, and is
no national identity number."""

log = structlog.get_logger()


def is_like_a_key(text: str) -> bool:
    """Whether a text in the place of a key may be recorded: it looks like a key, not like a name."""
    return bool(_LIKE_A_KEY.fullmatch(text))


@dataclass
class _Waiting:
    """A record that is not stored yet."""

    record: ImportRecord
    preparing: Future[PreparedRecord] | None = None
    """None while there is one before it of the same subject or order."""


class ImportRun:
    """An import by `actor`: several records are prepared in parallel, and stored and reported in their order.

    Methods that store block, and raise StorageError. One caller at a time; `close` and `drop` may be called at the same
    time.
    """

    def __init__(
        self,
        importer: WatchlistImporter,
        store: WatchlistStore,
        audit: AuditStore,
        clock: Clock,
        actor: Actor,
        threads: BackgroundThreads,
        permitted: Callable[[], None] = lambda: None,
    ) -> None:
        """`threads` process photographs; other imports may share them.

        `permitted` raises when storing is no longer allowed; it is called directly before each write, and may block.
        """
        self._permitted = permitted
        self._importer = importer
        self._store = store
        self._audit = audit
        self._clock = clock
        self._actor = actor
        self._threads = threads
        self._counts: Counter[str] = Counter()
        self._finished = False
        self._waiting: deque[_Waiting] = deque()
        self._storing = threading.Lock()

    @property
    def waiting(self) -> bool:
        """Whether records wait to be stored."""
        return bool(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether one more record may wait: those that do are few, or of few bytes."""
        if len(self._waiting) >= MAX_TOGETHER + self._spare:
            return False
        size = sum(len(photograph.data) for one in self._waiting for photograph in one.record.photographs)
        return len(self._waiting) <= self._threads.count or size <= MAX_BYTES_WAITING

    def add(self, record: ImportRecord) -> None:
        """Let a record be prepared; `store` will report on it."""
        self._waiting.append(_Waiting(record))
        self._prepare()

    def store(self) -> list[RecordReport]:
        """Store the first waiting records, at least one, and return the reports on them, in their order.

        They are committed in one transaction, together with their audit entries. It takes the prepared records; if many
        wait, it takes more, while the threads prepare the rest.
        """
        self._prepare()
        waiting = self._waiting
        least, prepared = max(1, len(waiting) - self._spare), list[PreparedRecord]()
        while waiting and (preparing := waiting[0].preparing) and len(prepared) < MAX_TOGETHER:
            if len(prepared) >= least and not preparing.done():
                break
            waiting.popleft()
            prepared.append(preparing.result())
        with self._storing:
            self._permitted()
            reports = self._importer.store(prepared, self._actor)
            for report in reports:
                if report.outcome is ImportOutcome.REFUSED:
                    self.refused(report)
            self._count([report for report in reports if report.outcome is not ImportOutcome.REFUSED])
            return reports

    def import_records(self, records: Iterable[ImportRecord]) -> Generator[RecordReport]:
        """Import the records and report on each, in their order.

        If this is interrupted, all reported records are stored; the reports on records that were being stored may be
        missing.
        """
        try:
            for record in records:
                while not self.has_room:
                    yield from self.store()
                self.add(record)
            while self.waiting:
                yield from self.store()
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget the waiting records without storing them."""
        dropped, self._waiting = self._waiting, deque()
        for one in list(dropped):
            if one.preparing:
                one.preparing.cancel()

    def _prepare(self) -> None:
        """Let each record be prepared that has none of the same subject or order before it."""
        before = set[str]()
        for one in self._waiting:
            keys = {
                ObjectKind.SUBJECT.key(one.record.subject.subject_id),
                ObjectKind.ORDER.key(one.record.order.order_id),
            }
            if one.preparing is None and before.isdisjoint(keys):
                one.preparing = self._threads.submit(self._importer.prepare, one.record)
            before |= keys

    @property
    def _spare(self) -> int:
        return SPARE * self._threads.count

    def remarkable(self, subject_ids: Collection[str]) -> dict[str, OrderJudgement]:
        """Return the orders of these subjects that break a rule or are flagged, by key."""
        return self._importer.remarkable(subject_ids)

    def note_corrections(self, count: int) -> None:
        """Count the cells of the list that its sender has corrected; they are recorded with the whole import."""
        self._counts["corrected"] += count

    def refused(self, report: RecordReport) -> RecordReport:
        """Take the report on a record that cannot be read, and return it."""
        keys = {"order_id": (ObjectKind.ORDER, report.order_id), "subject_id": (ObjectKind.SUBJECT, report.subject_id)}
        keys.pop(report.field, None)  # a refused key may be a number of the person
        objects = tuple(thing.key(key) for thing, key in keys.values() if is_like_a_key(key))
        outcome = report.reason or Code.RECORD_INVALID
        details = {"field": report.field}
        entry = AuditEntry(self._clock.now(), self._actor, Action.ORDER_IMPORTED, objects, outcome, details)
        self._audit.append(entry)
        self._count([report])
        return report

    def delete_ended(self, subject_ids: Iterable[str]) -> None:
        """Delete the subjects without any remaining order, with all their data."""
        for subject_id in sorted(subject_ids):
            self._permitted()
            if self._store.delete_ended_subject(subject_id, partial(self._deleted, subject_id)):
                log.info("subject_deleted_at_source")

    def _deleted(self, subject_id: str, gone: SubjectDeletion) -> AuditEntry:
        return deletion_entry(self._actor, self._clock.now(), subject_id, gone.order_ids, **gone.counts)

    def finish(self) -> None:
        """Record that the watchlist is up to date."""
        self._permitted()
        now = self._clock.now()
        self._store.mark_success(now, self._whole(OK))
        self._finished = True

    def close(self) -> None:
        """Drop waiting records, and record the interruption, unless the import was finished."""
        self.drop()
        with self._storing:  # records that are being stored at this moment count
            if not self._finished:
                self._audit.append(self._whole(BROKEN_OFF))

    def _whole(self, outcome: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            actor=self._actor,
            action=Action.WATCHLIST_IMPORTED,
            outcome=outcome,
            details=dict(self._counts),
        )

    def _count(self, reports: Sequence[RecordReport]) -> None:
        self._counts.update(asdict(summarise(reports)))
