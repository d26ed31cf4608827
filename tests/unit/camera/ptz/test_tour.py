from __future__ import annotations

from datetime import time

import pytest
from pydantic import ValidationError

from cekalwatch.camera.ptz.tour import Tour, TourStop
from cekalwatch.camera.settings import Turnable

MORNING, NOON, NIGHT = time(7, 0), time(12, 0), time(23, 30)


def turnable(preset: str, **more: object) -> Turnable:
    return Turnable.model_validate({"address": "http://10.0.0.7", "user": "watcher", "preset": preset, **more})


def stop(camera_id: str, stay_seconds: float = 60, hours: tuple[str, ...] = (), wait_seconds: float = 20) -> TourStop:
    return TourStop(
        camera_id, turnable(camera_id, stay_seconds=stay_seconds, hours=hours, wait_seconds=wait_seconds), stay_seconds
    )


class Walked:
    """A tour whose camera arrives 5 s after it is sent, and a log of where it was."""

    def __init__(self, *stops: TourStop) -> None:
        self.tour = Tour(stops)
        self.at: str | None = None
        self.now_s = 0.0

    def where(self, *, after_s: float, at: time = NOON, under_way: bool = False) -> str | None:
        """Let time pass, second by second; return the key at which the camera should be."""
        end_s = self.now_s + after_s
        since_s: float | None = None
        while self.now_s < end_s:
            self.now_s += 1
            found = self.tour.stop_at(self.now_s, at, under_way=under_way)
            name = found.camera_id if found else None
            if name != self.at:
                self.at, since_s = name, self.now_s
            if since_s is None or self.now_s - since_s >= 5:
                self.tour.arrived(self.now_s)
        return self.at


def test_each_preset_has_its_time_in_the_order_of_the_file():
    walked = Walked(stop("dep-1", stay_seconds=60), stop("arr-1", stay_seconds=30), stop("arr-2", stay_seconds=90))
    assert walked.where(after_s=1) == "dep-1"
    assert walked.where(after_s=60) == "dep-1"
    assert walked.where(after_s=10) == "arr-1"
    assert walked.where(after_s=20) == "arr-1"
    assert walked.where(after_s=10) == "arr-2"
    assert walked.where(after_s=80) == "arr-2"
    assert walked.where(after_s=20) == "dep-1"


def test_it_waits_for_a_passage_under_way_but_not_for_ever():
    walked = Walked(stop("dep-1", stay_seconds=60, wait_seconds=20), stop("arr-1"))
    walked.where(after_s=60)
    assert walked.where(after_s=20, under_way=True) == "dep-1"
    assert walked.where(after_s=10, under_way=True) == "arr-1"


def test_it_leaves_as_soon_as_the_passage_is_over():
    walked = Walked(stop("dep-1", stay_seconds=60, wait_seconds=600), stop("arr-1"))
    assert walked.where(after_s=300, under_way=True) == "dep-1"
    assert walked.where(after_s=1) == "arr-1"


def test_counters_that_are_closed_are_left_out():
    walked = Walked(stop("dep-1"), stop("arr-1", hours=("05:30-11:00", "22:00-02:00")), stop("arr-2"))
    seen = {walked.where(after_s=30, at=NOON) for _ in range(20)}
    assert seen == {"dep-1", "arr-2"}
    for at in (MORNING, NIGHT, time(1, 59)):
        assert "arr-1" in {walked.where(after_s=30, at=at) for _ in range(20)}


def test_a_counter_that_closes_is_left_before_its_time_and_after_its_passage():
    walked = Walked(stop("dep-1", stay_seconds=3600, hours=("05:30-11:00",), wait_seconds=20), stop("arr-1"))
    assert walked.where(after_s=60, at=MORNING) == "dep-1"
    assert walked.where(after_s=10, at=time(11, 0), under_way=True) == "dep-1"
    assert walked.where(after_s=1, at=time(11, 0)) == "arr-1"


def test_the_only_open_counter_keeps_the_camera_and_so_does_none():
    walked = Walked(stop("dep-1", hours=("05:00-09:00",)), stop("arr-1", hours=("05:00-13:00",)))
    assert walked.where(after_s=1000, at=NOON) == "arr-1"
    assert walked.where(after_s=1000, at=NIGHT) == "arr-1"
    assert walked.where(after_s=2, at=MORNING) == "dep-1"


def test_a_tour_that_never_was_open_turns_nothing():
    assert Walked(stop("dep-1", hours=("05:00-09:00",))).where(after_s=100, at=NOON) is None


def test_a_preset_that_is_not_reached_is_passed_over_and_tried_again_in_the_next_round():
    walked = Walked(stop("dep-1"), stop("arr-1"), stop("arr-2"))
    walked.where(after_s=67)
    assert walked.at == "arr-1"
    walked.tour.pass_over()
    assert walked.where(after_s=1) == "arr-2"
    assert walked.where(after_s=70) == "dep-1"
    assert walked.where(after_s=70) == "arr-1"


def test_after_a_person_has_turned_the_camera_the_stay_begins_anew():
    walked = Walked(stop("dep-1", stay_seconds=60), stop("arr-1"))
    walked.where(after_s=60)
    walked.tour.interrupt()
    assert walked.where(after_s=60) == "dep-1"
    assert walked.where(after_s=7) == "arr-1"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hours": ("25:00-26:00",), "stay_seconds": 60}, "hours"),
        ({"hours": ("07:00-07:00",), "stay_seconds": 60}, "begins when it ends"),
        ({"hours": ("07:00-09:00",)}, "set `stay_seconds` too"),
        ({"stay_seconds": 1}, "stay_seconds"),
        ({"turn_seconds": 0}, "turn_seconds"),
    ],
)
def test_a_tour_that_cannot_be_is_refused(changes: dict[str, object], named: str):
    with pytest.raises(ValidationError, match=named):
        turnable("departures", **changes)


def test_the_end_of_the_day_can_be_given():
    assert turnable("departures", stay_seconds=60, hours=("20:00-24:00",)).open_at(time(23, 59))
    assert not turnable("departures", stay_seconds=60, hours=("20:00-24:00",)).open_at(time(0, 0))
