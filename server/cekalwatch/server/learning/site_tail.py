"""Fits the tail of the scores of a site's own passages, with the model pack's tail of other people as the prior.

The formula is that of `cekalwatch.vision.thresholds`. The prior is a normal distribution of the logarithms of rate and
scale, and of the shape, around the pack's values: a rate ten times the pack's is plausible, another shape is not
(Coles and Dixon, "Likelihood-based inference for extreme value models", Extremes 2, 1999, on penalties of the shape).
Passages are evidence, so the weight of the prior falls with their number. The interval is that of the normal
distribution around the most likely parameters (Laplace's approximation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.reports import Estimate
from cekalwatch.server.learning.score_counts import BIN_WIDTH, BINS, Counts
from cekalwatch.vision.thresholds import Provenance, ThresholdModel

TAIL_SHARE: Final = 0.03
"""Share of the passages that form the tail. With the 0.05 of a pack's evaluation, whose people are more alike, the
thresholds of heavier tails than the pack's were too low."""
WANTED_IN_TAIL: Final = 40
"""Minimum passages of the tail, unless they are more than MAX_TAIL_SHARE of all."""
MAX_TAIL_SHARE: Final = 0.2
RATE_SPREAD: Final = 2.0
"""Standard deviation of the logarithm of the rate around the pack's: strangers from elsewhere score above a pack's
threshold 8 to 60 times as often as it promises."""
MAX_SURPRISE: Final = 100.0
"""Maximum of the rate, as a multiple of the pack's."""
SCALE_SPREAD: Final = 0.6
"""Standard deviation of the logarithm of the scale, which may be twice the pack's. With 0.3, 1,500 drawn passages of
such people gave 1.22 times the wanted FPIR on average, with 0.6 1.11 times; for people like the pack's, both fit."""
SHAPE_SPREAD: Final = 0.1
"""Standard deviation of the shape."""
INTERVAL: Final = 1.96
"""Standard deviations on each side of an interval of 95 %."""
_STEPS: Final = 60
_SMALL: Final = 1e-4
_LEAST: Final = 1e-300
_ALMOST_ZERO: Final = 1e-6
_MOST_SHAPE: Final = 0.9
_MOST_ABOVE: Final = 0.99
_FURTHEST: Final = 30.0

Parameters = NDArray[np.float64]
"""Logarithm of the rate, logarithm of the scale, shape; several have dimensions before this one."""

LogDensity = Callable[[Parameters], NDArray[np.float64]]
"""A function of parameters, with one value for each of several."""


@dataclass(frozen=True, eq=False)
class SiteTail:
    """The tail of a site's passages."""

    model: ThresholdModel
    """The most likely parameters."""
    covariance: NDArray[np.float64]
    """Covariance of the parameters, shape (3, 3)."""

    def threshold(self, templates: int, fpir: float) -> Estimate:
        """Return the threshold that keeps `fpir` (per passage) in a list of `templates`."""

        def value(parameters: Parameters) -> float:
            return _model(self.model, parameters).threshold(templates, fpir)

        best = _parameters(self.model)
        slope = np.array([(value(best + step) - value(best - step)) / (2 * _SMALL) for step in np.eye(3) * _SMALL])
        spread = INTERVAL * math.sqrt(max(float(slope @ self.covariance @ slope), 0.0))
        middle = value(best)
        return Estimate(middle, middle - spread, middle + spread)


def fit_tail(searched: Mapping[int, Counts], pack: ThresholdModel, measured_on: str, program: str) -> SiteTail:
    """Fit the tail to counts, of which none is empty, by the size of the searched list, which is positive.

    `measured_on` (ISO 8601) and `program` are for the record.
    """
    passages = sum(float(one.sum()) for one in searched.values())
    begin = _tail_begin(sum(searched.values(), np.zeros(BINS)), passages)
    size = max(pack.grows_from, round(sum(size * float(one.sum()) for size, one in searched.items()) / passages))
    above = sum(float(one[begin:].sum()) for one in searched.values()) / passages
    counted = -math.log1p(-min(max(above, 1 / passages), _MOST_ABOVE))
    # The pack's tail has no data beyond its end.
    said = max(-math.log1p(-min(pack.fpir(size, begin * BIN_WIDTH), _MOST_ABOVE)), counted / MAX_SURPRISE)
    start = ThresholdModel(
        list_size=size,
        tail_from=begin * BIN_WIDTH,
        tail_rate=said,
        scale=pack.scale,
        shape=min(max(pack.shape, -_MOST_SHAPE), _MOST_SHAPE),
        provenance=Provenance("", pack.provenance.model_version, measured_on, 0, round(passages), 0, program),
        grows_from=pack.grows_from,
    )
    likelihood = _likelihood(searched, start, begin)
    prior = _parameters(start)
    # The search begins at the counted share.
    first = np.array([math.log(counted), prior[1], prior[2]])
    best, covariance = _most_likely(lambda one: likelihood(one) - _surprise(one, prior), first)
    return SiteTail(_model(start, best), covariance)


def _tail_begin(counts: Counts, passages: float) -> int:
    """Return the bin where the tail begins: the highest one with enough passages above its lower edge, at least 1."""
    share = min(MAX_TAIL_SHARE, max(TAIL_SHARE, WANTED_IN_TAIL / passages))
    above = np.cumsum(counts[::-1])[::-1]
    enough = np.flatnonzero(above >= share * passages)
    return max(1, int(enough[-1]))


def _likelihood(counts: Mapping[int, Counts], start: ThresholdModel, begin: int) -> LogDensity:
    """Return the log-likelihood of the counts: of all below the tail, and of each bin in it."""
    used = {size: (float(one[:begin].sum()), one[begin:]) for size, one in counts.items()}
    last = max(int(np.flatnonzero(one)[-1]) for one in counts.values()) + 1 - begin
    beyond = np.arange(max(last, 1) + 1, dtype=np.float64) * BIN_WIDTH  # edges of the bins that are not empty

    def likelihood(parameters: Parameters) -> NDArray[np.float64]:
        rates = _rates(parameters, beyond)
        total = np.zeros(parameters.shape[:-1])
        for size, (below, tail) in used.items():
            reached = -np.expm1(-max(size, start.grows_from) / start.list_size * rates)
            inside = np.maximum(reached[..., :-1] - reached[..., 1:], _LEAST)
            total += below * np.log(np.maximum(1 - reached[..., 0], _LEAST))
            total += np.log(inside) @ tail[: inside.shape[-1]]
        return total

    return likelihood


def _rates(parameters: Parameters, beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected false matches above each score, given as its distance from the tail's beginning."""
    rate, scale, shape = (one[..., np.newaxis] for one in _figures(parameters))
    straight = np.abs(shape) < _ALMOST_ZERO
    bent = np.where(straight, 1.0, shape)
    base = np.maximum(1 + bent * beyond / scale, _LEAST)
    return np.asarray(rate * np.exp(np.where(straight, -beyond / scale, np.minimum(-np.log(base) / bent, 0.0))))


def _surprise(parameters: Parameters, prior: Parameters) -> NDArray[np.float64]:
    away = (parameters - prior) / np.array([RATE_SPREAD, SCALE_SPREAD, SHAPE_SPREAD])
    return np.asarray((away**2).sum(-1) / 2)


def _most_likely(log_density: LogDensity, first: Parameters) -> tuple[Parameters, Parameters]:
    """Return the maximum, and the covariance there, by Newton's method with halved steps."""
    best, value = first, log_density(first)
    for _ in range(_STEPS):
        slope, curvature = _derivatives(log_density, best)
        step = _positive_inverse(-curvature) @ slope
        tried = ((one, log_density(one)) for one in (best + step / 2**k for k in range(30)))
        higher = next((one for one in tried if one[1] > value), None)
        if higher is None:
            break
        gained = higher[1] - value
        best, value = higher
        if gained < _SMALL / 10:
            break
    _, curvature = _derivatives(log_density, best)
    return best, _positive_inverse(-curvature)


def _derivatives(function: LogDensity, at: Parameters) -> tuple[Parameters, Parameters]:
    """Return slope and curvature by differences."""
    width = 1e-3
    steps = np.eye(3) * width
    both, either = (np.reshape(one, (9, 3)) for one in (steps[:, np.newaxis] + steps, steps[:, np.newaxis] - steps))
    # One call for all of them: each costs what its arrays' administration does.
    found = function(at + np.concatenate([steps, -steps, both, either, -either, -both]))
    slope = (found[:3] - found[3:6]) / (2 * width)
    curvature = np.array([1, -1, -1, 1]) @ found[6:].reshape(4, 9) / (4 * width * width)
    return slope, curvature.reshape(3, 3)


def _positive_inverse(matrix: Parameters) -> Parameters:
    """Return the inverse of a matrix; directions without a maximum get the prior's curvature."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray(vectors @ np.diag(1 / np.maximum(values, 1 / RATE_SPREAD**2)) @ vectors.T)


def _parameters(model: ThresholdModel) -> Parameters:
    return np.array([math.log(model.tail_rate), math.log(model.scale), model.shape])


def _model(like: ThresholdModel, parameters: Parameters) -> ThresholdModel:
    rate, scale, shape = map(float, _figures(parameters))
    return replace(like, tail_rate=rate, scale=scale, shape=shape)


def _figures(parameters: Parameters) -> tuple[Parameters, Parameters, Parameters]:
    """Return rate, scale and shape, limited to valid values."""
    limits = np.array([_FURTHEST, _FURTHEST, _MOST_SHAPE])
    limited = np.clip(parameters, -limits, limits)
    return np.exp(limited[..., 0]), np.exp(limited[..., 1]), limited[..., 2]
