"""A capture host plays an exercise between travellers, never while a face is in view (domain rule 16)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cekalwatch.camera.detection.exercise_player import QUIET_S, ExercisePlayer
from cekalwatch.camera.outbox.exercise_box import ExerciseBox
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import ExercisePlayed, ExerciseRequest, FaceCapture
from cekalwatch.vision.faces import Face, Picture
from tests.support.builders.camera import ASTRONAUT_FACE, BEGIN, ManualClock
from tests.support.builders.portraits import astronaut, encoded, wall

CROP = encoded(astronaut())
POLICY = CapturePolicy()


class Finds:
    """Finds the face of the portrait, or none."""

    name, upright_score = "made up", 0.5

    def __init__(self, *, nobody: bool = False) -> None:
        self.nobody = nobody
        self.looks = 0

    def detect(self, picture: Picture) -> list[Face]:
        assert picture.size
        self.looks += 1
        return [] if self.nobody else [ASTRONAUT_FACE]


class Host:
    """A host before which nobody stands, unless told; frames come each half second."""

    def __init__(self, *, nobody: bool = False) -> None:
        self.clock, self.waiting, self.told = ManualClock(), 0, 0
        self.detector = Finds(nobody=nobody)
        self.box = ExerciseBox(self.clock)
        self.player = ExercisePlayer(self.box, self.detector, self.clock, lambda: self.waiting)
        self.at_s = 0.0

    def ask(self, *jpegs: bytes) -> None:
        self.box.ask(ExerciseRequest("token", jpegs or (CROP, CROP), 600.0), self._tell)

    def _tell(self) -> None:
        self.told += 1

    def watch(self, seconds: float, *, in_view: bool = False) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.sleep_s(0.5)
            self.at_s += 0.5
            frame = Frame(wall(64, 64), BEGIN + timedelta(seconds=self.at_s), self.at_s)
            self.player.see(frame, POLICY, in_view=in_view)

    def sent(self) -> list[FaceCapture]:
        found = []
        while capture := self.box.take():
            found.append(capture)
        return found


def test_an_exercise_is_played_in_a_gap_and_its_crops_carry_the_token():
    host = Host()
    host.watch(5)
    assert host.detector.looks == 0, "nothing is asked for"
    host.ask()
    host.watch(QUIET_S)
    assert host.sent() == []
    host.watch(2)
    assert host.box.answer() is None, "the crops come first"
    crops = host.sent()
    assert {(one.exercise_token, one.track_id) for one in crops} == {("token", "exercise")}
    assert host.box.answer() == ExercisePlayed("token", len(crops))
    assert len(crops) >= 1
    assert host.told
    assert host.box.answer() is None
    host.watch(10)
    assert host.detector.looks == 2, "it is played once"


def test_nothing_is_played_while_somebody_is_in_view_or_crops_of_travellers_wait():
    host = Host()
    host.ask()
    host.watch(20, in_view=True)
    host.waiting = 1
    host.watch(20)
    assert host.detector.looks == 0
    host.waiting = 0
    host.watch(QUIET_S)
    assert host.detector.looks == 0, "the gap is counted anew"


def test_a_face_in_view_ends_it():
    host = Host()
    host.ask(CROP, CROP, CROP, CROP)
    host.watch(QUIET_S + 1)
    looks = host.detector.looks
    assert looks
    host.watch(0.5, in_view=True)
    host.watch(10)
    assert host.detector.looks == looks
    host.sent()
    answer = host.box.answer()
    assert answer is not None
    assert answer.gave_way


def test_without_a_gap_in_time_it_is_given_back():
    host = Host()
    host.ask()
    host.watch(601, in_view=True)
    assert host.box.answer() == ExercisePlayed("token", 0, gave_way=True)


@pytest.mark.parametrize("jpegs", [(CROP, CROP), (b"no picture",), ()])
def test_crops_in_which_the_detector_finds_nobody_are_told_as_none(jpegs: tuple[bytes, ...]):
    host = Host(nobody=True)
    host.box.ask(ExerciseRequest("token", jpegs, 600.0), lambda: None)
    host.watch(8)
    assert host.sent() == []
    assert host.box.answer() == ExercisePlayed("token", 0)


def test_with_the_stream_everything_of_it_is_gone():
    host = Host()
    host.ask()
    host.watch(8)
    host.box.forget()
    host.watch(8)
    assert (host.sent(), host.box.answer()) == ([], None)
    host.ask()
    host.watch(QUIET_S + 1)
    host.box.forget()
    host.watch(8)
    assert (host.sent(), host.box.answer()) == ([], None)
