from __future__ import annotations

import math

import numpy as np
import pytest

from cekalwatch.evaluation.statistics.tail import TooFewPassagesError, fit_tail
from cekalwatch.vision.thresholds import CAUTION, Provenance, ThresholdModel, shape_deviation

ORIGIN = Provenance("made up", "mine-1234", "2026-11-25", 10, 10, 3, "0.1.0")


def maxima(passages: int, listed: int, seed: int) -> np.ndarray:
    """Highest of `listed` scores whose tail is exponential with a scale of 0.02."""
    uniform = np.random.default_rng(seed).random(passages)
    return (0.3 - 0.02 * np.log1p(-(uniform ** (1 / listed)))).astype(np.float32)


def fitted(scores: np.ndarray, list_size: int) -> ThresholdModel:
    """The tail of passages of which no two are of the same two people."""
    return fit_tail(scores, np.arange(2 * len(scores)).reshape(-1, 2), list_size, ORIGIN)


@pytest.mark.parametrize("seed", range(3))
def test_a_known_tail_is_found_again(seed: int):
    model = fitted(maxima(6_000, 500, seed), 500)
    assert model.scale == pytest.approx(0.02, rel=0.2)
    assert model.shape == pytest.approx(0, abs=0.12)


@pytest.mark.parametrize("listed", [100, 500, 5_000])
def test_a_list_of_another_size_gets_the_fpir_it_was_promised(listed: int):
    model = fitted(maxima(6_000, 500, 7), 500)
    fresh = maxima(200_000, listed, 8)
    for wanted in (1e-2, 1e-3):
        assert 0.5 < (fresh >= model.threshold(listed, wanted)).mean() / wanted < 2


def false_alerts(listed: int, threshold: float) -> float:
    """What `maxima` gives at a threshold."""
    return -math.expm1(listed * math.log1p(-math.exp(-(threshold - 0.3) / 0.02)))


def measured_pack(seed: int) -> ThresholdModel:
    """The tail of 1,800 passages in a list of 900, like that of a pack: of two who look alike, each meets the other."""
    scores, people = maxima(900, 900, seed), np.arange(1_800).reshape(-1, 2)
    return fit_tail(np.tile(scores, 2), np.concatenate([people, people[:, ::-1]]), 900, ORIGIN)


@pytest.fixture(scope="module")
def packs() -> list[ThresholdModel]:
    return [measured_pack(seed) for seed in range(40)]


@pytest.mark.parametrize("listed", [400, 1_000, 5_000])
@pytest.mark.parametrize(("wanted", "least", "most"), [(1e-2, 0.5, 2), (1e-3, 0.5, 2), (1e-4, 0.0, 3)])
def test_a_promise_is_kept_where_nothing_was_counted(
    packs: list[ThresholdModel], listed: int, wanted: float, least: float, most: float
):
    """1,800 passages in a list of 900 show an FPIR of 1e-4 in lists of 50 at best."""
    ratios = [false_alerts(listed, model.threshold(listed, wanted)) / wanted for model in packs]
    assert least < np.mean(ratios)
    assert np.quantile(ratios, 0.9) < most


def test_the_intervals_hold_the_truth(packs: list[ThresholdModel]):
    for wanted in (1e-2, 1e-4):
        held = 0
        for model in packs:
            low, high = model.threshold_interval(1_000, wanted) or (1.0, 0.0)
            held += false_alerts(1_000, high) <= wanted <= false_alerts(1_000, low)
        assert held >= 36, "of 40, at 95 %"


def test_two_who_look_alike_are_one_observation_however_often_they_pass():
    model = measured_pack(1)
    assert model.pairs == 45


def test_a_tail_never_ends():
    scores = (0.3 + 0.2 * np.random.default_rng(1).random(3_000)).astype(np.float32)
    model = fitted(scores, 500)
    assert model.shape == CAUTION * shape_deviation(model.pairs), "the most likely one is zero"


def test_two_mislabelled_people_do_not_make_a_heavy_tail():
    scores = np.concatenate([maxima(3_000, 500, 3), np.full(3, 0.8, np.float32)])
    assert fitted(scores, 500).shape < 0.25


def test_the_tails_rate_is_the_share_above_it():
    scores = maxima(3_000, 500, 4)
    model = fitted(scores, 500)
    assert -math.expm1(-model.tail_rate) == pytest.approx((scores > model.tail_from).mean())


def test_too_few_passages_are_refused_with_the_number_that_is_needed():
    with pytest.raises(TooFewPassagesError, match=r"299 .* 300"):
        fitted(maxima(299, 100, 1), 100)
    with pytest.raises(TooFewPassagesError, match="the same"):
        fitted(np.full(1000, 0.4, np.float32), 100)
