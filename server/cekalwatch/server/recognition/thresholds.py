"""The decision threshold for a gallery of a given size.

The chance that a traveller who is not listed scores above a threshold with somebody grows about linearly with the
number of templates, and the tail of impostor scores falls about exponentially, so that the threshold for the same FPIR
grows with the logarithm of the gallery's size: between the table's rows we interpolate in that logarithm. Outside the
table the nearest row holds.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

Table = tuple[tuple[int, float], ...]
"""(templates in the gallery, threshold), by rising gallery size."""

STARTER: Final[Table] = ((100, 0.455), (1_000, 0.515), (10_000, 0.575), (100_000, 0.63))
"""For an FPIR of about 3e-3 of single images. Measured on LFW (benchmarks/README.md, 7.8 million impostor pairs): one
pair in 1e3 scores above 0.338, in 1e4 above 0.414, in 1e5 above 0.481; from there we go on with 0.06 a decade, since
what scores above 0.6 in LFW is one person under two labels. A gallery of n templates reaches an FPIR of p where
the share of pairs is p / n."""
INSIGHTFACE: Final = STARTER
"""What InsightFace's packs begin with, unmeasured: their weights could not be had here. Measure a pack with
benchmarks/lfw.py, and write what it gives into the pack's manifest or the setting `threshold`."""


def threshold_for(table: Table, templates: int) -> float:
    """Return the threshold for a gallery of `templates` templates."""
    if templates <= table[0][0]:
        return table[0][1]
    for (smaller, low), (larger, high) in pairwise(table):
        if templates <= larger:
            part = math.log(templates / smaller) / math.log(larger / smaller)
            return low + part * (high - low)
    return table[-1][1]
