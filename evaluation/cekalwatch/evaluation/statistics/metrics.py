"""FNIR and FPIR with their intervals (ISO/IEC 19795-1, open-set identification). Pure arithmetic on scores.

A score of at least the threshold is an alert, as in the server. Intervals of 95 % are by person: the trials of one
person are not independent, so people are resampled instead of trials (bootstrap; Efron and Tibshirani, 1993). Without
any event, the rule of three applies to people: no event among n gives at most 3 / n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.reports import Rate
from cekalwatch.evaluation.statistics.trials import Trials

REPLICATES: Final = 400
RULE_OF_THREE: Final = 3.0
SURE: Final = (0.025, 0.975)
_STEPS: Final = 300


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold that keeps a wanted FPIR on the trials, and its misses."""

    fpir: float
    """Wanted."""
    threshold: float
    false_alerts: Rate
    misses: Rate


def probes_needed(fpir: float) -> int:
    """Return the number of non-mated probes that an FPIR needs: fewer could not show it even if none alerted."""
    return math.ceil(RULE_OF_THREE / fpir)


def threshold_at(trials: Trials, fpir: float) -> float:
    """Return the lowest threshold at which at most `fpir` of the non-mated probes alert."""
    falling = np.sort(trials.non_mated)[::-1]
    return float(np.nextafter(falling[min(int(fpir * len(falling)), len(falling) - 1)], np.float32(2)))


def fnir(trials: Trials, threshold: float) -> float:
    """Return the share of mated probes that do not alert for the right person at `threshold`."""
    return float((trials.mated < threshold).mean())


def fpir(trials: Trials, threshold: float) -> float:
    """Return the share of non-mated probes that alert at `threshold`."""
    return float((trials.non_mated >= threshold).mean())


def rank_1(trials: Trials) -> float:
    """Return the share of mated probes that rank the right person first, without a threshold."""
    return float((trials.mated > -1).mean())


def rate(events: NDArray[np.bool_], people: NDArray[np.int64], seed: int) -> Rate:
    """Return the share of `events`, one per trial, with its interval over `people`."""
    trials = len(events)
    if not trials:
        return Rate(math.nan, math.nan, math.nan, 0, 0)
    _, index = np.unique(people, return_inverse=True)
    by_person = np.bincount(index, weights=events)
    counts = np.bincount(index)
    seen, persons = int(events.sum()), len(counts)
    if seen in (0, trials):
        margin = min(1.0, RULE_OF_THREE / persons)
        low, high = (0.0, margin) if not seen else (1 - margin, 1.0)
    else:
        weights = _weights(persons, seed)
        shares = (weights @ by_person) / (weights @ counts)
        low, high = (float(value) for value in np.quantile(shares, SURE))
    return Rate(seen / trials, low, high, seen, trials)


def operating_point(trials: Trials, wanted: float, seed: int) -> OperatingPoint:
    """Return the point at an FPIR of `wanted`. The misses' interval includes the uncertainty of the threshold."""
    threshold = threshold_at(trials, wanted)
    plain = rate(trials.mated < threshold, trials.mated_person, seed)
    low, high = _with_threshold(trials, wanted, seed)
    return OperatingPoint(
        wanted,
        threshold,
        rate(trials.non_mated >= threshold, trials.non_mated_person, seed),
        Rate(plain.value, min(plain.low, low), max(plain.high, high), plain.events, plain.trials),
    )


def det_curve(trials: Trials) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds, FPIR and FNIR of the detection error trade-off, by rising threshold."""
    every = np.unique(np.concatenate([trials.non_mated, np.linspace(-0.2, 1, 241, dtype=np.float32)]))
    # A few hundred of the many common scores are enough; at the high end, each is a step of the curve.
    common, rare = every[:-_STEPS], every[-_STEPS:]
    thresholds = np.concatenate([common[:: max(1, len(common) // _STEPS)], rare]).astype(np.float64)
    return thresholds, _at_least(trials.non_mated, thresholds), 1 - _at_least(trials.mated, thresholds)


def _at_least(scores: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 - np.searchsorted(np.sort(scores), thresholds, side="left") / len(scores), dtype=np.float64)


def _weights(persons: int, seed: int) -> NDArray[np.int64]:
    """Return how often each person is drawn, shape (REPLICATES, persons)."""
    return np.random.default_rng(seed).multinomial(persons, np.full(persons, 1 / persons), size=REPLICATES)


def _with_threshold(trials: Trials, wanted: float, seed: int) -> tuple[float, float]:
    """Draw people, fit the threshold to them, count their misses; return the interval of the FNIR."""
    people = np.unique(np.concatenate([trials.mated_person, trials.non_mated_person]))
    mated, non_mated = (np.searchsorted(people, each) for each in (trials.mated_person, trials.non_mated_person))
    order = np.argsort(-trials.non_mated)
    falling, owner = trials.non_mated[order], non_mated[order]
    shares = []
    for weights in _weights(len(people), seed):
        weighed = weights[owner]
        above = np.cumsum(weighed)
        position = min(int(np.searchsorted(above, wanted * above[-1], side="right")), len(falling) - 1)
        mine = weights[mated]
        if mine.sum():
            shares.append(float(mine[trials.mated <= falling[position]].sum() / mine.sum()))
    return (float(np.quantile(shares, SURE[0])), float(np.quantile(shares, SURE[1]))) if shares else (0.0, 1.0)
