"""Fits a model of FPIR by list size and threshold to the scores of non-mated passages. Pure arithmetic on scores.

The generalised Pareto distribution is fitted to the highest twentieth by maximum likelihood. Its shape is never below
zero: a tail that ends promises that nobody looks more alike than the people who were counted. A penalty keeps the shape
near zero, as in Coles and Dixon ("Likelihood-based inference for extreme value models", Extremes 2, 1999): without it,
two mislabelled people in a thousand look like a heavy tail. The shape is then an upper confidence bound, CAUTION
standard deviations above the most likely one, and the scale is fitted to it (docs/adr/0090).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.thresholds import CAUTION, SHAPE_SPREAD, Provenance, ThresholdModel, shape_deviation

TAIL_SHARE: Final = 0.05
"""Share of the non-mated passages that form the tail. A larger share includes scores outside the tail and makes
thresholds too high: with a fifth, FPIR was half of the promised value for lists of 400 and 800."""
MIN_EXCEEDANCES: Final = 15
MAX_SHAPE: Final = 0.5


class TooFewPassagesError(ValueError):
    """Too few passages to fit a tail; the message says how many are needed."""


def fit_tail(
    scores: NDArray[np.float32],
    people: NDArray[np.int64],
    list_size: int,
    provenance: Provenance,
    grows_from: int = 1,
) -> ThresholdModel:
    """Fit the model to the highest scores, one per non-mated passage, in a list of `list_size` templates.

    `people`: shape (passages, 2), the traveller and the listed person of each score. Two who look alike are one
    observation, however often they pass. `grows_from` is that of the model. Raises TooFewPassagesError.
    """
    needed = math.ceil(MIN_EXCEEDANCES / TAIL_SHARE)
    if len(scores) < needed:
        raise TooFewPassagesError(f"{len(scores)} non-mated passages are too few for a tail; {needed} are needed")
    tail_from = float(np.quantile(scores, 1 - TAIL_SHARE))
    above = scores > tail_from
    exceedances = scores[above].astype(np.float64) - tail_from
    if len(exceedances) < MIN_EXCEEDANCES:
        raise TooFewPassagesError("too many of the scores are the same; the same photographs under several names?")
    pairs = len(np.unique(np.sort(people[above], axis=1), axis=0))
    scale, shape = _cautious(exceedances, pairs)
    return ThresholdModel(
        list_size=list_size,
        tail_from=tail_from,
        tail_rate=-math.log1p(-len(exceedances) / len(scores)),
        scale=scale,
        shape=shape,
        provenance=provenance,
        pairs=pairs,
        grows_from=grows_from,
    )


def _cautious(exceedances: NDArray[np.float64], pairs: int) -> tuple[float, float]:
    """Return scale and shape, of exceedances that are as many observations as there are `pairs`."""
    from scipy.optimize import minimize
    from scipy.stats import genpareto

    def penalised(parameters: NDArray[np.float64]) -> float:
        scale, shape = math.exp(parameters[0]), float(parameters[1])
        likelihood = genpareto.logpdf(exceedances, shape, scale=scale).sum()
        return float((shape / SHAPE_SPREAD) ** 2 / 2 - pairs / len(exceedances) * likelihood)

    start = np.array([math.log(exceedances.mean()), 0.0])
    likely = minimize(penalised, start, method="Nelder-Mead", bounds=((None, None), (0.0, MAX_SHAPE))).x
    shape = float(likely[1]) + CAUTION * shape_deviation(pairs)
    found = minimize(lambda scale: penalised(np.array([scale[0], shape])), likely[:1], method="Nelder-Mead")
    return math.exp(found.x[0]), shape
