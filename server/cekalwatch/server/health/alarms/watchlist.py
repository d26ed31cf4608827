"""Alarms of the watchlist's sources, of the gallery that is made from them, and of its threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from cekalwatch.contract.values.alarms import OF_SOURCES, OF_THRESHOLDS, AlarmKind
from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.alarms import AlarmCondition
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.gallery.threshold_learning import MOVABLE
from cekalwatch.server.health.alarms.board import Findings, condition
from cekalwatch.server.learning.learned_threshold import LearnedThreshold, SiteFindings
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
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
        """Return the alarm conditions of the sources and of the gallery."""
        self.freshness.read()
        found = [*self._stale(), *self._gallery(), *(self._runs() if self.source else ())]
        return Findings(found, lambda kind, _: kind in OF_SOURCES)

    def _stale(self) -> Iterator[AlarmCondition]:
        for one in self.freshness.now().sources:
            if one.stale:
                yield condition(AlarmKind.SOURCE_STALE, one.source or BY_HAND, since=one.last_success_at)

    def _gallery(self) -> Iterator[AlarmCondition]:
        snapshot = self.snapshot()
        if missing := snapshot.unsearched:
            yield condition(AlarmKind.REFERENCES_UNSEARCHED, snapshot.gallery.model_version, references=missing)
        if unrecognisable := snapshot.unrecognisable:
            yield condition(AlarmKind.PEOPLE_UNRECOGNISABLE, self.source or BY_HAND, people=unrecognisable)
        if unreadable := snapshot.people.unreadable:
            yield condition(AlarmKind.ORDERS_UNREADABLE, self.source or BY_HAND, people=unreadable)

    def _runs(self) -> Iterator[AlarmCondition]:
        if waiting := self.syncs.state().waiting:
            missing, held, run = waiting.missing, waiting.held, waiting.run_id
            yield condition(AlarmKind.LIST_SHRUNK, self.source, missing=missing, held=held, run=run)
        runs = [run for run in self.syncs.runs(2) if run.source == self.source]
        ended = next((run for run in runs if run.outcome is not SyncOutcome.RUNNING), None)
        if ended and ended.outcome is SyncOutcome.FAILED:
            yield condition(AlarmKind.SOURCE_FAILING, self.source, reason=ended.reason or Code.INTERNAL)
        if refused := self._refused_records(runs[0] if runs else None):
            yield condition(AlarmKind.RECORDS_REFUSED, self.source, records=refused)

    def _refused_records(self, newest: SyncRun | None) -> int:
        """Return how many records of the source cannot be used; only a run changes that."""
        state = (newest.run_id, newest.outcome) if newest else None
        if state != self._counted or (state and state[1] is SyncOutcome.RUNNING):
            self._refused, self._counted = self.syncs.refused(), state
        return self._refused


TOLD_FOR = timedelta(days=1)
"""How long a step of the threshold is shown."""


@dataclass(frozen=True)
class ThresholdAlarms:
    """The rule for learned thresholds; every server sees the same."""

    thresholds: ThresholdStore
    snapshot: Callable[[], GallerySnapshot]
    cameras: tuple[Camera, ...]
    clock: Clock

    def look(self) -> Findings | None:
        """Return the alarm conditions of the threshold for supervisors; None when its row was changed. It blocks."""
        snapshot = self.snapshot()
        try:
            learned = self.thresholds.learned(snapshot.score_version)
            left = self.thresholds.left(snapshot.score_version)
        except ChangedRowError:  # an alarm of its own
            return None
        findings = learned.findings if learned else SiteFindings.NONE
        found = [*self._moved(findings, snapshot), *self._waiting(learned, snapshot), *self._stand_out(findings)]
        if left is not None:
            in_force = f"{snapshot.threshold:.3f}"
            kind, about = AlarmKind.THRESHOLD_LEFT, snapshot.score_version
            found.append(condition(kind, about, left=f"{left:.3f}", threshold=in_force))
        return Findings(found, lambda kind, _: kind in OF_THRESHOLDS)

    def _moved(self, findings: SiteFindings, snapshot: GallerySnapshot) -> Iterable[AlarmCondition]:
        move = findings.move
        learned = snapshot.decision.source is ThresholdSource.LEARNED
        if move is None or not learned or self.clock.now() - move.at > TOLD_FOR:
            return
        yield condition(
            AlarmKind.THRESHOLD_MOVED,
            snapshot.score_version,
            threshold=f"{move.threshold:.3f}",
            before=f"{move.before:.3f}",
            passages=move.passages_per_false_alert,
            missed=None if move.missed is None else round(100 * move.missed),
        )

    @staticmethod
    def _waiting(learned: LearnedThreshold | None, snapshot: GallerySnapshot) -> Iterable[AlarmCondition]:
        if learned is None or learned.waiting is None or snapshot.decision.source not in MOVABLE:
            return
        yield condition(
            AlarmKind.THRESHOLD_WAITING,
            learned.model_version,
            threshold=f"{learned.findings.packs + learned.offset.value:.3f}",
            wanted=f"{learned.waiting:.3f}",
            passages=learned.findings.passages,
        )

    def _stand_out(self, findings: SiteFindings) -> Iterable[AlarmCondition]:
        counters = {camera.camera_id: camera.counter for camera in self.cameras}
        for one in findings.standing_out:
            if one.camera_id in counters:
                yield condition(
                    AlarmKind.SCORES_STAND_OUT,
                    one.camera_id,
                    one.site,
                    counters[one.camera_id],
                    factor=f"{one.factor:.2g}",
                    passages=one.passages,
                )
