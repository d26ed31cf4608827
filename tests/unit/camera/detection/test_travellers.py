"""Which tracks are travellers without a usable face (domain rule 17), with real faces and drawn covers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import cv2
import numpy as np
import pytest

from cekalwatch.camera.detection.travellers import MIN_LOOKS, MIN_S, Travellers
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.unusable_faces import UnusablePassage, UnusableReason
from cekalwatch.vision.faces import Face, Picture
from tests.support.builders.camera import ASTRONAUT_FACE, BEGIN
from tests.support.builders.covered_faces import covered
from tests.support.builders.portraits import astronaut

POLICY = CapturePolicy()
MASKED = covered(astronaut(), ASTRONAUT_FACE.landmarks, "mask", np.random.default_rng(3))
DARK = np.asarray(astronaut() // 5, np.uint8)
BLURRED = np.asarray(cv2.GaussianBlur(astronaut(), (0, 0), 7), np.uint8)
FRAME_S = 0.1


def turned(across: float = 0.0, down: float = 0.0) -> Face:
    """The face with its nose moved, as of a head that is turned: in distances of the eyes."""
    landmarks = ASTRONAUT_FACE.landmarks.copy()
    landmarks[2] += np.array([across, down], np.float32) * ASTRONAUT_FACE.eye_distance
    face = ASTRONAUT_FACE
    return Face(face.left, face.top, face.right, face.bottom, face.score, landmarks)


def passed(looks: Sequence[tuple[Picture, Face]], *, sent: bool = False) -> UnusablePassage | None:
    travellers = Travellers()
    for number, (picture, face) in enumerate(looks):
        at_s = number * FRAME_S
        travellers.look(1, Frame(picture, BEGIN + timedelta(seconds=at_s), at_s), face, POLICY)
    return travellers.end(1, sent=sent)


def seconds(length_s: float) -> int:
    return round(length_s / FRAME_S)


def test_a_plain_face_is_nothing_to_tell() -> None:
    assert passed([(astronaut(), ASTRONAUT_FACE)] * seconds(4)) is None


@pytest.mark.parametrize(
    ("picture", "face", "reason"),
    [
        (MASKED, ASTRONAUT_FACE, UnusableReason.COVERED),
        (astronaut(), turned(across=0.35), UnusableReason.TURNED),
        (astronaut(), turned(down=0.35), UnusableReason.LOOKING_DOWN),
        (astronaut(), turned(down=-0.45), UnusableReason.TURNED),
        (DARK, ASTRONAUT_FACE, UnusableReason.DARK),
        (BLURRED, ASTRONAUT_FACE, UnusableReason.BLURRED),
    ],
)
def test_a_traveller_whose_face_was_never_fit_is_told_with_the_reason(
    picture: Picture, face: Face, reason: UnusableReason
) -> None:
    told = passed([(picture, face)] * seconds(4), sent=True)
    assert told is not None
    assert told.reason is reason
    assert told.sent
    assert told.last_seen_at == BEGIN + timedelta(seconds=told.duration_s)
    assert 3.5 <= told.duration_s <= 4


def test_who_passes_for_a_moment_is_no_traveller() -> None:
    assert passed([(astronaut(), turned(across=0.35))] * seconds(MIN_S - 0.3)) is None


def test_a_face_that_is_seen_only_now_and_then_is_no_traveller() -> None:
    travellers = Travellers()
    for number in range(MIN_LOOKS - 1):
        at_s = float(number)
        frame = Frame(astronaut(), BEGIN + timedelta(seconds=at_s), at_s)
        travellers.look(1, frame, turned(across=0.35), POLICY)
    assert travellers.end(1, sent=False) is None


def test_who_stands_far_away_is_no_traveller() -> None:
    small = astronaut(0.5)
    face = ASTRONAUT_FACE
    far = Face(90, 30, 136, 90, 0.99, (turned(across=0.35).landmarks / 2).astype(np.float32))
    assert face.eye_distance / 2 < POLICY.min_eye_distance_px
    assert passed([(small, far)] * seconds(4)) is None


def test_a_mask_that_is_taken_off_is_forgotten() -> None:
    masked, plain = (MASKED, ASTRONAUT_FACE), (astronaut(), ASTRONAUT_FACE)
    assert passed([masked] * seconds(3) + [plain] * seconds(1.5)) is None
    # Once the face was usable, nothing that follows counts.
    assert passed([plain] * seconds(1.5) + [masked] * seconds(5)) is None


def test_one_good_moment_makes_a_passage_usable() -> None:
    looks = [(astronaut(), turned(across=0.35))] * seconds(3)
    looks[seconds(1) : seconds(1.4)] = [(astronaut(), ASTRONAUT_FACE)] * seconds(0.4)
    assert passed(looks) is None


def test_a_passage_that_the_camera_broke_off_is_not_judged() -> None:
    travellers = Travellers()
    for number in range(seconds(4)):
        at_s = number * FRAME_S
        frame = Frame(MASKED, BEGIN + timedelta(seconds=at_s), at_s)
        travellers.look(1, frame, ASTRONAUT_FACE, POLICY)
    travellers.forget((1,))
    assert travellers.end(1, sent=False) is None
