"""What the cameras of a site agree upon: each says by itself which threshold it needs, and the middle one decides.

A camera has one vote, whatever it sends. Whoever holds fewer than half of the cameras reaches no threshold outside
those that the others need, however high or low the scores are that they choose. A sum of all passages would give way
far in the tail: where one false alert in 10,000 passages is promised, a dozen chosen scores outweigh all honest ones.

A camera whose scores stand out, because of glare, blur, its angle or manipulation, is named, and has no vote. This
needs several other cameras for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cekalwatch.server.learning.score_counts import BIN_WIDTH, BINS, CameraEvidence, Counts
from cekalwatch.server.learning.site_tail import SiteTail

MIN_PASSAGES: Final = 300
"""Minimum passages, of all cameras that vote, for any statement about a site."""
MIN_VOTING_PASSAGES: Final = 100
"""Minimum passages of a camera that votes."""
MIN_VOTES: Final = 3
"""Minimum number of cameras that vote, where the site has that many; more than half of the cameras with passages do."""
COMPARED_SHARES: Final = ((0.05, 2.0), (0.01, 2.0), (1e-3, 4.0), (1e-4, 4.0))
"""Shares of passages above a high score, and the factor between those of a camera and of the others, up or down, from
which it stands out. Far in the tail honest cameras differ more."""
STANDS_OUT_SPREADS: Final = 4.0
"""Minimum of that difference, in standard deviations."""
_MEDIAN_VARIANCE: Final = math.pi / 2
"""Variance of the median of many normal variables, in shares of that of their mean."""

Fit = Callable[[Mapping[int, Counts]], SiteTail]
"""Fits a tail to counts by the size of the searched list."""


@dataclass(frozen=True)
class StandingOut:
    """A camera whose scores differ from those of the others."""

    camera_id: str
    site: str
    factor: float
    """Its share of high scores, divided by that of the others."""
    passages: int


@dataclass(frozen=True, eq=False)
class Agreement:
    """The tail of the cameras in the middle."""

    tail: SiteTail | None
    """None while too few cameras have passages enough, and where half of them stand out."""
    passages: int
    """All that were counted."""
    weight: float
    """Passages of the cameras that vote; 0 while there are too few of these."""
    standing_out: tuple[StandingOut, ...]

    @classmethod
    def of(
        cls, evidence: Mapping[str, CameraEvidence], cameras: int, fit: Fit, threshold: Callable[[SiteTail], float]
    ) -> Agreement:
        """Ask each camera. `cameras` is the number of those that could have sent passages, and `threshold` returns the
        one that a tail wants."""
        passages = sum(one.passages for one in evidence.values())
        active = [one for one in evidence.values() if one.weight]
        voting = {name: one for name, one in evidence.items() if one.weight >= MIN_VOTING_PASSAGES}
        if len(voting) < max(min(MIN_VOTES, cameras), len(active) // 2 + 1):
            return cls(None, passages, 0.0, ())
        tails = {name: fit(one.by_size) for name, one in voting.items()}
        out = _standing_out(voting, tails)
        kept = {name: tails[name] for name in voting if name not in {one.camera_id for one in out}}
        weight = sum(voting[name].weight for name in kept)
        if weight < MIN_PASSAGES or len(kept) <= len(out):
            return cls(None, passages, weight, out)
        ordered = sorted(kept, key=lambda name: threshold(kept[name]))
        middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
        return cls(fit(_together([voting[name] for name in middle])), passages, weight, out)


def _together(cameras: list[CameraEvidence]) -> dict[int, Counts]:
    """Return the counts of cameras which have equal weight."""
    least = min(one.weight for one in cameras)
    together: dict[int, Counts] = {}
    for one in cameras:
        for size, counts in one.by_size.items():
            together[size] = together.get(size, np.zeros(BINS)) + counts * (least / one.weight)
    return together


def _standing_out(voting: Mapping[str, CameraEvidence], tails: Mapping[str, SiteTail]) -> tuple[StandingOut, ...]:
    if len(voting) < MIN_VOTES:
        return ()
    found = []
    for name, one in voting.items():
        rest = sum(min(other.weight, one.weight * len(voting)) for other in voting.values() if other is not one)
        factor = _factor(one, list(tails.values()), rest / _MEDIAN_VARIANCE)
        if factor != 1.0:
            found.append(StandingOut(name, one.site, factor, round(one.weight)))
    return tuple(sorted(found, key=lambda one: one.camera_id))


def _factor(camera: CameraEvidence, tails: list[SiteTail], rest: float) -> float:
    """Return the camera's share of high scores divided by the median of what the tails of all cameras expect; 1 if it
    does not stand out. `rest` is the number of passages of the others that this median is worth.

    Its own tail is among them: a median of the others would name the honest ones where two of five are not.
    """
    found = (0.0, 1.0)
    for share, apart in COMPARED_SHARES:
        size = max(camera.by_size, key=lambda size: float(camera.by_size[size].sum()))
        level = float(np.median([one.model.threshold(size, share) for one in tails]))
        begin = min(max(math.ceil(level / BIN_WIDTH), 1), BINS - 1)
        here = sum(float(one[begin:].sum()) for one in camera.by_size.values()) / camera.weight
        there = float(np.median([_expected(camera, one, begin * BIN_WIDTH) for one in tails]))
        together = (here * camera.weight + there * rest) / (camera.weight + rest)
        spread = math.sqrt(together * (1 - together) * (1 / camera.weight + 1 / rest))
        factor = max(here, 1 / camera.weight) / max(there, 1 / rest)
        spreads = abs(here - there) / spread if spread else 0.0
        if spreads >= STANDS_OUT_SPREADS and not 1 / apart < factor < apart:
            found = max(found, (spreads, factor))
    return found[1]


def _expected(camera: CameraEvidence, tail: SiteTail, score: float) -> float:
    """Return the share of the camera's passages above a score, as that tail expects it for the lists it searched."""
    above = sum(float(one.sum()) * tail.model.fpir(size, score) for size, one in camera.by_size.items())
    return above / camera.weight
