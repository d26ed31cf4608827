from __future__ import annotations

import math

import numpy as np
import pytest

from cekalwatch.evaluation.statistics.tail import TooFewPassagesError, fit_tail
from cekalwatch.vision.thresholds import Provenance

ORIGIN = Provenance("made up", "mine-1234", "2026-11-25", 10, 10, 3, "0.1.0")


def maxima(passages: int, listed: int, seed: int) -> np.ndarray:
    """Highest of `listed` scores whose tail is exponential with a scale of 0.02."""
    uniform = np.random.default_rng(seed).random(passages)
    return (0.3 - 0.02 * np.log1p(-(uniform ** (1 / listed)))).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_a_known_tail_is_found_again(seed: int):
    model = fit_tail(maxima(6_000, 500, seed), 500, ORIGIN)
    assert model.scale == pytest.approx(0.02, rel=0.2)
    assert model.shape == pytest.approx(0, abs=0.12)


@pytest.mark.parametrize("listed", [100, 500, 5_000])
def test_a_list_of_another_size_gets_the_fpir_it_was_promised(listed: int):
    model = fit_tail(maxima(6_000, 500, 7), 500, ORIGIN)
    fresh = maxima(200_000, listed, 8)
    for wanted in (1e-2, 1e-3):
        assert 0.5 < (fresh >= model.threshold(listed, wanted)).mean() / wanted < 2


def test_two_mislabelled_people_do_not_make_a_heavy_tail():
    scores = np.concatenate([maxima(3_000, 500, 3), np.full(3, 0.8, np.float32)])
    assert fit_tail(scores, 500, ORIGIN).shape < 0.25


def test_the_tails_rate_is_the_share_above_it():
    scores = maxima(3_000, 500, 4)
    model = fit_tail(scores, 500, ORIGIN)
    assert -math.expm1(-model.tail_rate) == pytest.approx((scores > model.tail_from).mean())


def test_too_few_passages_are_refused_with_the_number_that_is_needed():
    with pytest.raises(TooFewPassagesError, match=r"299 .* 300"):
        fit_tail(maxima(299, 100, 1), 100, ORIGIN)
    with pytest.raises(TooFewPassagesError, match="the same"):
        fit_tail(np.full(1000, 0.4, np.float32), 100, ORIGIN)
