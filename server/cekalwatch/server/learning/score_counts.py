"""Counts of passages by their best score against the gallery: numbers in bins, for one camera and one day.

A count has no key, no time finer than a day, and nothing of a face. It does not include alerts: the alert's record has
its score, and people say whose it was. The counts of a camera are weighted, so that no day of it dominates.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 200
"""Bins of equal width between the scores 0 and 1. Scores below 0 are in the first bin, a score of 1 in the last."""
BIN_WIDTH: Final = 1 / BINS
_SIZE_STEP: Final = 1.1
"""List sizes within a tenth of each other are counted together."""

Counts = NDArray[np.float64]
"""Passages in each bin, shape (BINS,). Weighted counts are not whole numbers."""


def bin_of(score: float) -> int:
    """Return the bin of a comparison score, -1 to 1."""
    return min(BINS - 1, max(0, int(score * BINS)))


def size_bucket(templates: int) -> int:
    """Return the size that represents a list of `templates`, within 5 %; 0 for an empty one."""
    if templates < 1:
        return 0
    return max(1, round(_SIZE_STEP ** round(math.log(templates, _SIZE_STEP))))


@dataclass(frozen=True, order=True)
class CountKey:
    """The key of a row of counts."""

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
    """Passages that raised no alert, by their best score."""
    reached: int
    """Passages whose best score reached the threshold at that time; they are not in `below`."""

    def __post_init__(self) -> None:
        if self.below.shape != (BINS,) or self.reached < 0 or not (self.below >= 0).all():
            raise ValueError("counts of scores have a place for each bin, and are not negative")

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        if other.key != self.key:
            raise ValueError("these counts are of something else")
        return ScoreCounts(self.key, self.below + other.below, self.reached + other.reached)

    @property
    def passages(self) -> float:
        """All passages."""
        return float(self.below.sum()) + self.reached


@dataclass(frozen=True)
class JudgedPassage:
    """A passage of an alert that a person has settled."""

    day: str
    camera_id: str
    score: float
    """Its best score."""
    was_false: bool
    """Whether the traveller was somebody else."""


MAX_DAY_PASSAGES: Final = 2_000.0
"""Maximum passages of one camera and day that count; a busy day has about 700 at Batam Center."""
MAX_STANDS_FOR: Final = 10.0
"""Maximum number of alerts that a settled one represents: itself, and unsettled ones."""


@dataclass(frozen=True, eq=False)
class CameraEvidence:
    """The passages of one camera, of which no day dominates."""

    site: str
    by_size: Mapping[int, Counts]
    """By the size of the searched list; a list with nobody in it is not one."""
    passages: int
    """All of them, before each day's was limited."""

    @property
    def weight(self) -> float:
        """The number of passages, after each day's was limited."""
        return sum(float(one.sum()) for one in self.by_size.values())


def by_camera(counts: Sequence[ScoreCounts], judged: Iterable[JudgedPassage]) -> dict[str, CameraEvidence]:
    """Combine the counts of one model version by the ID of their camera.

    Passages that reached the threshold are taken from `judged`: each false one also represents unsettled ones, in the
    proportion in which its camera's settled ones were false.
    """
    rows: defaultdict[str, list[ScoreCounts]] = defaultdict(list)
    for one in counts:
        rows[one.key.camera_id].append(one)
    settled: defaultdict[str, list[JudgedPassage]] = defaultdict(list)
    for passage in judged:
        settled[passage.camera_id].append(passage)
    return {name: _of_camera(some, settled[name]) for name, some in rows.items()}


def _of_camera(rows: Sequence[ScoreCounts], settled: Sequence[JudgedPassage]) -> CameraEvidence:
    days: defaultdict[str, float] = defaultdict(float)
    for one in rows:
        days[one.key.day] += float(one.below.sum())
    by_size: defaultdict[int, Counts] = defaultdict(lambda: np.zeros(BINS))
    for one in rows:
        by_size[one.key.templates] += one.below * min(1.0, MAX_DAY_PASSAGES / max(days[one.key.day], 1.0))
    # An alert's record has no list size; it gets the most frequent one of its day.
    usual = {one.key.day: one.key.templates for one in sorted(rows, key=lambda one: one.passages)}
    otherwise = max(rows, key=lambda one: one.passages).key.templates
    stands_for = min(max(sum(one.reached for one in rows) / max(len(settled), 1), 1.0), MAX_STANDS_FOR)
    for passage in settled:
        if passage.was_false:
            by_size[usual.get(passage.day, otherwise)][bin_of(passage.score)] += stands_for
    searched = {size: one for size, one in by_size.items() if size and one.any()}
    return CameraEvidence(rows[0].key.site, searched, round(sum(one.passages for one in rows)))
