"""Processes a source's records in one run: skips unchanged ones, imports the others, and stores its progress."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cekalwatch.contract.values.imports import RecordReport, SyncCounts, SyncRun
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.domain.syncs import BegunRun, KnownOrder, PageEnd, SeenOrder, SyncLease
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.sync.store import AT_ONCE, SyncStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun, is_like_a_key
from cekalwatch.server.watchlist.imports.records import ImportRecord, RecordError
from cekalwatch.server.watchlist.sources.source import (
    DeletedSubject,
    OfferedOrder,
    Reading,
    RefusedRow,
    SourceItem,
    SourcePage,
    WithdrawnOrder,
    WithdrawnOthers,
)
from cekalwatch.server.watchlist.sync.findings import SyncFindings

REMEMBER_EVERY = timedelta(seconds=2)
"""Maximum time before finished work of a page is stored: the visible progress, and the lease."""

_MAY_COME_YET = frozenset({Code.PHOTO_MISSING, Code.PHOTO_UNREADABLE})
"""Why a source could not give a photograph, though it may another time without any change of the record."""


@dataclass
class _Batch:
    """Finished work whose progress is not stored yet."""

    seen: dict[str, SeenOrder] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _UnderWay:
    """An item whose record is being imported."""

    item: OfferedOrder
    before: KnownOrder
    record: ImportRecord


class SyncIntake:
    """The items of one run, in their order."""

    def __init__(
        self, store: SyncStore, importing: ImportRun, clock: Clock, begun: BegunRun, give_way: Callable[[], None]
    ) -> None:
        self._store = store
        self._importing = importing
        self._clock = clock
        self._give_way = give_way
        self._state = begun.state
        self._batch = _Batch()
        self._under_way: deque[_UnderWay | PageEnd] = deque()
        """Ends of pages stand after their records."""
        self._new: list[str] = []
        """Keys under way of which nothing is remembered yet."""
        self._remembered_at = clock.now()
        self._run = begun.run
        self._counts: Counter[str] = Counter()
        self._findings = SyncFindings()
        self.lease: SyncLease = begun.lease
        self.deleted: set[str] = set()
        """Subjects that the source has deleted, in the pages read so far."""
        self.expected = 0
        """Number of records that the reading must return, by the source's statement at its beginning or now."""

    @property
    def run(self) -> SyncRun:
        """The present state of the run."""
        return self._findings.added_to(replace(self._run, counts=SyncCounts(**self._counts)))

    @property
    def reading(self) -> int:
        """Number of the reading."""
        return self._state.reading

    def open(self, reading: Reading, *, goes_on: bool) -> None:
        """Begin a reading, or continue the open one."""
        resumed = goes_on and self._state.reading_open
        whole = self._state.reading_whole if resumed else reading.whole
        self._run = replace(self._run, whole=whole, resumed=resumed)
        if not resumed:
            self._state = self._store.open_reading(self.lease, self._clock.now(), self.run, reading.expected or 0)
        self.expected = max(self._state.reading_expected, reading.expected or 0)

    def take(self, page: SourcePage) -> None:
        """Take a page. When all of it is done, be it beside the next one, the next run would go on after it."""
        for start in range(0, len(page.items), AT_ONCE):
            self._give_way()
            items = page.items[start : start + AT_ONCE]
            keys = [key for item in items if (key := _key(item))]
            if not self._unremembered().isdisjoint(keys):
                self.settle()
            known, taken = self._store.known(keys), set[str]()
            for item in items:
                if isinstance(item, WithdrawnOthers | DeletedSubject):
                    self._withdraw_others(item)
                    continue
                if (key := _key(item)) in taken:
                    self.settle()
                    known |= self._store.known([key])
                elif key:
                    taken.add(key)
                self._take(item, known)
                if self._clock.now() - self._remembered_at >= REMEMBER_EVERY:
                    self._remember()
        refused = [item for item in page.items if isinstance(item, RefusedRow)]
        keyless = not all(item.keyed for item in refused)
        count = sum(not isinstance(item, WithdrawnOthers | DeletedSubject) for item in page.items)
        self._under_way.append(PageEnd(page.cursor, count, len(refused), keyless))
        self._end_pages()

    def settle(self) -> None:
        """Import and remember all that was taken."""
        while self._under_way:
            self._take_in()
        self._remember()

    def judge_again(self) -> None:
        """Judge flagged orders again by all later ones."""
        self._findings.judge_again(self._importing.remarkable)

    def delete_ended(self) -> None:
        """Delete whom the source has deleted, unless an order of theirs stands; their orders must have been ended."""
        self._importing.delete_ended(self.deleted)

    def _withdraw_others(self, item: WithdrawnOthers | DeletedSubject) -> None:
        """Record what has left of one subject."""
        but = item.but if isinstance(item, WithdrawnOthers) else frozenset[str]()
        if isinstance(item, DeletedSubject):
            self.deleted.add(item.subject_id)
        coming = {
            one.item.order_id
            for one in self._under_way
            if isinstance(one, _UnderWay) and one.item.subject_id == item.subject_id
        }
        gone = (self._store.keys_of(item.subject_id) | coming) - but
        if not gone.isdisjoint(self._unremembered()):
            self.settle()  # an order may have come to this subject meanwhile, or gone from it to another
            gone = self._store.keys_of(item.subject_id) - but
        self._counts["read"] += len(gone)
        self._batch.gone |= gone

    def _take(self, item: SourceItem, known: Mapping[str, KnownOrder]) -> None:
        self._counts["read"] += 1
        match item:
            case OfferedOrder():
                self._batch.gone.discard(item.order_id)
                before = known[item.order_id]
                if (before.held or before.erased) and before.fingerprint == item.fingerprint:
                    self._batch.unchanged.append(item.order_id)
                    self._counts["unchanged"] += 1
                else:
                    self._import(item, before)
            case WithdrawnOthers() | DeletedSubject():
                raise TypeError("it is no order")
            case WithdrawnOrder():
                self._batch.gone.add(item.order_id)
            case RefusedRow(report=report, keyed=keyed):
                self._refuse(report, known[report.order_id] if keyed else None)

    def _import(self, item: OfferedOrder, before: KnownOrder) -> None:
        self._give_way()
        try:
            record = item.load()
        except RecordError as error:
            self._refuse(RecordReport.refused(item.order_id, item.subject_id, error), before)
            return
        while not self._importing.has_room:
            self._take_in()
        self._importing.add(record)
        self._under_way.append(_UnderWay(item, before, record))
        if not before.remembered:
            self._new.append(item.order_id)

    def _take_in(self) -> None:
        """Import the first waiting records.

        A new order is remembered, to be tried again, before it is stored: otherwise nobody would end it if the run were
        killed in between, and the order left the source before the next run.
        """
        if self._new:
            new, self._new = self._new, []
            self._advance([SeenOrder(key, "") for key in new])
        for report in self._importing.store():
            one = self._under_way.popleft()
            if isinstance(one, PageEnd):
                raise TypeError("a page ended before its records")
            self._imported(one, report)
            self._end_pages()

    def _end_pages(self) -> None:
        while self._under_way and isinstance(page := self._under_way[0], PageEnd):
            self._under_way.popleft()
            self._remember(page)

    def _unremembered(self) -> set[str]:
        """Return the keys of which more is known than the store has."""
        batch = self._batch
        under_way = {one.item.order_id for one in self._under_way if isinstance(one, _UnderWay)}
        return under_way.union(batch.seen, batch.unchanged, batch.gone)

    def _imported(self, one: _UnderWay, report: RecordReport) -> None:
        order_id = one.item.order_id
        if report.outcome is ImportOutcome.REFUSED:
            self._findings.refused(report)
            self._batch.seen[order_id] = SeenOrder(order_id, "", _problem(report))
            return
        self._findings.imported(report)
        enrolled = any(photo.outcome is PhotoOutcome.ENROLLED for photo in report.photos)
        if report.outcome is ImportOutcome.UNCHANGED and not enrolled:
            self._counts["unchanged"] += 1
        else:
            self._counts["changed" if one.before.stored else "added"] += 1
        self._batch.seen[order_id] = SeenOrder(order_id, "" if _photo_may_come(one.record) else one.item.fingerprint)

    def _refuse(self, report: RecordReport, before: KnownOrder | None) -> None:
        """Take a row that cannot be read; without `before`, it has no key.

        The audit trail records a new one. The key of an unknown order is remembered only if it cannot be a name.
        """
        problem = _problem(report)
        self._findings.refused(report, keyed=before is not None)
        if before is None:
            return
        if before.problem != problem:
            self._importing.refused(report)
        if before.stored or is_like_a_key(report.order_id):
            # The key of an earlier record of this reading, which is valid.
            fingerprint = before.fingerprint if before.seen_reading == self._state.reading else ""
            self._batch.seen[report.order_id] = SeenOrder(report.order_id, fingerprint, problem)

    def _remember(self, page: PageEnd | None = None) -> None:
        batch, self._batch = self._batch, _Batch()
        self._remembered_at = self._clock.now()
        self._advance(list(batch.seen.values()), batch.unchanged, list(batch.gone), page)

    def _advance(
        self,
        seen: Sequence[SeenOrder],
        unchanged: Sequence[str] = (),
        gone: Sequence[str] = (),
        page: PageEnd | None = None,
    ) -> None:
        now, reading = self._clock.now(), self._state.reading
        self._store.advance(
            self.lease, now, self.run, reading=reading, seen=seen, unchanged=unchanged, gone=gone, page=page
        )


def _key(item: SourceItem) -> str:
    if isinstance(item, WithdrawnOthers | DeletedSubject):
        return ""
    if isinstance(item, RefusedRow):
        return item.report.order_id if item.keyed else ""
    return item.order_id


def _problem(report: RecordReport) -> str:
    return f"{report.reason}:{report.field}"


def _photo_may_come(record: ImportRecord) -> bool:
    return any(photograph.problem in _MAY_COME_YET for photograph in record.photographs)
