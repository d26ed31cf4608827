"""Shares of trials with their intervals. Pure arithmetic."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from cekalwatch.contract.values.reports import Rate

_SURE: Final = NormalDist().inv_cdf(0.975)


def wilson_rate(events: int, trials: int) -> Rate:
    """Return a share with its score interval (Wilson, 1927), which holds for rare events and few trials too.

    NaN where there are fewer trials than events, or none. Trials are taken as independent.
    """
    if trials < max(events, 1):
        return Rate(math.nan, math.nan, math.nan, events, trials)
    share, squared = events / trials, _SURE**2 / trials
    centre = share + squared / 2
    spread = math.sqrt(squared * (share * (1 - share) + squared / 4))
    low = max(0.0, (centre - spread) / (1 + squared)) if events else 0.0
    high = min(1.0, (centre + spread) / (1 + squared)) if events < trials else 1.0
    return Rate(share, low, high, events, trials)
