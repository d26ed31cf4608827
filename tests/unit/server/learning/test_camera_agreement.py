"""What the cameras of a site agree upon: each has one vote, and those that stand out have none."""

from __future__ import annotations

import numpy as np
import pytest

from cekalwatch.server.learning.camera_agreement import MIN_PASSAGES, MIN_VOTING_PASSAGES, Agreement
from cekalwatch.server.learning.score_counts import BINS, CameraEvidence, bin_of
from cekalwatch.server.learning.site_tail import fit_tail
from tests.support.scenarios.learning import LISTED, PACK, Passers

WANTED = 1e-3


def camera(scores: np.ndarray) -> CameraEvidence:
    counts = np.bincount([bin_of(score) for score in scores], minlength=BINS).astype(np.float64)
    return CameraEvidence("batam-center", {LISTED: counts} if len(scores) else {}, len(scores))


def agreed(*passing: np.ndarray, cameras: int = 0) -> Agreement:
    """What cameras say before which people with these scores passed."""
    return Agreement.of(
        {f"cam-{number}": camera(scores) for number, scores in enumerate(passing)},
        cameras or len(passing),
        lambda counts: fit_tail(counts, PACK.thresholds, "2026-11-26", "1"),
        lambda tail: tail.threshold(LISTED, WANTED).value,
    )


def usual(number: int, seed: int, above: float = 0.0) -> np.ndarray:
    return Passers(above, seed=seed).scores(number)


def wanted(agreement: Agreement) -> float:
    assert agreement.tail
    return agreement.tail.threshold(LISTED, WANTED).value


def test_a_site_with_one_camera_learns_from_it():
    agreement = agreed(usual(MIN_PASSAGES, 1))
    assert agreement.tail
    assert agreement.weight == agreement.passages == MIN_PASSAGES
    assert agreed(usual(MIN_PASSAGES - 1, 1)).tail is None
    assert agreed().tail is None


def test_the_camera_in_the_middle_decides_and_not_the_one_that_sends_most():
    lower, middle, upper = usual(1_000, 1, -0.01), usual(1_000, 1), usual(20_000, 1, 0.01)
    assert wanted(agreed(lower, upper, middle)) == pytest.approx(wanted(agreed(middle)))


def test_two_cameras_have_equal_weight():
    low, high = usual(30_000, 1), usual(3_000, 2, 0.08)
    assert wanted(agreed(low, high)) > wanted(agreed(np.concatenate([low, high]))) + 0.01


def test_no_camera_speaks_for_others_that_have_hardly_sent_anything():
    few = usual(MIN_VOTING_PASSAGES - 1, 3)
    assert agreed(usual(1_900, 1), cameras=23).tail is None
    assert agreed(usual(1_900, 1), usual(1_900, 2), few, cameras=3).tail is None
    assert agreed(*(usual(1_900, seed) for seed in range(3)), few, few, few).tail is None, "three of six"
    assert agreed(*(usual(1_900, seed) for seed in range(4)), few, few, few).tail, "four of seven"


@pytest.mark.parametrize(("above", "least", "most"), [(0.08, 2.0, 99.0), (-0.06, 0.0, 0.5)])
def test_a_camera_whose_scores_stand_out_is_named_and_has_no_vote(above: float, least: float, most: float):
    honest = [usual(1_000, seed) for seed in range(4)]
    agreement = agreed(*honest, usual(1_000, 9, above))
    (out,) = agreement.standing_out
    assert (out.camera_id, out.site, out.passages) == ("cam-4", "batam-center", 1_000)
    assert least < out.factor < most
    assert (agreement.weight, agreement.passages) == (4_000, 5_000)
    assert wanted(agreement) == pytest.approx(wanted(agreed(*honest)))


def test_a_camera_that_stands_out_far_in_the_tail_only_is_named_and_has_no_vote():
    """One passage in 250 scores very high: that is little among the highest hundredth, and much beyond it."""
    chosen = usual(10_000, 9)
    chosen[:40] = usual(10_000, 9).max()
    agreement = agreed(*(usual(10_000, seed) for seed in range(4)), chosen)
    assert [one.camera_id for one in agreement.standing_out] == ["cam-4"]
    assert agreement.weight == 40_000


def test_cameras_that_differ_by_chance_are_not_named():
    for seed in range(0, 120, 6):
        assert not agreed(*(usual(600, seed + number) for number in range(6))).standing_out


def test_of_two_cameras_nobody_can_say_which_one_stands_out():
    assert not agreed(usual(1_000, 1), usual(1_000, 2, 0.1)).standing_out


def test_where_half_of_the_cameras_stand_out_nothing_is_agreed():
    agreement = agreed(*(usual(1_000, seed) for seed in range(3)), *(usual(1_000, seed, 0.1) for seed in range(3)))
    assert agreement.standing_out
    assert agreement.tail is None
