"""For supervisors: a threshold that followed the passages of the site, and cameras whose scores stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.contract.values.troubles import OF_THRESHOLDS, TroubleKind
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.troubles import Fault
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.health.alarms.findings import Findings, fault
from cekalwatch.server.learning.learned_threshold import SiteFindings
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.store import ThresholdStore

TOLD_FOR = timedelta(days=1)
"""How long a step of the threshold is shown."""


@dataclass(frozen=True)
class ThresholdAlarms:
    """The rule for what was learned; every server sees the same."""

    thresholds: ThresholdStore
    snapshot: Callable[[], GallerySnapshot]
    cameras: tuple[Camera, ...]
    clock: Clock

    def look(self) -> Findings | None:
        """Return what supervisors should know of the threshold; None when its row was changed. It blocks."""
        snapshot = self.snapshot()
        try:
            learned = self.thresholds.learned(snapshot.gallery.model_version)
        except ChangedRowError:  # an alarm of its own
            return None
        findings = learned.findings if learned else SiteFindings.NONE
        found = [*self._moved(findings, snapshot), *self._stand_out(findings)]
        return Findings(found, lambda kind, _: kind in OF_THRESHOLDS)

    def _moved(self, findings: SiteFindings, snapshot: GallerySnapshot) -> Iterable[Fault]:
        move = findings.move
        learned = snapshot.decision.source is ThresholdSource.LEARNED
        if move is None or not learned or self.clock.now() - move.at > TOLD_FOR:
            return
        yield fault(
            TroubleKind.THRESHOLD_MOVED,
            snapshot.gallery.model_version,
            threshold=f"{move.threshold:.3f}",
            before=f"{move.before:.3f}",
            passages=move.passages_per_false_alert,
            missed=None if move.missed is None else round(100 * move.missed),
        )

    def _stand_out(self, findings: SiteFindings) -> Iterable[Fault]:
        counters = {camera.camera_id: camera.counter for camera in self.cameras}
        for one in findings.standing_out:
            if one.camera_id in counters:
                yield fault(
                    TroubleKind.SCORES_STAND_OUT,
                    one.camera_id,
                    one.site,
                    counters[one.camera_id],
                    factor=f"{one.factor:.2g}",
                    passages=one.passages,
                )
