"""Each quarter of the soak has people at the same moments, as many as a port has at its peak."""

from __future__ import annotations

from itertools import islice
from typing import cast

from benchmarks.chaos.people import Traveller
from benchmarks.soak.timetable import CROP_EVERY_S, CROPS, Crop, timetables
from benchmarks.soak.travellers import Public

QUARTER_S = 1_800.0
CAMERAS = ("D1", "D2", "D3")
PEOPLE = Public(*(cast("tuple[Traveller, ...]", tuple(f"{kind}{n}" for n in range(20))) for kind in ("L", "U")))


def quarters(seed: str = "soak") -> list[list[Crop]]:
    return list(islice(timetables(PEOPLE, CAMERAS, QUARTER_S, seed), 2))


def moments(crops: list[Crop]) -> list[tuple[float, int, bool, str]]:
    return [(one.at_s, one.passage, one.listed, one.camera_id) for one in crops]


def test_each_quarter_has_the_same_moments_and_other_people() -> None:
    first, second = quarters()
    assert moments(first) == moments(second) == moments(quarters()[0])
    assert moments(first) != moments(quarters("another")[0])
    last = [one.traveller for one in first if one.listed][-1]
    assert next(one.traveller for one in second if one.listed) == PEOPLE.listed[(PEOPLE.listed.index(last) + 1) % 20]


def test_sixty_people_a_minute_of_whom_one_in_ten_is_listed() -> None:
    crops = quarters()[0]
    arrivals = [one for one in crops if one.arrives]
    assert 1_650 < len(arrivals) < 1_950
    assert 0.08 < sum(one.listed for one in arrivals) / len(arrivals) < 0.12
    assert {one.camera_id for one in arrivals} == set(CAMERAS)
    assert [one.traveller for one in arrivals if one.listed][:21] == [*PEOPLE.listed, PEOPLE.listed[0]]


def test_crops_of_a_passage_come_one_after_another_and_none_after_the_quarter() -> None:
    crops = quarters()[0]
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
