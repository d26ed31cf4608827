"""Faults of the sources of the watchlist, and of the gallery that is made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cekalwatch.contract.values.syncs import SyncRun
from cekalwatch.contract.values.troubles import OF_SOURCES, TroubleKind
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.domain.troubles import Fault
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.health.alarms.findings import Findings, fault
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.watchlist.freshness import BY_HAND, FreshnessGauge


@dataclass
class SourceAlarms:
    """The rule for the source named `source` (empty: none is configured); `look` blocks."""

    source: str
    syncs: SyncStore
    freshness: FreshnessGauge
    snapshot: Callable[[], GallerySnapshot]
    _counted: tuple[int, SyncOutcome | None] | None = None
    """The run after which the refused records were counted, and its outcome then."""
    _refused: int = 0

    def look(self) -> Findings:
        """Return the faults of the sources and of the gallery."""
        self.freshness.read()
        found = [*self._stale(), *self._gallery(), *(self._runs() if self.source else ())]
        return Findings(found, lambda kind, _: kind in OF_SOURCES)

    def _stale(self) -> Iterator[Fault]:
        for one in self.freshness.now().sources:
            if one.stale:
                yield fault(TroubleKind.SOURCE_STALE, one.source or BY_HAND, since=one.last_success_at)

    def _gallery(self) -> Iterator[Fault]:
        snapshot = self.snapshot()
        if missing := snapshot.unsearched:
            yield fault(TroubleKind.REFERENCES_UNSEARCHED, snapshot.gallery.model_version, references=missing)
        if unreadable := snapshot.people.unreadable:
            yield fault(TroubleKind.ORDERS_UNREADABLE, self.source or BY_HAND, people=unreadable)

    def _runs(self) -> Iterator[Fault]:
        if waiting := self.syncs.state().waiting:
            missing, held, run = waiting.missing, waiting.held, waiting.run_id
            yield fault(TroubleKind.LIST_SHRUNK, self.source, missing=missing, held=held, run=run)
        runs = [run for run in self.syncs.runs(2) if run.source == self.source]
        ended = next((run for run in runs if run.outcome is not SyncOutcome.RUNNING), None)
        if ended and ended.outcome is SyncOutcome.FAILED:
            yield fault(TroubleKind.SOURCE_FAILING, self.source, reason=ended.reason or Code.INTERNAL)
        if refused := self._refused_records(runs[0] if runs else None):
            yield fault(TroubleKind.RECORDS_REFUSED, self.source, records=refused)

    def _refused_records(self, newest: SyncRun | None) -> int:
        """Return how many records of the source cannot be used; only a run changes that."""
        state = (newest.run_id, newest.outcome) if newest else None
        if state != self._counted or (state and state[1] is SyncOutcome.RUNNING):
            self._refused, self._counted = self.syncs.refused(), state
        return self._refused
