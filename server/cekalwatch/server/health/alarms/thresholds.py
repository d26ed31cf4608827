"""Tells supervisors of the threshold that followed the passages of the site, and of cameras whose scores stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from cekalwatch.contract.values.troubles import OF_THRESHOLDS, TroubleKind
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.learning.learned_threshold import SiteFindings
from cekalwatch.server.domain.troubles import Fault
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.gallery.threshold import ThresholdSource
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.store import ThresholdStore

TOLD_FOR = timedelta(days=1)
"""How long a step of the threshold is told."""


@dataclass(frozen=True)
class ThresholdAlarms:
    """Looks at what was learned; every server sees the same."""

    thresholds: ThresholdStore
    snapshot: Callable[[], GallerySnapshot]
    cameras: tuple[Camera, ...]
    board: AlarmBoard
    clock: Clock

    def look(self) -> None:
        """Bring the troubles of the threshold up to date; it blocks."""
        snapshot = self.snapshot()
        try:
            learned = self.thresholds.learned(snapshot.gallery.model_version)
        except ChangedRowError:  # a trouble of its own
            return
        findings = learned.findings if learned else SiteFindings.NONE
        self.board.agree([*self._moved(findings, snapshot), *self._stand_out(findings)], _is_of_thresholds)

    def _moved(self, findings: SiteFindings, snapshot: GallerySnapshot) -> Iterable[Fault]:
        move = findings.move
        learned = snapshot.decision.source is ThresholdSource.LEARNED
        if move is None or not learned or self.clock.now() - move.at > TOLD_FOR:
            return
        details = {
            "threshold": f"{move.threshold:.3f}",
            "before": f"{move.before:.3f}",
            "passages": str(move.passages_per_false_alert),
        }
        if move.missed is not None:
            details["missed"] = str(round(100 * move.missed))
        yield Fault(TroubleKind.THRESHOLD_MOVED, snapshot.gallery.model_version, details=details)

    def _stand_out(self, findings: SiteFindings) -> Iterable[Fault]:
        counters = {camera.camera_id: camera.counter for camera in self.cameras}
        for one in findings.standing_out:
            if one.camera_id in counters:
                details = {"factor": f"{one.factor:.2g}", "passages": str(one.passages)}
                yield Fault(
                    TroubleKind.SCORES_STAND_OUT, one.camera_id, one.site, counters[one.camera_id], details=details
                )


def _is_of_thresholds(kind: TroubleKind, _: str) -> bool:
    return kind in OF_THRESHOLDS
