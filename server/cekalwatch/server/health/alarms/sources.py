"""Faults of the sources of the watchlist, and of the gallery that is made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cekalwatch.contract.values.troubles import OF_SOURCES, TroubleKind
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.domain.syncs import SyncRun
from cekalwatch.server.domain.troubles import MAX_ABOUT, Fault
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.health.alarms.board import Findings
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.watchlist.freshness import BY_HAND, FreshnessGauge


@dataclass
class SourceAlarms:
    """The rule for the source named `source` (empty: none is configured); `look` blocks."""

    source: str
    syncs: SyncStore
    freshness: FreshnessGauge
    snapshot: Callable[[], GallerySnapshot]
    _counted: tuple[int, SyncOutcome] | None = None
    """The run after which the refused records were counted, and its outcome then."""
    _refused: int = 0

    def look(self) -> Findings:
        """Return the faults of the sources and of the gallery."""
        self.freshness.read()
        faults = [*self._staleness(), *self._gallery()]
        if self.source:
            faults += self._runs()
        return Findings(faults, lambda kind, _: kind in OF_SOURCES)

    def _staleness(self) -> list[Fault]:
        found = []
        for one in self.freshness.now().sources:
            if one.stale:
                details = {"since": one.last_success_at.isoformat(timespec="seconds")} if one.last_success_at else {}
                found.append(_fault(TroubleKind.SOURCE_STALE, one.source or BY_HAND, **details))
        return found

    def _gallery(self) -> list[Fault]:
        snapshot, found = self.snapshot(), list[Fault]()
        if missing := snapshot.unsearched:
            version = snapshot.gallery.model_version
            found.append(_fault(TroubleKind.REFERENCES_UNSEARCHED, version, references=str(missing)))
        if unreadable := snapshot.people.unreadable:
            found.append(_fault(TroubleKind.ORDERS_UNREADABLE, self.source or BY_HAND, people=str(unreadable)))
        return found

    def _runs(self) -> list[Fault]:
        found: list[Fault] = []
        waiting = self.syncs.state().waiting
        if waiting:
            figures = {"missing": waiting.missing, "held": waiting.held, "run": waiting.run_id}
            found.append(
                _fault(TroubleKind.LIST_SHRUNK, self.source, **{name: str(one) for name, one in figures.items()})
            )
        runs = [run for run in self.syncs.runs(2) if run.source == self.source]
        ended = next((run for run in runs if run.outcome is not SyncOutcome.RUNNING), None)
        if ended and ended.outcome is SyncOutcome.FAILED:
            reason = ended.reason or Code.INTERNAL
            found.append(_fault(TroubleKind.SOURCE_FAILING, self.source, reason=reason.value))
        if refused := self._refused_records(runs[0] if runs else None):
            found.append(_fault(TroubleKind.RECORDS_REFUSED, self.source, records=str(refused)))
        return found

    def _refused_records(self, newest: SyncRun | None) -> int:
        """Return how many records of the source cannot be used; only a run changes that."""
        state = (newest.run_id, newest.outcome) if newest else None
        if state != self._counted or (state and state[1] is SyncOutcome.RUNNING):
            self._refused, self._counted = self.syncs.refused(), state
        return self._refused


def _fault(kind: TroubleKind, about: str, **details: str) -> Fault:
    return Fault(kind, about[:MAX_ABOUT], details=details)
