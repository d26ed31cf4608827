from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cekalwatch.vision.alignment import TEMPLATE, LandmarksError, align, similarity
from tests.support.builders.portraits import astronaut, wall


def placed(scale: float, degrees: float, x: float, y: float) -> NDArray[np.float32]:
    """The template's landmarks, scaled, turned and moved."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(TEMPLATE @ rotation.T * scale + (x, y), dtype=np.float32)


@given(st.floats(0.2, 8), st.floats(-180, 180), st.floats(-500, 500), st.floats(-500, 500))
def test_any_turned_scaled_and_moved_face_comes_back_to_the_template(scale: float, degrees: float, x: float, y: float):
    landmarks = placed(scale, degrees, x, y)
    matrix = similarity(landmarks)
    back = landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(back - TEMPLATE).max() < 0.01


def test_aligned_faces_are_those_of_insightface():
    from insightface.utils.face_align import estimate_norm, norm_crop

    picture = astronaut()
    for seed in range(20):
        jitter = np.random.default_rng(seed).normal(0, 3, (5, 2)).astype(np.float32)
        landmarks = placed(1.3, 20 * seed - 200, 230, 190) + jitter
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-image's own deprecations
            matrix, wanted = estimate_norm(landmarks), norm_crop(picture, landmarks)
        assert np.abs(similarity(landmarks) - matrix).max() < 1e-3
        # A rounding of the matrix moves single pixels by a thirty-second of a pixel.
        difference = np.abs(align(picture, landmarks).astype(int) - wanted)
        assert difference.mean() < 0.01
        assert difference.max() <= 8


@pytest.mark.parametrize(
    ("landmarks", "reason"),
    [
        (np.full((5, 2), 40.0), "one place"),
        (TEMPLATE * np.nan, "finite"),
        (TEMPLATE * np.inf, "finite"),
        (TEMPLATE * 1e7, "absurdly"),
        (TEMPLATE * (-1, 1) + (112, 0), "mirrored"),
        (TEMPLATE[[1, 0, 2, 4, 3]], "mirrored"),
        (TEMPLATE[[0, 1, 3, 2, 4]] * (1, 3), "as a face"),
        (TEMPLATE[:4], "five landmarks"),
    ],
)
def test_landmarks_that_are_no_face_are_refused(landmarks: NDArray[np.float64], reason: str):
    with pytest.raises(LandmarksError, match=reason):
        align(wall(), landmarks.astype(np.float32))


def test_what_lies_outside_the_picture_is_black():
    aligned = align(wall(200, 200), placed(1, 0, -56, 0))
    assert aligned.shape == (112, 112, 3)
    assert not aligned[:, :50].any()
    assert aligned[:, 60:].all()
