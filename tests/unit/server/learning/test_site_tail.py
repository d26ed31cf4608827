"""The tail of a site's passages: what it says of people whom the pack was not measured on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cekalwatch.server.learning.score_counts import BINS, Counts, bin_of
from cekalwatch.server.learning.site_tail import SiteTail, fit_tail
from cekalwatch.vision.thresholds import Provenance, ThresholdModel

LFW = Provenance("LFW", "model-1", "2026-01-01", 1_000, 2_000, 3, "1")
PACK = ThresholdModel(400, 0.35, 0.05, 0.04, -0.05, LFW)
SPREAD = 0.045


def counted(scores: np.ndarray) -> Counts:
    return np.bincount([bin_of(score) for score in scores], minlength=BINS).astype(np.float64)


class People:
    """Passers-by whose best score is a Gumbel variable, which rises with the logarithm of the list's size."""

    def __init__(self, above_the_pack: float, seed: int = 1) -> None:
        self.middle = 0.2 + above_the_pack
        self.dice = np.random.default_rng(seed)

    def scores(self, number: int, templates: int) -> np.ndarray:
        return self.middle + SPREAD * math.log(templates / 400) + self.dice.gumbel(0, SPREAD, number)

    def fpir(self, threshold: float, templates: int) -> float:
        beyond = (threshold - self.middle - SPREAD * math.log(templates / 400)) / SPREAD
        return -math.expm1(-math.exp(-beyond))

    def threshold(self, fpir: float, templates: int) -> float:
        return self.middle + SPREAD * (math.log(templates / 400) - math.log(-math.log1p(-fpir)))


def fitted(counts: dict[int, Counts]) -> SiteTail:
    return fit_tail(counts, PACK, "2026-11-26", "1")


@pytest.mark.parametrize("seed", range(12))
def test_fifteen_hundred_passages_keep_the_promise_within_a_factor_of_two(seed: int):
    people = People(0.12, seed)
    assert people.fpir(PACK.threshold(200, 1e-2), 200) > 0.1, "ten times too many to begin with"
    threshold = fitted({200: counted(people.scores(1_500, 200))}).threshold(200, 1e-2)
    assert 0.005 <= people.fpir(threshold.value, 200) <= 0.02


def test_intervals_hold_the_truth_and_narrow_with_evidence():
    widths = []
    for passages in (400, 1_600, 6_400):
        held = 0
        for seed in range(40):
            people = People(0.1, seed)
            found = fitted({400: counted(people.scores(passages, 400))}).threshold(400, 1e-2)
            held += found.low <= people.threshold(1e-2, 400) <= found.high
        assert held >= 34, "of 40, at 95 %"
        widths.append(found.high - found.low)
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_it_follows_the_list_as_it_grows():
    people = People(0.1)
    tail = fitted({200: counted(people.scores(4_000, 200)), 400: counted(people.scores(4_000, 400))})
    for templates in (100, 1_000, 10_000):
        assert 0.005 <= people.fpir(tail.threshold(templates, 1e-2).value, templates) <= 0.02


def test_the_weight_of_the_pack_falls_with_evidence():
    """A tail steeper than the pack's is believed the more, the more passages say so."""
    scales = []
    for passages in (300, 10_000):
        dice = np.random.default_rng(3)
        some = [fitted({400: counted(0.3 + dice.gumbel(0, 0.015, passages))}).model.scale for _ in range(15)]
        scales.append(float(np.mean(some)))
    assert PACK.scale > scales[0] > 1.05 * scales[1]
    assert scales[1] == pytest.approx(0.0155, rel=0.05)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 400), min_size=BINS, max_size=BINS),
    st.integers(1, 1_000_000),
    st.sampled_from([1e-5, 1e-3, 1e-2, 0.1]),
)
def test_whatever_was_counted_gives_finite_figures(numbers: list[int], templates: int, fpir: float):
    counts = np.array(numbers, dtype=np.float64)
    if not counts.any():
        return
    tail = fitted({templates: counts})
    found = tail.threshold(templates, fpir)
    assert found.low <= found.value <= found.high <= found.low + 4
    assert found.value >= tail.threshold(max(1, templates // 2), fpir).value - 1e-9, "it rises with the list"


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_passages_that_all_score_alike_are_fitted_too(score: float):
    tail = fitted({400: counted(np.full(5_000, score))})
    assert math.isfinite(tail.threshold(400, 1e-3).value)
