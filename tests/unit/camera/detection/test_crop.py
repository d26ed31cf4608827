from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cekalwatch.camera.detection.best_shot import MAX_SIDE_PX, Crop, encode
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.wire.bounds import MAX_CROP_BYTES
from tests.support.builders.camera import ASTRONAUT_FACE, BEGIN, crop_of, decoded, face_at, quality_of
from tests.support.builders.portraits import astronaut


def noise(width: int, height: int) -> Picture:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_crop_is_the_face_with_half_its_width_around_it() -> None:
    crop = crop_of(astronaut(), ASTRONAUT_FACE)
    assert crop is not None
    assert crop.picture.shape == (120 + 92, 92 + 92, 3)
    assert np.array_equal(crop.picture, astronaut()[60 - 46 : 180 + 46, 180 - 46 : 272 + 46])
    assert np.allclose(crop.landmarks, ASTRONAUT_FACE.landmarks - (134, 14))


def test_a_crop_ends_where_the_frame_ends() -> None:
    crop = crop_of(noise(300, 200), face_at(40, 170, 60))
    assert crop is not None
    assert crop.picture.shape == (200 - 110, 100, 3)
    assert np.allclose(crop.landmarks, face_at(40, 60, 60).landmarks)


def test_a_face_with_a_landmark_beyond_the_frame_has_no_crop() -> None:
    assert crop_of(noise(300, 200), face_at(5, 100, 80)) is None
    assert crop_of(noise(300, 200), face_at(-500, 100, 80)) is None


def test_a_face_that_is_not_finite_has_no_crop() -> None:
    face = face_at(100, 100)
    assert crop_of(noise(300, 200), Face(float("nan"), 0, 100, 100, 0.9, face.landmarks)) is None
    assert crop_of(noise(300, 200), Face(60, 60, 140, 140, 0.9, face.landmarks * np.float32("nan"))) is None


def test_a_large_face_is_scaled_with_its_landmarks() -> None:
    frame = np.full((2160, 3840, 3), 90, np.uint8)
    face = face_at(1900, 1000, 800)
    for x, y in face.landmarks:
        frame[round(y) - 12 : round(y) + 12, round(x) - 12 : round(x) + 12] = 255
    crop = crop_of(frame, face)
    assert crop is not None
    assert max(crop.picture.shape) == MAX_SIDE_PX
    for x, y in crop.landmarks:
        assert crop.picture[round(y), round(x)].min() > 200


def test_a_crop_keeps_no_frame_in_memory() -> None:
    frame = noise(1280, 720)
    crop = crop_of(frame, face_at(600, 300))
    assert crop is not None
    assert not np.shares_memory(crop.picture, frame)


@pytest.mark.parametrize("quality", [50, 90, 100])
def test_a_jpeg_never_has_more_bytes_than_the_contract_allows(quality: int) -> None:
    crop = Crop(1, BEGIN, 0.9, quality_of(0.8), noise(640, 640), face_at(320, 320, 300).landmarks)
    encoded = encode(crop, quality)
    assert len(encoded.jpeg) <= MAX_CROP_BYTES
    height, width = decoded(encoded.jpeg).shape[:2]
    assert all(0 < x < width and 0 < y < height for x, y in encoded.landmarks)


def test_a_usual_crop_has_the_quality_that_was_asked_for() -> None:
    crop = crop_of(astronaut(), ASTRONAUT_FACE)
    assert crop is not None
    poor, good = encode(crop, 50), encode(crop, 95)
    assert len(poor.jpeg) < len(good.jpeg)
    assert np.abs(decoded(good.jpeg).astype(int) - crop.picture).mean() < 3


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(0, 500),
    y=st.floats(0, 400),
    size=st.floats(10, 900),
)
def test_landmarks_are_always_strictly_inside_the_crop(x: float, y: float, size: float) -> None:
    crop = crop_of(np.zeros((400, 500, 3), np.uint8), face_at(x, y, size))
    if crop is not None:
        height, width = crop.picture.shape[:2]
        assert (crop.landmarks > 0).all()
        assert (crop.landmarks < (width, height)).all()
