"""The threshold models that new packs get; `cekalwatch-server thresholds fit` replaces them by a measured one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cekalwatch.vision.thresholds import Provenance, ThresholdModel

STARTER: Final = ThresholdModel(
    list_size=869,
    tail_from=0.43639,
    tail_rate=0.051552,
    scale=0.021915,
    shape=0.04157,
    provenance=Provenance(
        data="Labeled Faces in the Wild: 3930 photographs of 1469 people, without two whose labels are wrong",
        model_version="starter-cee6148c",
        measured_on="2026-11-25",
        people=1469,
        passages=1831,
        crops=3,
        program="0.1.0",
    ),
)
"""Of the starter pack, as `evaluate` gave it (docs/starter-pack.md)."""
INSIGHTFACE: Final = replace(
    STARTER,
    provenance=replace(
        STARTER.provenance,
        data="not measured with this pack: the starter pack's figures. Run evaluate, then thresholds fit",
        passages=0,
    ),
)
"""For InsightFace's packs, whose weights could not be measured here."""
