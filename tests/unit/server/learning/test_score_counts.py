"""What the counts of many cameras say together: shares that are bounded, and cameras that stand out."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.learning.score_counts import (
    BINS,
    MAX_CAMERA_SHARE,
    MAX_DAY_PASSAGES,
    CountKey,
    JudgedPassage,
    ScoreCounts,
    bin_of,
    size_bucket,
    weigh,
)


def key(camera: str, day: str = "2026-11-26", templates: int = 400) -> CountKey:
    return CountKey(day, camera, "model-1", templates, "batam-center")


def counts(
    camera: str, scores: np.ndarray, day: str = "2026-11-26", templates: int = 400, reached: int = 0
) -> ScoreCounts:
    below = np.bincount([bin_of(score) for score in scores], minlength=BINS).astype(np.float64)
    return ScoreCounts(key(camera, day, templates), below, reached)


def usual(number: int, seed: int, above: float = 0.0) -> np.ndarray:
    return 0.2 + above + np.random.default_rng(seed).gumbel(0, 0.045, number)


def judged(camera: str, score: float, *, was_false: bool = True) -> JudgedPassage:
    return JudgedPassage("2026-11-26", camera, score, was_false)


@pytest.mark.parametrize(("score", "place"), [(-1.0, 0), (0.0, 0), (0.0051, 1), (0.999, BINS - 1), (1.0, BINS - 1)])
def test_every_score_has_a_bin(score: float, place: int):
    assert bin_of(score) == place


@given(st.integers(1, 10_000_000))
def test_a_size_is_within_a_twentieth_of_what_stands_for_it(templates: int):
    assert abs(size_bucket(templates) - templates) <= 0.05 * templates + 0.5, "which is what rounding takes"


def test_a_site_with_one_camera_learns_from_it():
    evidence = weigh([counts("cam-1", usual(1_000, 1))], [], cameras=1)
    assert evidence.weight == pytest.approx(1_000)
    assert evidence.passages == 1_000


def test_no_camera_gives_more_than_its_share():
    rows = [counts(f"cam-{n}", usual(100, n)) for n in range(9)] + [counts("busy", usual(1_900, 99))]
    evidence = weigh(rows, [], cameras=10)
    assert evidence.weight == pytest.approx(900 / (1 - MAX_CAMERA_SHARE), rel=0.01)


def test_one_camera_of_many_is_no_evidence_while_the_others_send_nothing():
    assert weigh([counts("cam-1", usual(1_900, 1))], [], cameras=23).weight < 1


def test_no_day_counts_for_more_than_its_share():
    rows = [counts("cam-1", usual(1_000_000, 1)), counts("cam-1", usual(500, 2), "2026-11-27")]
    assert weigh(rows, [], cameras=1).weight == pytest.approx(MAX_DAY_PASSAGES + 500)


@pytest.mark.parametrize(("above", "factor"), [(0.08, 2.0), (-0.06, 0.5)])
def test_a_camera_whose_scores_stand_out_is_named_and_does_not_count(above: float, factor: float):
    rows = [counts(f"cam-{n}", usual(1_000, n)) for n in range(4)] + [counts("glare", usual(1_000, 9, above))]
    evidence = weigh(rows, [], cameras=5)
    (out,) = evidence.standing_out
    assert (out.camera_id, out.site, out.passages) == ("glare", "batam-center", 1_000)
    assert (out.factor > factor) if above > 0 else (out.factor < factor)
    assert evidence.weight == pytest.approx(4_000)


def test_cameras_that_differ_by_chance_are_not_named():
    for seed in range(30):
        rows = [counts(f"cam-{n}", usual(600, seed * 10 + n)) for n in range(6)]
        assert not weigh(rows, [], cameras=6).standing_out


def test_of_two_cameras_nobody_can_say_which_one_stands_out():
    rows = [counts("cam-1", usual(1_000, 1)), counts("cam-2", usual(1_000, 2, 0.1))]
    evidence = weigh(rows, [], cameras=2)
    assert not evidence.standing_out
    assert evidence.weight == pytest.approx(2_000)


def test_a_false_alert_counts_once_it_is_settled_and_a_confirmed_one_never():
    row = counts("cam-1", usual(400, 1), reached=2)
    before = weigh([row], [], cameras=1).by_size[400]
    settled = [judged("cam-1", 0.71), judged("cam-1", 0.91, was_false=False)]
    after = weigh([row], settled, cameras=1).by_size[400]
    assert after[bin_of(0.71)] - before[bin_of(0.71)] == pytest.approx(1)
    assert after.sum() - before.sum() == pytest.approx(1)


def test_settled_alerts_stand_for_those_that_nobody_has_settled():
    row = counts("cam-1", usual(400, 1), reached=12)
    settled = [*(judged("cam-1", 0.71) for _ in range(3)), judged("cam-1", 0.9, was_false=False)]
    assert weigh([row], settled, cameras=1).weight == pytest.approx(400 + 3 * 12 / 4)


def test_what_alerted_goes_to_the_size_of_most_passages_of_its_day():
    rows = [
        counts("cam-1", usual(100, 1), templates=200),
        counts("cam-1", usual(300, 2), templates=400),
        counts("cam-1", usual(900, 3), "2026-11-25", templates=200),
    ]
    evidence = weigh(rows, [judged("cam-1", 0.8)], cameras=1)
    assert evidence.by_size[400][bin_of(0.8)] == pytest.approx(1)


def test_counts_of_another_key_are_not_added():
    number = count()
    one = counts("cam-1", usual(10, next(number)))
    assert (one + one).passages == 20
    with pytest.raises(ValueError, match="something else"):
        one + counts("cam-2", usual(10, next(number)))
    with pytest.raises(ValueError, match="not negative"):
        ScoreCounts(one.key, -one.below, 0)
