"""The threshold and its origin, and the expected false alerts and misses at other values.

The misses are estimated from listed people with two photographs, as for the learned threshold. Travellers at a camera
resemble their photographs less, so more are missed. Methods block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.thresholds import ThresholdOutlook, ThresholdPoint
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.gallery.comparison import genuine_scores
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.gallery.threshold import MAX_THRESHOLD, MIN_THRESHOLD, ThresholdRule
from cekalwatch.server.gallery.threshold_learning import MAX_COMPARED_SUBJECTS, MIN_COMPARED_PHOTOGRAPHS
from cekalwatch.server.learning.learned_threshold import SiteFindings
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.signers import JointEntry, newest_joint_entry
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.store import TemplateStore
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.vision.manifest import Pack
from cekalwatch.vision.thresholds import ThresholdModel

POINTS: Final = 25
"""Number of thresholds on the curve, evenly from the lowest to the highest."""


class ThresholdOutlooks:
    """Computes the outlook for the model in use."""

    def __init__(
        self,
        thresholds: ThresholdStore,
        templates: TemplateStore,
        target_fpir: float,
        snapshot: Callable[[], GallerySnapshot],
        pack: Callable[[], Pack],
        rule: Callable[[Pack], ThresholdRule],
    ) -> None:
        self._thresholds = thresholds
        self._templates = templates
        self._target_fpir = target_fpir
        self._snapshot = snapshot
        self._pack = pack
        self._rule = rule
        self._compared: tuple[Gallery, NDArray[np.float32]] | None = None

    def look(self) -> ThresholdOutlook:
        """Return the present threshold, and others; raises StorageError."""
        snapshot, pack = self._snapshot(), self._pack()
        templates, rule = len(snapshot.gallery), self._rule(pack)
        try:
            learned = self._thresholds.learned(pack.score_version)
        except ChangedRowError:  # a separate alarm reports it
            learned = None
        findings = learned.findings if learned else SiteFindings.NONE
        genuine = self._genuine(snapshot.gallery, pack)
        decision = rule.now(templates)
        return ThresholdOutlook(
            pack.score_version,
            templates,
            self._target_fpir,
            decision,
            decision.promise,
            rule.without_people(templates),
            MIN_THRESHOLD,
            MAX_THRESHOLD,
            learned.offset.value if learned else 0.0,
            len(genuine),
            tuple(
                self._point(float(one), templates, findings, pack.decision_thresholds, genuine)
                for one in np.linspace(MIN_THRESHOLD, MAX_THRESHOLD, POINTS)
            ),
            waiting_threshold=learned.waiting if learned else None,
        )

    def _point(
        self,
        threshold: float,
        templates: int,
        findings: SiteFindings,
        packs: ThresholdModel,
        genuine: NDArray[np.float32],
    ) -> ThresholdPoint:
        model = findings.tail or packs
        fpir = model.fpir(templates, threshold)
        low, high = model.fpir_interval(templates, threshold) or (0.0, 0.0)
        if findings.tail:
            # The interval of the wanted threshold, moved along the tail: further up, it is slightly too narrow.
            wanted = model.threshold(templates, self._target_fpir)
            base = packs.threshold(templates, self._target_fpir)
            low = model.fpir(templates, threshold + max(wanted - base - findings.low, 0.0))
            high = model.fpir(templates, threshold - max(findings.high + base - wanted, 0.0))
        missed = None
        if len(genuine) >= MIN_COMPARED_PHOTOGRAPHS:
            missed = float(np.searchsorted(genuine, threshold)) / len(genuine)
        return ThresholdPoint(
            threshold, fpir, low or fpir, high or fpir, not model.is_measured(templates, fpir), missed
        )

    def _genuine(self, gallery: Gallery, pack: Pack) -> NDArray[np.float32]:
        """Return the scores of photographs of one person; they are compared again when the gallery has changed."""
        if self._compared is None or self._compared[0] is not gallery:
            scores = genuine_scores(
                self._templates, pack.model_version, pack.recogniser.size, MAX_COMPARED_SUBJECTS, pack.cohort
            )
            self._compared = (gallery, scores)
        return self._compared[1]


def threshold_signers(search: AuditSearch, people: PeopleStore, model_version: str) -> JointEntry | None:
    """Return who set the threshold last, by the audit trail; None if that was for another model."""
    newest = newest_joint_entry(search, people, Action.THRESHOLD_SET)
    return newest if newest and newest.details.get("model") == model_version else None
