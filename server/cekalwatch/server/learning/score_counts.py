"""Counts of passages by their best score against the gallery: numbers in bins, for one camera and one day.

A count has no key, no time finer than a day, and nothing of a face. What alerted is not in it: the alert's record has
its score, and people say whose it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 200
"""Bins between the scores 0 and 1, all of one width. Scores below 0 are in the first, those of 1 in the last."""
BIN_WIDTH: Final = 1 / BINS
_SIZE_STEP: Final = 1.1
"""Sizes of the list within a tenth of each other are counted as one."""

Counts = NDArray[np.float64]
"""Passages in each bin, shape (BINS,). They are no whole numbers once they are weighed."""


def bin_of(score: float) -> int:
    """Return the bin of a comparison score, -1 to 1."""
    return min(BINS - 1, max(0, int(score * BINS)))


def size_bucket(templates: int) -> int:
    """Return the size that stands for a list of `templates`, within 5 %; 0 for an empty one."""
    if templates < 1:
        return 0
    return max(1, round(_SIZE_STEP ** round(math.log(templates, _SIZE_STEP))))


@dataclass(frozen=True, order=True)
class CountKey:
    """What a row of counts is of."""

    day: str
    """Local day of the checkpoint, ISO 8601."""
    camera_id: str
    model_version: str
    templates: int
    """Size of the list that was searched; see `size_bucket`."""
    site: str


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Passages of one camera on one day against lists of one size. Raises ValueError for another shape."""

    key: CountKey
    below: Counts
    """Those that raised no alert, by their best score."""
    reached: int
    """Those whose best score reached the threshold of their time; they are not in `below`."""

    def __post_init__(self) -> None:
        if self.below.shape != (BINS,) or self.reached < 0 or not (self.below >= 0).all():
            raise ValueError("counts of scores have a place for each bin, and are not negative")

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        if other.key != self.key:
            raise ValueError("these counts are of something else")
        return ScoreCounts(self.key, self.below + other.below, self.reached + other.reached)

    @property
    def passages(self) -> float:
        """All of them."""
        return float(self.below.sum()) + self.reached


@dataclass(frozen=True)
class JudgedPassage:
    """A passage of an alert that people have settled."""

    day: str
    camera_id: str
    score: float
    """Its highest."""
    was_false: bool
    """Whether the traveller was somebody else."""
