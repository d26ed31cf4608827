"""Learns the threshold from the site's own passages, and moves it in small steps. Methods block.

Each round combines the counts of the last days with people's findings about alerts, fits the tail that the cameras
agree upon, and takes at most one step. The audit trail records each step, and an alarm tells supervisors of it. Where
the passages ask for more, it waits for two people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import structlog

from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.program.version import version
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry
from cekalwatch.server.domain.alerts.field_sums import AlertVerdict
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.gallery.comparison import compare_references
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.gallery.threshold import MAX_THRESHOLD, MIN_THRESHOLD
from cekalwatch.server.learning.camera_agreement import Agreement
from cekalwatch.server.learning.learned_threshold import (
    LearnedOffset,
    LearnedThreshold,
    LearningBounds,
    LearningMode,
    SiteFindings,
    ThresholdMove,
)
from cekalwatch.server.learning.score_counts import CameraEvidence, JudgedPassage, by_camera
from cekalwatch.server.learning.site_tail import fit_tail
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.store import TemplateStore
from cekalwatch.server.storage.models.threshold_store import ScoreStore, ThresholdStore
from cekalwatch.vision.manifest import Pack

MOVABLE = frozenset({ThresholdSource.PACK, ThresholdSource.LEARNED})
"""Learning does not change a threshold of people or of the settings."""
MAX_COMPARED_SUBJECTS = 500
"""Number of listed people whose photographs are compared, to estimate how many are missed."""
MIN_COMPARED_PHOTOGRAPHS = 50
"""Minimum number of photographs, of people with at least two, for this estimate."""

log = structlog.get_logger()


@dataclass(frozen=True)
class LearningStores:
    """The stores that learning needs."""

    thresholds: ThresholdStore
    scores: ScoreStore
    field: FieldStore
    templates: TemplateStore


@dataclass(frozen=True)
class LearningSite:
    """The site where the threshold is learned, and the promised FPIR."""

    site: str
    """Its clock defines when a day begins."""
    cameras: int
    """Number of cameras that may send passages."""
    target_fpir: float
    bounds: LearningBounds


class ThresholdLearner:
    """Learns for all servers of one database, on whichever server runs the round."""

    def __init__(
        self,
        stores: LearningStores,
        site: LearningSite,
        checkpoints: Checkpoints,
        clock: Clock,
        actor: Actor,
        snapshot: Callable[[], GallerySnapshot],
        pack: Callable[[], Pack],
    ) -> None:
        """`snapshot` returns the gallery in use, and `pack` the model pack in use."""
        self._stores = stores
        self._site = site
        self._checkpoints = checkpoints
        self._clock = clock
        self._actor = actor
        self._snapshot = snapshot
        self._pack = pack
        self._swept = ""

    def learn(self) -> None:
        """Learn from all passages until now."""
        now = self._clock.now()
        today = self._checkpoints.day(now, self._site.site)
        first = today - timedelta(days=self._site.bounds.window_days - 1)
        if self._swept != first.isoformat():
            self._stores.scores.forget_before(first.isoformat())
            self._swept = first.isoformat()
        snapshot, pack = self._snapshot(), self._pack()
        model_version = snapshot.score_version
        if not len(snapshot.gallery) or pack.score_version != model_version:
            return
        try:
            known = self._stores.thresholds.learned(model_version)
        except ChangedRowError:  # an alarm reports it already; `thresholds forget` repairs it
            return
        agreement = Agreement.of(
            self._evidence(model_version, self._from(first, known)),
            self._site.cameras,
            lambda counts: fit_tail(counts, pack.decision_thresholds, today.isoformat(), version()),
            lambda tail: tail.threshold(len(snapshot.gallery), self._site.target_fpir).value,
        )
        learned, entry = self._learned(known, agreement, snapshot, pack, today)
        entry = entry or (self._begun_anew(model_version) if known is None else None)
        if learned != known and self._stores.thresholds.learn(known, learned, entry) and entry:
            if entry.action is Action.THRESHOLD_LEARNED:
                log.info("threshold_learned", **entry.details)
            else:
                log.info("learning_begun_anew", **entry.details)

    def _begun_anew(self, model_version: str) -> AuditEntry | None:
        """Return the entry that what was learned for other scores does not carry over; None if nothing was."""
        before = self._stores.thresholds.learned_before(model_version)
        if before is None or not before.offset.value:
            return None
        forgotten = f"{before.offset.value:+.4f}"
        details = {"forgotten": forgotten, "model": model_version, "before": before.model_version}
        return AuditEntry(self._clock.now(), self._actor, Action.LEARNING_FORGOTTEN, details=details)

    @staticmethod
    def _from(first: date, known: LearnedThreshold | None) -> date:
        if known is None or not known.forgotten_through:
            return first
        return max(first, date.fromisoformat(known.forgotten_through) + timedelta(days=1))

    def _evidence(self, model_version: str, first: date) -> dict[str, CameraEvidence]:
        counts = self._stores.scores.since(first.isoformat(), model_version)
        # A day before, for sites that are ahead of UTC; the local day decides.
        since = datetime.combine(first - timedelta(days=1), time(), UTC)
        judged = (
            JudgedPassage(
                self._checkpoints.day(one.captured_at, one.site).isoformat(),
                one.camera_id,
                one.score,
                one.verdict is AlertVerdict.FALSE_ALERT,
            )
            for one in self._stores.field.judged(since, model_version)
        )
        return by_camera(counts, [one for one in judged if one.day >= first.isoformat()])

    def _learned(
        self,
        known: LearnedThreshold | None,
        agreement: Agreement,
        snapshot: GallerySnapshot,
        pack: Pack,
        today: date,
    ) -> tuple[LearnedThreshold, AuditEntry | None]:
        site, templates = self._site, len(snapshot.gallery)
        before = known or LearnedThreshold(pack.score_version, LearnedOffset(), "", SiteFindings.NONE)
        packs = pack.decision_thresholds.threshold(templates, site.target_fpir)
        findings = SiteFindings(
            agreement.passages,
            round(agreement.weight, 1),
            agreement.standing_out,
            None,
            0.0,
            0.0,
            packs,
            before.findings.move,
        )
        tail = agreement.tail
        if tail is None:
            return replace(before, findings=findings), None
        wanted = tail.threshold(templates, site.target_fpir)
        findings = replace(findings, tail=tail.model, low=wanted.low - packs, high=wanted.high - packs)
        offset = before.offset
        if site.bounds.mode is LearningMode.APPLY and snapshot.decision.source in MOVABLE:
            offset = offset.stepped(wanted, packs, site.bounds, today.isoformat())
            findings = replace(findings, waiting=offset.waiting(wanted, packs, site.bounds))
        if offset == before.offset:
            return replace(before, findings=findings), None
        threshold = min(max(packs + offset.value, MIN_THRESHOLD), MAX_THRESHOLD)
        fpir = tail.model.fpir(templates, threshold)
        move = ThresholdMove(
            self._clock.now(),
            snapshot.threshold,
            threshold,
            round(1 / max(fpir, 1e-9)),
            self._missed(pack, threshold),
        )
        learned = replace(before, offset=offset, findings=replace(findings, move=move))
        return learned, self._entry(learned, move, packs)

    def _missed(self, pack: Pack, threshold: float) -> float | None:
        scores = compare_references(
            self._stores.templates,
            pack.model_version,
            pack.recogniser.size,
            threshold,
            MAX_COMPARED_SUBJECTS,
            pack.cohort,
        )
        return scores.genuine_below if scores.with_another >= MIN_COMPARED_PHOTOGRAPHS else None

    def _entry(self, learned: LearnedThreshold, move: ThresholdMove, packs: float) -> AuditEntry:
        findings = learned.findings
        details: dict[str, int | str] = {
            "threshold": f"{move.threshold:.4f}",
            "before": f"{move.before:.4f}",
            "low": f"{packs + findings.low:.4f}",
            "high": f"{packs + findings.high:.4f}",
            "pack": f"{packs:.4f}",
            "model": learned.model_version,
            "target_fpir": f"{self._site.target_fpir:g}",
            "passages": findings.passages,
            "passages_per_false_alert": move.passages_per_false_alert,
            "missed": "unknown" if move.missed is None else f"{move.missed:.4f}",
        }
        return AuditEntry(self._clock.now(), self._actor, Action.THRESHOLD_LEARNED, details=details)
