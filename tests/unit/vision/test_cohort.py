"""A score is compared with those of the people who follow on the same list (docs/adr/0091)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekalwatch.vision.cohort import FULL_FROM, CohortModel, compared
from cekalwatch.vision.thresholds import ThresholdModel
from tests.support.builders.cohorts import THRESHOLDS, cohort

LONG = 400


def test_a_face_like_many_others_of_the_list_scores_lower_and_one_like_nobody_higher():
    assert cohort().shift([0.3] * 10, LONG) == pytest.approx(-0.075)
    assert cohort().shift([0.2] * 10, LONG) == pytest.approx(0)
    assert cohort().shift([0.1] * 10, LONG) == pytest.approx(0.075)


def test_only_the_ranks_of_the_model_count_and_the_mean_only_to_its_limit():
    assert cohort(ranks=2).shift([0.3, 0.3, -1.0], LONG) == pytest.approx(-0.075)
    assert cohort().shift([0.9] * 10, LONG) == pytest.approx(cohort().shift([0.4] * 10, LONG))


def test_in_a_short_list_the_part_is_smaller_and_a_list_of_one_keeps_its_scores():
    full = cohort().shift([0.35] * 10, FULL_FROM + 1)
    assert full == pytest.approx(cohort().shift([0.35] * 10, LONG))
    assert cohort().shift([0.35] * 10, FULL_FROM // 2 + 1) == pytest.approx(full / 2)
    assert cohort().shift([0.35], 2) == pytest.approx(full / FULL_FROM)
    assert cohort().shift([], 1) == 0


def test_a_compared_score_is_a_score():
    assert compared(1.0, 0.1) == 1.0
    assert compared(-1.0, -0.1) == -1.0
    assert compared(0.5, -0.1) == pytest.approx(0.4)


def test_scores_compared_otherwise_are_bound_to_something_else():
    versions = {
        one.score_version("mine-1") for one in (cohort(), cohort(ranks=9), cohort(limit=0.5), cohort(usual=0.3))
    }
    assert len(versions) == 4
    assert all(one.startswith("mine-1+") for one in versions)
    assert cohort().score_version("mine-1") == cohort().score_version("mine-1")
    measured_anew = replace(cohort(), thresholds=replace(THRESHOLDS, scale=0.03))
    assert measured_anew.score_version("mine-1") == cohort().score_version("mine-1")


@pytest.mark.parametrize("wrong", [{"part": 0.0}, {"part": 1.1}, {"ranks": 0}, {"ranks": 51}, {"limit": 0.1}])
def test_numbers_that_make_no_sense_are_no_cohort(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="cohort"):
        cohort(**wrong)  # type: ignore[arg-type]


def test_it_is_read_as_it_was_written():
    assert CohortModel.from_json(cohort().to_json()) == cohort()


def test_false_matches_of_compared_scores_do_not_fall_with_the_list_but_grow_beyond_the_one_that_was_searched():
    short, searched, long = (THRESHOLDS.threshold(size, 1e-3) for size in (10, 400, 4_000))
    assert short == searched < long
    assert THRESHOLDS.fpir(10, searched) == pytest.approx(1e-3)
    assert THRESHOLDS.fpir(4_000, searched) == pytest.approx(1e-2, rel=0.01)
    assert THRESHOLDS.fpir(0, searched) == 0
    with pytest.raises(ValueError, match="grows_from"):
        replace(THRESHOLDS, grows_from=0)
    before = {name: value for name, value in THRESHOLDS.to_json().items() if name != "grows_from"}
    assert ThresholdModel.from_json(before).grows_from == 1
