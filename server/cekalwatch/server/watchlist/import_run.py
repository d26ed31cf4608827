"""One import from its first record to its end, with what the audit trail says of it."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.security.audit import MOST_TEXT, OK, Action, Actor, AuditEntry, Thing
from cekalwatch.server.storage.audit_store import AuditStore
from cekalwatch.server.storage.watchlist_store import WatchlistStore
from cekalwatch.server.watchlist.importer import PreparedRecord, StoredRecord, WatchlistImporter
from cekalwatch.server.watchlist.records import ImportRecord
from cekalwatch.server.watchlist.reports import RecordOutcome, RecordReport, summarise

BROKEN_OFF = "BROKEN_OFF"

MOST_TOGETHER = 16
"""Records that are stored in one transaction; twenty cost little less each than sixteen do."""
SPARE = 4
"""Records that each thread has to go on with while others are stored."""
MOST_BYTES_WAITING = 64_000_000
"""Photographs of records that are prepared beyond one a thread."""

_LIKE_A_KEY = re.compile(r"(?=.*\d)(?!\d{16}$)[!-~]{1,64}", re.ASCII)
"""A refused record's key may be anything, even a name in the wrong column: what is recorded has a digit, no space, and
is no national identity number."""


def is_like_a_key(text: str) -> bool:
    """Whether a text that stands where a key should can be recorded."""
    return bool(_LIKE_A_KEY.fullmatch(text))


class ImportRun:
    """An import by `actor`. Methods block, and raise STORAGE_UNAVAILABLE when the database cannot be used."""

    def __init__(
        self, importer: WatchlistImporter, store: WatchlistStore, audit: AuditStore, clock: Clock, actor: Actor
    ) -> None:
        self._importer = importer
        self._store = store
        self._audit = audit
        self._clock = clock
        self._actor = actor
        self._counts: Counter[str] = Counter()
        self._finished = False

    def import_record(self, record: ImportRecord) -> RecordReport:
        """Import a record; what it changes is committed together with its entry in the audit trail."""

        return self._store_all([self._importer.prepare(record)])[0]

    def import_records(self, records: Iterable[ImportRecord], threads: int) -> Generator[RecordReport]:
        """Import the records and report on each, in their order, while `threads` look at photographs of the next ones.

        What is ready at the same time is stored together. When the import is broken off, what it has reported on is
        stored; of what was stored in the same moment, the report may be missing.
        """
        waiting: deque[tuple[ImportRecord, Future[PreparedRecord]]] = deque()
        with ThreadPoolExecutor(threads, "enrol") as enrolling:
            try:
                for record in records:
                    while waiting and not _fits(record, waiting, threads):
                        yield from self._store_all(_taken(waiting, most=len(waiting) - SPARE * threads))
                    waiting.append((record, enrolling.submit(self._importer.prepare, record)))
                while waiting:
                    yield from self._store_all(_taken(waiting, most=MOST_TOGETHER))
            finally:
                for _, preparing in waiting:
                    preparing.cancel()

    def _store_all(self, prepared: list[PreparedRecord]) -> list[RecordReport]:
        def note(stored: StoredRecord) -> AuditEntry:
            record = stored.record
            keys = (Thing.ORDER.key(record.order.order_id), Thing.SUBJECT.key(record.subject.subject_id))
            details: dict[str, int | str] = {"references": stored.references}
            if stored.doubtful:
                details["also_under"] = stored.doubtful
            if stored.done.fields:  # their names, and nothing of what they hold
                details["changed"] = " ".join(stored.done.fields)[:MOST_TEXT]
            outcome = stored.done.outcome
            return AuditEntry(self._clock.now(), self._actor, Action.ORDER_IMPORTED, keys, outcome, details)

        reports = self._importer.store(prepared, note)
        for report in reports:
            if report.outcome is RecordOutcome.REFUSED:
                self.refused(report)
            else:
                self._count(report)
        return reports

    def refused(self, report: RecordReport) -> RecordReport:
        """Take the report on a record that cannot be read, and return it."""
        keys = {"order_id": (Thing.ORDER, report.order_id), "subject_id": (Thing.SUBJECT, report.subject_id)}
        keys.pop(report.field, None)  # what was refused as a key may be a number of the person
        objects = tuple(thing.key(key) for thing, key in keys.values() if is_like_a_key(key))
        outcome = report.reason or Code.RECORD_INVALID
        details = {"field": report.field}
        self._append(AuditEntry(self._clock.now(), self._actor, Action.ORDER_IMPORTED, objects, outcome, details))
        self._count(report)
        return report

    def finish(self) -> None:
        """Note that the watchlist is up to date."""
        now = self._clock.now()
        try:
            self._store.mark_success(now, self._whole(OK))
        except SQLAlchemyError as error:
            raise CekalwatchError(Code.STORAGE_UNAVAILABLE) from error
        self._finished = True

    def close(self) -> None:
        """Record that the import was broken off, unless it was finished."""
        if not self._finished:
            self._append(self._whole(BROKEN_OFF))

    def _whole(self, outcome: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            actor=self._actor,
            action=Action.WATCHLIST_IMPORTED,
            outcome=outcome,
            details=dict(self._counts),
        )

    def _count(self, report: RecordReport) -> None:
        self._counts.update(asdict(summarise([report])))

    def _append(self, entry: AuditEntry) -> None:
        try:
            self._audit.append(entry)
        except SQLAlchemyError as error:
            raise CekalwatchError(Code.STORAGE_UNAVAILABLE) from error


def _fits(record: ImportRecord, waiting: Collection[tuple[ImportRecord, object]], threads: int) -> bool:
    """Whether the record may be prepared beside those that wait: few, of other subjects, of few bytes together.

    While some are stored, the threads have others to go on with.
    """
    if len(waiting) >= MOST_TOGETHER + SPARE * threads:
        return False
    size = sum(len(photograph.data) for one, _ in waiting for photograph in one.photographs)
    if len(waiting) > threads and size > MOST_BYTES_WAITING:
        return False
    return all(
        record.subject.subject_id != one.subject.subject_id and record.order.order_id != one.order.order_id
        for one, _ in waiting
    )


def _taken(waiting: deque[tuple[ImportRecord, Future[PreparedRecord]]], *, most: int) -> list[PreparedRecord]:
    """Take out the first records, at least one and at most so many, when they are prepared."""
    return [waiting.popleft()[1].result() for _ in range(min(max(1, most), len(waiting)))]
