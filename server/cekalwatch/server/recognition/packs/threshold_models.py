"""The thresholds that new packs get; `cekalwatch-server thresholds fit` replaces those of a search by measured ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.thresholds import LikenessModel, Provenance, ThresholdModel

LIGHT: Final = ThresholdModel(
    list_size=869,
    tail_from=0.43639,
    tail_rate=0.051552,
    scale=0.021915,
    shape=0.04157,
    provenance=Provenance(
        data="Labeled Faces in the Wild: 3930 photographs of 1469 people, without two whose labels are wrong",
        model_version="light-cee6148c",
        measured_on="2026-11-25",
        people=1469,
        passages=1831,
        crops=3,
        program="0.1.0",
    ),
)
"""Threshold model of the pack `light`, measured by `evaluate` before it counted pairs: its uncertainty is not known."""
LIGHT_LIKENESS: Final = LikenessModel(
    threshold=0.6,
    sure=0.75,
    fmr=5e-5,
    fnmr=0.012,
    provenance=Provenance(
        data="Labeled Faces in the Wild, passages of three photographs; strangers also of four regions of India",
        model_version="light-cee6148c",
        measured_on="2026-11-26",
        people=1469,
        passages=1958,
        crops=3,
        program="0.1.0",
    ),
)
"""Likeness of the pack `light`, measured by `benchmarks/recognition/likeness.py` (docs/adr/0009). A pack without a
measured likeness gets none, so no passage joins the alert of another."""
STANDARD: Final = ThresholdModel(
    list_size=1_469,
    tail_from=0.45947,
    tail_rate=0.051552,
    scale=0.018406,
    shape=0.03706,
    provenance=replace(LIGHT.provenance, model_version="standard-53c3295b", measured_on="2026-11-30", program="0.3.0"),
    pairs=82,
)
"""Threshold model of plain scores of the pack `standard`, measured by `evaluate` (docs/adr/0090): for programs that do
not compare."""
STANDARD_COHORT: Final = CohortModel(
    part=0.5,
    ranks=10,
    limit=0.4,
    usual=0.2,
    thresholds=ThresholdModel(
        list_size=1_469,
        tail_from=0.38384,
        tail_rate=0.051552,
        scale=0.016233,
        shape=0.03686,
        provenance=replace(STANDARD.provenance, model_version="standard-53c3295b+4bfc09"),
        pairs=84,
        grows_from=1_469,
    ),
)
"""How the pack `standard` compares scores, with their threshold model (docs/standard-pack.md, docs/adr/0091)."""
STANDARD_LIKENESS: Final = LikenessModel(
    threshold=0.6,
    sure=0.75,
    fmr=2.7e-5,
    fnmr=0.0093,
    provenance=replace(LIGHT_LIKENESS.provenance, model_version="standard-53c3295b"),
)
"""Likeness of the pack `standard`, measured by `benchmarks/recognition/likeness.py` (docs/adr/0025)."""
ACCURATE: Final = ThresholdModel(
    list_size=1_469,
    tail_from=0.43632,
    tail_rate=0.051552,
    scale=0.018718,
    shape=0.03748,
    provenance=replace(STANDARD.provenance, model_version="accurate-dd2ef252", measured_on="2026-12-01"),
    pairs=78,
)
"""Threshold model of plain scores of the pack `accurate`, measured by `evaluate`."""
ACCURATE_COHORT: Final = replace(
    STANDARD_COHORT,
    part=0.65,
    thresholds=ThresholdModel(
        list_size=1_469,
        tail_from=0.357,
        tail_rate=0.051552,
        scale=0.017793,
        shape=0.03716,
        provenance=replace(ACCURATE.provenance, model_version="accurate-dd2ef252+debaab"),
        pairs=81,
        grows_from=1_469,
    ),
)
"""How the pack `accurate` compares scores, with their threshold model (docs/accurate-pack.md, docs/adr/0108)."""
ACCURATE_LIKENESS: Final = LikenessModel(
    threshold=0.6,
    sure=0.75,
    fmr=3.8e-5,
    fnmr=0.0093,
    provenance=replace(
        LIGHT_LIKENESS.provenance, model_version="accurate-dd2ef252", measured_on="2026-12-01", program="0.3.0"
    ),
)
"""Likeness of the pack `accurate`, measured by `benchmarks/recognition/likeness.py`."""
INSIGHTFACE: Final = replace(
    LIGHT,
    provenance=replace(
        LIGHT.provenance,
        data="not measured with this pack: those of the pack `light`. Run evaluate, then thresholds fit",
        passages=0,
    ),
)
"""For InsightFace's packs, whose weights could not be measured here."""
