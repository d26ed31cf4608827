"""Cohort models with made-up numbers."""

from __future__ import annotations

from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.thresholds import Provenance, ThresholdModel

THRESHOLDS = ThresholdModel(
    400, 0.4, 0.05, 0.02, 0.02, Provenance("made up", "mine", "2026-11-30", 300, 900, 3, "0.3.0"), 50, grows_from=400
)


def cohort(part: float = 0.75, ranks: int = 10, limit: float = 0.4, usual: float = 0.2) -> CohortModel:
    """Return how scores are compared with those of the list."""
    return CohortModel(part, ranks, limit, usual, THRESHOLDS)
