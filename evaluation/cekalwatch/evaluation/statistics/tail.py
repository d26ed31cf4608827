"""Fits a model of FPIR by list size and threshold to the scores of non-mated passages. Pure arithmetic on scores.

The generalised Pareto distribution is fitted to the highest twentieth by maximum likelihood. A penalty keeps its shape
near zero, as in Coles and Dixon ("Likelihood-based inference for extreme value models", Extremes 2, 1999): without it,
two mislabelled people in a thousand look like a heavy tail.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.thresholds import Provenance, ThresholdModel

TAIL_SHARE: Final = 0.05
"""Share of the non-mated passages that form the tail. A larger share includes scores outside the tail and makes
thresholds too high: with a fifth, FPIR was half of the promised value for lists of 400 and 800."""
MIN_EXCEEDANCES: Final = 15
SHAPE_SPREAD: Final = 0.1
"""Standard deviation of the normal penalty on the shape."""


class TooFewPassagesError(ValueError):
    """Too few passages to fit a tail; the message says how many are needed."""


def fit_tail(scores: NDArray[np.float32], list_size: int, provenance: Provenance) -> ThresholdModel:
    """Fit the model to the highest scores, one per non-mated passage, in a list of `list_size` templates.

    Raises TooFewPassagesError.
    """
    needed = math.ceil(MIN_EXCEEDANCES / TAIL_SHARE)
    if len(scores) < needed:
        raise TooFewPassagesError(f"{len(scores)} non-mated passages are too few for a tail; {needed} are needed")
    tail_from = float(np.quantile(scores, 1 - TAIL_SHARE))
    exceedances = scores[scores > tail_from].astype(np.float64) - tail_from
    if len(exceedances) < MIN_EXCEEDANCES:
        raise TooFewPassagesError("too many of the scores are the same; the same photographs under several names?")
    scale, shape = _most_likely(exceedances)
    return ThresholdModel(
        list_size=list_size,
        tail_from=tail_from,
        tail_rate=-math.log1p(-len(exceedances) / len(scores)),
        scale=scale,
        shape=shape,
        provenance=provenance,
    )


def _most_likely(exceedances: NDArray[np.float64]) -> tuple[float, float]:
    """Return scale and shape."""
    from scipy.optimize import minimize
    from scipy.stats import genpareto

    def penalised(parameters: NDArray[np.float64]) -> float:
        scale, shape = math.exp(parameters[0]), float(parameters[1])
        if abs(shape) >= 1:
            return math.inf
        likelihood = genpareto.logpdf(exceedances, shape, scale=scale).sum()
        return float((shape / SHAPE_SPREAD) ** 2 / 2 - likelihood)

    start = np.array([math.log(exceedances.mean()), 0.0])
    found = minimize(penalised, start, method="Nelder-Mead")
    return math.exp(found.x[0]), float(found.x[1])
