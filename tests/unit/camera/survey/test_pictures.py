"""That nobody can be recognised in a report, judged by the recogniser at the face's known place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cekalwatch.camera.survey.pictures import GREEN, MeasuredFace, example
from cekalwatch.camera.view.blurring import MOSAIC, blurred
from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import Face, Picture
from tests.support.builders.camera import decoded, face_at
from tests.support.builders.portraits import astronaut, group
from tests.support.scenarios.server import engine
from tests.support.tools.shared import shared_faces

RECOGNISED = 0.3
"""Comparison score at which, with the pack `light`, one stranger in 500 is taken for another."""

FIT = FaceQuality(eye_distance_px=75, yaw_degrees=0, pitch_degrees=0, sharpness=0.6, brightness=0.5, score=0.7)


def faces_of(picture: Picture) -> list[Face]:
    return [face for face in engine().detector.detect(picture) if face.score >= 0.7]


def template(picture: Picture, face: Face) -> np.ndarray:
    (embedded,) = engine().recogniser.embed(align(picture, face.landmarks)[None])
    return np.asarray(embedded, np.float32)


def score(one: Picture, other: Picture, face: Face) -> float:
    return float(template(one, face) @ template(other, face))


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.5])
def test_a_blurred_face_is_not_recognised_and_the_original_is(scale: float):
    picture = np.asarray(cv2.resize(astronaut(), None, fx=scale, fy=scale), np.uint8)
    (face,) = faces_of(picture)
    noisy = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1), np.uint8)
    assert score(picture, noisy, face) > 0.8
    assert score(picture, blurred(picture, [face]), face) < RECOGNISED


def test_a_face_that_was_found_is_a_mosaic():
    noise = np.random.default_rng(5).integers(0, 256, (480, 640, 3), np.uint8)
    face = face_at(320, 240, 100)
    hidden = blurred(noise, [face])
    shown = hidden[int(face.top) : int(face.bottom), int(face.left) : int(face.right)]
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= MOSAIC**2
    assert len(np.unique(hidden.reshape(-1, 3), axis=0)) > 10 * MOSAIC**2, "it is softened around it"


def test_everybody_in_a_group_is_blurred():
    picture = group()
    faces = faces_of(picture)
    assert len(faces) >= 5
    hidden = blurred(picture, faces)
    assert max(score(picture, hidden, face) for face in faces) < RECOGNISED


def test_whoever_the_detector_missed_is_not_recognised_either():
    picture = group()
    faces = faces_of(picture)
    for missed in faces:
        others = [face for face in faces if face is not missed]
        assert score(picture, blurred(picture, others), missed) < RECOGNISED


@pytest.mark.slow
def test_lookalikes_stay_unrecognised_over_many_people():
    """Blurred, no more people resemble themselves than strangers resemble each other."""
    recognised = looked_at = 0
    for path in sorted((shared_faces() / "lfw").glob("*/*.jpg"))[::60]:
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        faces = faces_of(picture)
        if faces:
            looked_at += 1
            recognised += score(picture, blurred(picture, faces), faces[0]) >= RECOGNISED
    assert looked_at >= 30
    assert recognised / looked_at <= 0.05


def test_the_report_frames_the_face_and_nobody_is_recognised_in_it():
    picture = np.asarray(cv2.resize(astronaut(), None, fx=3, fy=3), np.uint8)
    (face,) = faces_of(picture)
    measured = MeasuredFace(face, FIT)
    shown = decoded(example(picture, [measured], measured))
    scale = shown.shape[1] / picture.shape[1]
    edge = shown[round((face.top + face.bottom) / 2 * scale), round(face.left * scale)]
    assert np.abs(edge.astype(int) - GREEN).max() < 60
    as_large = np.asarray(cv2.resize(shown, picture.shape[1::-1]), np.uint8)
    assert score(picture, as_large, face) < RECOGNISED
