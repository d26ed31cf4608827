"""How far the threshold moves, whatever is wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.learning.learned_threshold import MIN_STEP, LearnedOffset, LearningBounds
from cekalwatch.server.learning.site_tail import WantedThreshold

BOUNDS = LearningBounds(step_a_day=0.05, below=0.05, above=0.2)
PACK = 0.4


def towards(value: float, offset: LearnedOffset, day: str = "2026-11-26") -> LearnedOffset:
    return offset.stepped(WantedThreshold(value, value - 0.01, value + 0.01), PACK, BOUNDS, day)


def test_it_goes_all_the_way_in_daily_steps():
    first = towards(0.52, LearnedOffset())
    assert first.value == first.moved == pytest.approx(0.05)
    assert towards(0.52, first) == first, "no further on that day"
    second = towards(0.52, first, "2026-11-27")
    third = towards(0.52, second, "2026-11-28")
    assert third.value == pytest.approx(0.12)


def test_what_hardly_differs_moves_nothing():
    assert towards(PACK + MIN_STEP * 0.9, LearnedOffset()) == LearnedOffset()


@given(st.lists(st.tuples(st.floats(-2, 2), st.integers(1, 9)), max_size=60))
def test_no_day_and_no_way_goes_beyond_the_bounds(wanted: list[tuple[float, int]]):
    offset, gone = LearnedOffset(), dict[int, float]()
    for value, day in sorted(wanted, key=lambda one: one[1]):
        moved = towards(value, offset, f"2026-11-0{day}")
        gone[day] = gone.get(day, 0.0) + abs(moved.value - offset.value)
        offset = moved
        assert -BOUNDS.below - 1e-9 <= offset.value <= BOUNDS.above + 1e-9
    assert all(way <= BOUNDS.step_a_day + 1e-9 for way in gone.values())
