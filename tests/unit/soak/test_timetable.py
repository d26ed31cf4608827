"""Each quarter of the soak has the same passages, as many as a port has at its peak."""

from __future__ import annotations

from typing import cast

from benchmarks.chaos.people import Traveller
from benchmarks.soak.timetable import CROP_EVERY_S, CROPS, timetable
from benchmarks.soak.travellers import Public

QUARTER_S = 1_800.0
CAMERAS = ("D1", "D2", "D3")
PEOPLE = Public(*(cast("tuple[Traveller, ...]", tuple(f"{kind}{n}" for n in range(20))) for kind in ("L", "U")))


def test_a_timetable_is_the_same_each_time() -> None:
    assert timetable(PEOPLE, CAMERAS, QUARTER_S, "soak") == timetable(PEOPLE, CAMERAS, QUARTER_S, "soak")
    assert timetable(PEOPLE, CAMERAS, QUARTER_S, "soak") != timetable(PEOPLE, CAMERAS, QUARTER_S, "another")


def test_sixty_people_a_minute_of_whom_one_in_ten_is_listed() -> None:
    crops = timetable(PEOPLE, CAMERAS, QUARTER_S, "soak")
    arrivals = [one for one in crops if one.arrives]
    assert 1_650 < len(arrivals) < 1_950
    assert 0.08 < sum(one.listed for one in arrivals) / len(arrivals) < 0.12
    assert {one.camera_id for one in arrivals} == set(CAMERAS)
    assert [one.traveller for one in arrivals if one.listed][:21] == [*PEOPLE.listed, PEOPLE.listed[0]]


def test_crops_of_a_passage_come_one_after_another_and_none_after_the_quarter() -> None:
    crops = timetable(PEOPLE, CAMERAS, QUARTER_S, "soak")
    assert [one.at_s for one in crops] == sorted(one.at_s for one in crops)
    assert crops[0].at_s == 0
    assert crops[-1].at_s < QUARTER_S
    for passage in range(100):
        own = [one for one in crops if one.passage == passage]
        assert CROPS[0] <= len(own) <= CROPS[1]
        assert [one.arrives for one in own] == [True] + [False] * (len(own) - 1)
        assert len({(one.listed, one.camera_id, one.traveller) for one in own}) == 1
        assert round(own[-1].at_s - own[0].at_s, 6) == round((len(own) - 1) * CROP_EVERY_S, 6)
    assert len({one.noise for one in crops}) == len(crops)
