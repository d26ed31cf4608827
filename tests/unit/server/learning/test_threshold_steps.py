"""How far the threshold moves, whatever is wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.values.reports import Estimate
from cekalwatch.server.learning.learned_threshold import MAX_ALONE, MIN_STEP, LearnedOffset, LearningBounds

BOUNDS = LearningBounds(step_a_day=0.05, below=0.05, above=0.2)
PACK = 0.4


def towards(value: float, offset: LearnedOffset, day: str = "2026-11-26") -> LearnedOffset:
    return offset.stepped(near(value), PACK, BOUNDS, day)


def near(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01)


def test_it_goes_as_far_as_it_may_without_people_and_says_what_waits_for_them():
    first = towards(0.52, LearnedOffset())
    assert first.value == first.moved == pytest.approx(MAX_ALONE)
    assert towards(0.52, first, "2026-11-27") == first
    assert first.waiting(near(0.52), PACK, BOUNDS) == pytest.approx(0.12)
    assert first.waiting(near(0.72), PACK, BOUNDS) == pytest.approx(BOUNDS.above)
    assert first.waiting(near(0.32), PACK, BOUNDS) == pytest.approx(-BOUNDS.below)


def test_nothing_waits_where_the_passages_do_not_say_that_more_is_needed():
    assert LearnedOffset().waiting(near(PACK + MAX_ALONE + 0.004), PACK, BOUNDS) is None
    assert LearnedOffset().waiting(Estimate(0.52, PACK, 0.64), PACK, BOUNDS) is None, "it is too vague"


def test_from_what_people_accepted_it_goes_on_in_daily_steps():
    accepted = LearnedOffset(0.1, accepted=0.1)
    narrow = LearningBounds(step_a_day=0.01)
    first = accepted.stepped(near(0.6), PACK, narrow, "2026-11-26")
    assert first.value == pytest.approx(0.11)
    assert first.stepped(near(0.6), PACK, narrow, "2026-11-26") == first, "no further on that day"
    second = first.stepped(near(0.6), PACK, narrow, "2026-11-27")
    assert second.value == pytest.approx(0.1 + MAX_ALONE)
    assert second.accepted == 0.1


def test_what_an_earlier_version_learned_without_people_stays_and_waits_for_them():
    before = LearnedOffset(0.12)
    assert towards(PACK + 0.15, before) == before
    assert before.waiting(near(PACK + 0.12), PACK, BOUNDS) == pytest.approx(0.12)
    assert towards(PACK + 0.1, before).value == pytest.approx(0.1), "back towards the pack's it goes by itself"


def test_what_hardly_differs_moves_nothing():
    assert towards(PACK + MIN_STEP * 0.9, LearnedOffset()) == LearnedOffset()


@given(st.lists(st.tuples(st.floats(-2, 2), st.integers(1, 9)), max_size=60))
def test_no_day_and_no_way_goes_beyond_the_bounds(wanted: list[tuple[float, int]]):
    offset, gone = LearnedOffset(), dict[int, float]()
    for value, day in sorted(wanted, key=lambda one: one[1]):
        moved = towards(value, offset, f"2026-11-0{day}")
        gone[day] = gone.get(day, 0.0) + abs(moved.value - offset.value)
        offset = moved
        assert abs(offset.value) <= MAX_ALONE + 1e-9
    assert all(way <= BOUNDS.step_a_day + 1e-9 for way in gone.values())
