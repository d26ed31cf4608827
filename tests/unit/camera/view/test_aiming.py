"""The picture by which a camera is aimed: who is wanted, when, and that nobody can be recognised in it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.view.aiming import FRAME_WITHIN_S, AimingPictures, picture_of
from cekalwatch.contract.values.cameras import AimingAnswer, AimingPicture, AimingRefusal
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.wire.bounds import MAX_AIMING_BYTES
from tests.support.builders.camera import ManualClock, decoded, face_at

CHANCE = np.random.default_rng(5)


class Detector:
    """Finds one face in each frame, and counts how often it is asked."""

    name, upright_score = "known", 0.5

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, picture: Picture) -> list[Face]:
        self.asked += 1
        return [face_at(picture.shape[1] / 2, picture.shape[0] / 2)]


class Desk:
    """The pictures, with the thread and the stream that use them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.detector = Detector()
        self.pictures = AimingPictures(self.detector, self.clock)
        self.told = 0

    def ask(self, request_id: int) -> None:
        def tell() -> None:
            self.told += 1

        self.pictures.ask(request_id, tell)

    def see(self, *, away: bool = False, age_s: float = 0.0) -> None:
        taken_at = self.clock.now() - timedelta(seconds=age_s)
        self.pictures.see(Frame(np.full((1080, 1920, 3), 90, np.uint8), taken_at, 0.0), away=away)

    def given(self) -> AimingPicture:
        answer = self.pictures.answer()
        assert answer
        assert isinstance(answer.given, AimingPicture)
        return answer.given


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nothing_is_looked_at_while_nobody_asks(desk: Desk) -> None:
    desk.see()
    assert desk.pictures.answer() is None
    assert desk.detector.asked == 0


def test_the_next_frame_is_given_once_with_its_age(desk: Desk) -> None:
    desk.ask(7)
    assert desk.pictures.answer() is None
    desk.see(age_s=0.25)
    desk.see()
    assert (desk.told, desk.detector.asked) == (1, 1)
    desk.clock.passed_s += 0.5
    given = desk.given()
    assert (given.frame_width, given.frame_height, given.faces) == (1920, 1080, 1)
    assert given.age_s == pytest.approx(0.75)
    assert desk.pictures.answer() is None


def test_what_belongs_to_no_counter_is_not_given(desk: Desk) -> None:
    desk.ask(1)
    desk.see(away=True)
    assert desk.pictures.answer() == AimingAnswer(1, AimingRefusal.TURNED_AWAY)
    assert desk.detector.asked == 0


def test_without_a_frame_there_is_a_refusal_in_time_and_later_frames_are_not_given(desk: Desk) -> None:
    desk.ask(1)
    desk.clock.passed_s += FRAME_WITHIN_S
    assert desk.pictures.answer() is None
    desk.clock.passed_s += 0.1
    assert desk.pictures.answer() == AimingAnswer(1, AimingRefusal.NO_FRAMES)
    desk.see()
    assert desk.pictures.answer() is None
    assert desk.told == 0


def test_what_an_earlier_stream_was_asked_for_is_not_given_to_the_next(desk: Desk) -> None:
    desk.ask(1)
    desk.pictures.forget()
    desk.see()
    assert desk.pictures.answer() is None
    desk.ask(1)
    desk.see()
    desk.pictures.forget()
    assert desk.pictures.answer() is None


def test_a_picture_that_is_made_while_the_stream_ends_is_dropped(desk: Desk) -> None:
    desk.ask(1)
    looked_for = desk.detector.detect

    def detect(picture: Picture) -> list[Face]:
        desk.pictures.forget()
        return looked_for(picture)

    desk.detector.detect = detect  # type: ignore[method-assign]
    desk.see()
    assert desk.pictures.answer() is None
    assert desk.told == 0


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (2160, 3840), (480, 640), (1920, 1080), (3, 900), (1, 1)])
def test_whatever_a_camera_shows_is_within_the_bounds(height: int, width: int) -> None:
    noise = CHANCE.integers(0, 256, (height, width, 3), np.uint8)
    given = picture_of(noise, [face_at(width / 2, height / 2, width / 4)] if width > 9 else [])
    found = read_plain_jpeg(given.jpeg, 640 * 360)
    assert len(given.jpeg) <= MAX_AIMING_BYTES
    assert max(found.width, found.height) <= 640
    assert min(found.width, found.height) <= 360
    assert not found.exif


def test_fine_detail_is_gone_and_what_a_camera_is_aimed_by_stays() -> None:
    stripes = np.zeros((1080, 1920, 3), np.uint8)
    stripes[:, (np.arange(1920) // 10) % 2 == 0] = 255
    shown = decoded(picture_of(stripes, []).jpeg)
    assert int(shown.max()) - int(shown.min()) < 64
    wide = np.zeros((1080, 1920, 3), np.uint8)
    wide[:, (np.arange(1920) // 60) % 2 == 0] = 255
    shown = decoded(picture_of(wide, []).jpeg)
    assert int(shown.max()) - int(shown.min()) > 128
