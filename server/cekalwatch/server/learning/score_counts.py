"""Counts of passages by their best score against the gallery: numbers in bins, for one camera and one day.

A count has no key, no time finer than a day, and nothing of a face. It does not include alerts: the alert's record has
its score, and people say whose it was. The counts of many cameras are weighted, so that no camera and no day dominates.

A camera whose scores stand out, because of glare, blur, its angle or manipulation, is named, and does not count. This
needs several other cameras for comparison.
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
MAX_CAMERA_SHARE: Final = 0.25
"""Maximum share of one camera in all evidence, with four or more cameras."""
MIN_COMPARED: Final = 300.0
"""Minimum passages for comparing a camera with the others."""
MIN_CAMERAS_COMPARED: Final = 3
STANDS_OUT_FACTOR: Final = 2.0
"""A camera stands out if its share of high scores is this many times that of the others, or less than the inverse."""
STANDS_OUT_SPREADS: Final = 4.0
"""Minimum of that difference, in standard deviations."""
COMPARED_SHARES: Final = (0.05, 0.01)
"""The shares of passages above two high scores are compared."""
MAX_STANDS_FOR: Final = 10.0
"""Maximum number of alerts that a settled one represents: itself, and unsettled ones."""
_ROUNDS: Final = 100


@dataclass(frozen=True)
class StandingOut:
    """A camera whose scores differ from those of the others."""

    camera_id: str
    site: str
    factor: float
    """Its share of high scores, divided by that of the others."""
    passages: int


@dataclass(frozen=True, eq=False)
class SiteEvidence:
    """Weighted counts of all cameras that do not stand out, by the size of the searched list."""

    by_size: Mapping[int, Counts]
    passages: int
    """All counted passages, before weighting."""
    standing_out: tuple[StandingOut, ...]

    @property
    def weight(self) -> float:
        """The weighted number of passages."""
        return sum(float(one.sum()) for one in self.by_size.values())


@dataclass(frozen=True, eq=False)
class _CameraEvidence:
    site: str
    by_size: dict[int, Counts]

    @property
    def total(self) -> Counts:
        return np.asarray(sum(self.by_size.values(), np.zeros(BINS)))

    @property
    def weight(self) -> float:
        return float(self.total.sum())


def weigh(counts: Sequence[ScoreCounts], judged: Iterable[JudgedPassage], cameras: int) -> SiteEvidence:
    """Combine the counts of one model version. `cameras` is the number of cameras that could have sent passages.

    Passages that reached the threshold are taken from `judged`: each false one also represents unsettled ones, in the
    proportion in which its camera's settled ones were false.
    """
    each = _by_camera(counts, judged)
    standing_out = _standing_out(each)
    kept = {name: one for name, one in each.items() if name not in {out.camera_id for out in standing_out}}
    weights = _capped({name: one.weight for name, one in kept.items()}, max(MAX_CAMERA_SHARE, 1 / max(cameras, 1)))
    by_size: defaultdict[int, Counts] = defaultdict(lambda: np.zeros(BINS))
    for name, one in kept.items():
        for size, below in one.by_size.items():
            by_size[size] = by_size[size] + below * (weights[name] / one.weight if one.weight else 0.0)
    return SiteEvidence(dict(by_size), round(sum(one.passages for one in counts)), standing_out)


def _by_camera(counts: Sequence[ScoreCounts], judged: Iterable[JudgedPassage]) -> dict[str, _CameraEvidence]:
    rows: defaultdict[str, list[ScoreCounts]] = defaultdict(list)
    for one in counts:
        rows[one.key.camera_id].append(one)
    settled: defaultdict[str, list[JudgedPassage]] = defaultdict(list)
    for passage in judged:
        settled[passage.camera_id].append(passage)
    return {name: _of_camera(some, settled[name]) for name, some in rows.items()}


def _of_camera(rows: Sequence[ScoreCounts], settled: Sequence[JudgedPassage]) -> _CameraEvidence:
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
    return _CameraEvidence(rows[0].key.site, dict(by_size))


def _standing_out(each: Mapping[str, _CameraEvidence]) -> tuple[StandingOut, ...]:
    """Name the camera that differs most from the others, and repeat while enough others are left."""
    compared = {name: one for name, one in each.items() if one.weight >= MIN_COMPARED}
    found = []
    while len(compared) >= MIN_CAMERAS_COMPARED:
        factors = {
            name: _factor(one, [other for other in compared.values() if other is not one])
            for name, one in compared.items()
        }
        name = max(factors, key=lambda name: abs(math.log(factors[name])))
        if factors[name] == 1.0:
            break
        one = compared.pop(name)
        found.append(StandingOut(name, one.site, factors[name], round(one.weight)))
    return tuple(sorted(found, key=lambda one: one.camera_id))


def _factor(camera: _CameraEvidence, others: Sequence[_CameraEvidence]) -> float:
    """Return the camera's share of high scores divided by that of the others; 1 if it does not stand out.

    The others have equal weight, so that a busy one does not dominate.
    """
    own = camera.total / camera.weight
    rest = np.mean([one.total / one.weight for one in others], axis=0)
    rest_weight = min(sum(one.weight for one in others), len(others) * max(one.weight for one in others))
    found = (0.0, 1.0)
    for share in COMPARED_SHARES:
        above_rest = np.cumsum(rest[::-1])[::-1]
        begin = int(np.flatnonzero(above_rest >= share)[-1])
        here, there = float(own[begin:].sum()), float(above_rest[begin])
        together = (here * camera.weight + there * rest_weight) / (camera.weight + rest_weight)
        spread = math.sqrt(together * (1 - together) * (1 / camera.weight + 1 / rest_weight))
        least = 1 / camera.weight
        factor = max(here, least) / there
        spreads = abs(here - there) / spread if spread else 0.0
        if spreads >= STANDS_OUT_SPREADS and not _inside(factor):
            found = max(found, (spreads, factor))
    return found[1]


def _inside(factor: float) -> bool:
    return 1 / STANDS_OUT_FACTOR < factor < STANDS_OUT_FACTOR


def _capped(weights: Mapping[str, float], share: float) -> dict[str, float]:
    """Return weights of which none is more than that share of their sum; if too few are positive, all are 0."""
    given = dict(weights)
    for _ in range(_ROUNDS):
        most = share * sum(given.values())
        given = {name: min(one, most) for name, one in given.items()}
    return given
