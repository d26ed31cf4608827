"""One import from its first record to its end, with what the audit trail says of it."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.security.audit import OK, Action, Actor, AuditEntry, Thing
from cekalwatch.server.storage.audit_store import AuditStore
from cekalwatch.server.storage.watchlist_store import Stored, WatchlistStore
from cekalwatch.server.watchlist.importer import PreparedRecord, WatchlistImporter
from cekalwatch.server.watchlist.records import ImportRecord
from cekalwatch.server.watchlist.reports import RecordOutcome, RecordReport, summarise

BROKEN_OFF = "BROKEN_OFF"

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

        return self._store_prepared(self._importer.prepare(record))

    def import_records(self, records: Iterable[ImportRecord], threads: int) -> Generator[RecordReport]:
        """Import the records and report on each, in their order, while `threads` look at photographs of the next ones.

        When it is broken off, what it has reported on is stored, and nothing else is.
        """
        waiting: deque[tuple[str, Future[PreparedRecord]]] = deque()
        with ThreadPoolExecutor(threads, "enrol") as enrolling:
            try:
                for record in records:
                    key = record.subject.subject_id
                    # One record of a subject at a time, and few photographs in memory.
                    while len(waiting) > threads or any(key == before for before, _ in waiting):
                        yield self._store_prepared(waiting.popleft()[1].result())
                    waiting.append((key, enrolling.submit(self._importer.prepare, record)))
                while waiting:
                    yield self._store_prepared(waiting.popleft()[1].result())
            finally:
                for _, preparing in waiting:
                    preparing.cancel()

    def _store_prepared(self, prepared: PreparedRecord) -> RecordReport:
        record = prepared.record

        def note(outcome: Stored, references: int, doubtful: int) -> AuditEntry:
            keys = (Thing.ORDER.key(record.order.order_id), Thing.SUBJECT.key(record.subject.subject_id))
            details = {"references": references} | ({"also_under": doubtful} if doubtful else {})
            return AuditEntry(self._clock.now(), self._actor, Action.ORDER_IMPORTED, keys, outcome, details)

        report = self._importer.store(prepared, note)
        if report.outcome is RecordOutcome.REFUSED:
            return self.refused(report)
        self._count(report)
        return report

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
