from __future__ import annotations

import cv2
import numpy as np
import pytest

from cekalwatch.vision.alignment import TEMPLATE
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face
from cekalwatch.vision.quality import NOSE_AT, NOSE_DEPTH, measure
from tests.support.builders.portraits import astronaut, wall
from tests.support.tools.packs import light_pack

# Eyes and mouth in a plane, the nose's tip before it; one unit is the distance between the eyes.
HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, NOSE_AT * 1.15, -NOSE_DEPTH], [-0.4, 1.15, 0], [0.4, 1.15, 0]])


def head(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Face:
    """A face seen from far away, turned by degrees: right, down and clockwise in the picture."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    points = (HEAD @ (nod @ turn).T)[:, :2]
    lean = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    landmarks = (points @ lean.T * 60 + (150, 120)).astype(np.float32)
    return Face(90, 70, 210, 220, 1.0, landmarks)


@pytest.mark.parametrize("angle", [-40, -20, 0, 20, 40])
@pytest.mark.parametrize("roll", [-30, 0, 30])
def test_yaw_and_pitch_are_read_from_the_landmarks(angle: float, roll: float):
    turned = measure(wall(300, 300), head(yaw=angle, roll=roll))
    assert turned.yaw_degrees == pytest.approx(angle, abs=0.5)
    assert turned.pitch_degrees == pytest.approx(0, abs=3)
    nodding = measure(wall(300, 300), head(pitch=angle, roll=roll))
    assert nodding.pitch_degrees == pytest.approx(angle, abs=0.5)
    assert nodding.yaw_degrees == pytest.approx(0, abs=0.5)


def test_the_template_looks_straight_ahead():
    face = Face(0, 0, 112, 112, 1.0, TEMPLATE.astype(np.float32))
    quality = measure(wall(112, 112), face)
    assert abs(quality.yaw_degrees) < 2
    assert abs(quality.pitch_degrees) < 2


def portrait_face() -> Face:
    (face,) = open_detector(light_pack(), threads=1).detect(astronaut())
    return face


def test_a_blurred_small_dark_or_turned_face_scores_less():
    face, picture = portrait_face(), astronaut()
    good = measure(picture, face)
    blurred = measure(np.asarray(cv2.GaussianBlur(picture, (0, 0), 4), dtype=np.uint8), face)
    dark = measure((picture * 0.15).astype(np.uint8), face)
    small_picture = np.asarray(cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    small = measure(small_picture, Face(0, 0, 1, 1, face.score, face.landmarks * 0.4))
    assert blurred.sharpness < good.sharpness / 2
    assert dark.brightness < good.brightness / 4
    assert small.eye_distance_px == pytest.approx(good.eye_distance_px * 0.4, rel=1e-3)
    assert max(blurred.score, dark.score, small.score) < good.score


def test_a_smeared_face_scores_less_whatever_the_direction():
    face, picture = portrait_face(), astronaut()
    good = measure(picture, face)
    for kernel in (np.ones((1, 9), np.float32), np.ones((9, 1), np.float32), np.eye(9, dtype=np.float32)):
        smeared = np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.uint8)
        assert measure(smeared, face).score < 0.8 * good.score


def test_a_face_of_which_the_frame_cuts_off_a_quarter_scores_little_more_than_half():
    face, picture = portrait_face(), astronaut()
    cut_at = round(face.left + face.width / 4)
    landmarks = (face.landmarks - (cut_at, 0)).astype(np.float32)
    moved = Face(face.left - cut_at, face.top, face.right - cut_at, face.bottom, face.score, landmarks)
    whole = measure(picture, face).score
    assert measure(picture[:, cut_at:], moved).score == pytest.approx(0.75**2 * whole, rel=0.1)


def test_a_face_turned_aside_or_down_scores_less():
    ahead = measure(wall(300, 300), head()).score
    assert measure(wall(300, 300), head(yaw=35)).score < 0.97 * ahead
    assert measure(wall(300, 300), head(pitch=35)).score < 0.97 * ahead


def test_every_figure_is_in_its_range_whatever_the_picture():
    for value in (0, 255):
        quality = measure(np.full((300, 300, 3), value, np.uint8), head(yaw=80, pitch=60))
        assert 0 <= quality.sharpness <= 1
        assert 0 <= quality.brightness <= 1
        assert 0 <= quality.score <= 1
        assert abs(quality.yaw_degrees) <= 90
        assert abs(quality.pitch_degrees) <= 90


def test_landmarks_that_are_no_face_score_nothing():
    face = Face(0, 0, 50, 50, 0.9, np.zeros((5, 2), np.float32))
    assert measure(wall(), face).score == 0
