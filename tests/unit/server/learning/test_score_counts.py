"""What was counted at each camera, with people's findings about its alerts."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.learning.score_counts import (
    BINS,
    MAX_DAY_PASSAGES,
    CountKey,
    JudgedPassage,
    ScoreCounts,
    bin_of,
    by_camera,
    size_bucket,
)


def key(camera: str, day: str = "2026-11-26", templates: int = 400) -> CountKey:
    return CountKey(day, camera, "model-1", templates, "batam-center")


def counts(
    camera: str, scores: np.ndarray, day: str = "2026-11-26", templates: int = 400, reached: int = 0
) -> ScoreCounts:
    below = np.bincount([bin_of(score) for score in scores], minlength=BINS).astype(np.float64)
    return ScoreCounts(key(camera, day, templates), below, reached)


def usual(number: int, seed: int) -> np.ndarray:
    return 0.2 + np.random.default_rng(seed).gumbel(0, 0.045, number)


def judged(camera: str, score: float, *, was_false: bool = True) -> JudgedPassage:
    return JudgedPassage("2026-11-26", camera, score, was_false)


@pytest.mark.parametrize(("score", "place"), [(-1.0, 0), (0.0, 0), (0.0051, 1), (0.999, BINS - 1), (1.0, BINS - 1)])
def test_every_score_has_a_bin(score: float, place: int):
    assert bin_of(score) == place


@given(st.integers(1, 10_000_000))
def test_a_size_is_within_a_twentieth_of_what_stands_for_it(templates: int):
    assert abs(size_bucket(templates) - templates) <= 0.05 * templates + 0.5, "which is what rounding takes"


def test_no_day_counts_for_more_than_its_share():
    rows = [counts("cam-1", usual(1_000_000, 1)), counts("cam-1", usual(500, 2), "2026-11-27")]
    camera = by_camera(rows, [])["cam-1"]
    assert camera.weight == pytest.approx(MAX_DAY_PASSAGES + 500)
    assert camera.passages == 1_000_500


def test_passages_against_an_empty_list_say_nothing():
    assert by_camera([counts("cam-1", usual(500, 1), templates=0)], [])["cam-1"].weight == 0


def test_a_false_alert_counts_once_it_is_settled_and_a_confirmed_one_never():
    row = counts("cam-1", usual(400, 1), reached=2)
    before = by_camera([row], [])["cam-1"].by_size[400]
    settled = [judged("cam-1", 0.71), judged("cam-1", 0.91, was_false=False)]
    after = by_camera([row], settled)["cam-1"].by_size[400]
    assert after[bin_of(0.71)] - before[bin_of(0.71)] == pytest.approx(1)
    assert after.sum() - before.sum() == pytest.approx(1)


def test_settled_alerts_stand_for_those_that_nobody_has_settled():
    row = counts("cam-1", usual(400, 1), reached=12)
    settled = [*(judged("cam-1", 0.71) for _ in range(3)), judged("cam-1", 0.9, was_false=False)]
    assert by_camera([row], settled)["cam-1"].weight == pytest.approx(400 + 3 * 12 / 4)


def test_what_alerted_goes_to_the_size_of_most_passages_of_its_day():
    rows = [
        counts("cam-1", usual(100, 1), templates=200),
        counts("cam-1", usual(300, 2), templates=400),
        counts("cam-1", usual(900, 3), "2026-11-25", templates=200),
    ]
    camera = by_camera(rows, [judged("cam-1", 0.8)])["cam-1"]
    assert camera.by_size[400][bin_of(0.8)] == pytest.approx(1)


def test_counts_of_another_key_are_not_added():
    number = count()
    one = counts("cam-1", usual(10, next(number)))
    assert (one + one).passages == 20
    with pytest.raises(ValueError, match="something else"):
        one + counts("cam-2", usual(10, next(number)))
    with pytest.raises(ValueError, match="not negative"):
        ScoreCounts(one.key, -one.below, 0)
