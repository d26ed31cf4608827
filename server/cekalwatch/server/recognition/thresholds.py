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

STARTER: Final[Table] = ((100, 0.45), (1_000, 0.50), (10_000, 0.56), (100_000, 0.62))
INSIGHTFACE: Final[Table] = ((100, 0.45), (1_000, 0.50), (10_000, 0.56), (100_000, 0.62))


def threshold_for(table: Table, templates: int) -> float:
    """Return the threshold for a gallery of `templates` templates."""
    if templates <= table[0][0]:
        return table[0][1]
    for (smaller, low), (larger, high) in pairwise(table):
        if templates <= larger:
            part = math.log(templates / smaller) / math.log(larger / smaller)
            return low + part * (high - low)
    return table[-1][1]
