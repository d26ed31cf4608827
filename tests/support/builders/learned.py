"""What was learned of a threshold, with what a test does not care about filled in."""

from __future__ import annotations

from cekalwatch.server.learning.camera_agreement import StandingOut
from cekalwatch.server.learning.learned_threshold import LearnedOffset, LearnedThreshold, SiteFindings
from cekalwatch.vision.thresholds import Provenance, ThresholdModel

TAIL = ThresholdModel(200, 0.45, 0.03, 0.04, 0.1, Provenance("", "model-1", "2026-03-01", 0, 4_000, 0, "0.1.0"))


def learned(model_version: str, offset: float) -> LearnedThreshold:
    """A threshold `offset` above the pack's 0.5, from 4,000 passages that want it between 0.53 and 0.58."""
    out = StandingOut("dep-9", "batam-center", 3.5, 400)
    findings = SiteFindings(4_000, 3_600.0, (out,), TAIL, 0.03, 0.08, 0.5, None)
    return LearnedThreshold(model_version, LearnedOffset(offset, "2026-03-01", 0.05), "", findings)
