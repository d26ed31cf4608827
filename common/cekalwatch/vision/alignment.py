"""Alignment: the face turned, scaled and cut out so that its landmarks lie where recognisers of the ArcFace family want
them. Recognition rests on it; the same picture and landmarks give the same pixels as insightface's `norm_crop`.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Landmarks, Picture

ALIGNED_SIZE: Final = 112

TEMPLATE: Final[NDArray[np.float64]] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float64,
)
"""Where the five landmarks go in 112x112 pixels (insightface, `utils/face_align.py`, `arcface_dst`, at float32)."""
TEMPLATE.flags.writeable = False

_TEMPLATE_CENTRE: Final[list[float]] = TEMPLATE.mean(axis=0).tolist()
_TEMPLATE_OFFSETS: Final[list[list[float]]] = (TEMPLATE - _TEMPLATE_CENTRE).tolist()

MAX_COORDINATE: Final = 1e6
"""Of a landmark, in pixels."""

MIN_SPREAD_PX: Final = 1.0
"""Landmarks whose root mean square distance from their centre is less than this are a point, not a face."""
MAX_RESIDUAL_PX: Final = 16.0
"""Root mean square distance to the template after alignment, above which the points are no face. Real faces of LFW,
profiles included, stay below 10."""


class LandmarksError(ValueError):
    """Landmarks that no face can have."""


def similarity(landmarks: Landmarks) -> NDArray[np.float64]:
    """Return the 2x3 matrix that takes picture positions to the template's with the least squared error.

    Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", IEEE PAMI 13 (1991),
    in the closed form that two dimensions allow. Raises LandmarksError for landmarks that are not finite, all in one
    place, mirrored, upside down or too unlike a face.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (5, 2):
        raise LandmarksError(f"five landmarks of x and y are wanted, not an array of shape {points.shape}")
    # In single numbers: an operation on such small arrays takes as long as all of this.
    xs, ys = points.T.tolist()
    if not all(abs(value) <= MAX_COORDINATE for value in (*xs, *ys)):  # NaN is not
        raise LandmarksError("a landmark is not finite or absurdly far away")
    centre_x, centre_y = sum(xs) / 5, sum(ys) / 5
    offsets = [(x - centre_x, y - centre_y) for x, y in zip(xs, ys, strict=True)]
    squares = sum(x * x + y * y for x, y in offsets)
    if squares < 5 * MIN_SPREAD_PX**2:
        raise LandmarksError("the landmarks lie in one place")
    down_x, down_y = (xs[3] + xs[4] - xs[0] - xs[1]) / 2, (ys[3] + ys[4] - ys[0] - ys[1]) / 2
    if (xs[1] - xs[0]) * down_y - (ys[1] - ys[0]) * down_x <= 0:
        raise LandmarksError("the landmarks are mirrored")
    pairs = list(zip(offsets, _TEMPLATE_OFFSETS, strict=True))
    cosine = sum(x * to_x + y * to_y for (x, y), (to_x, to_y) in pairs) / squares
    sine = sum(x * to_y - y * to_x for (x, y), (to_x, to_y) in pairs) / squares
    residual = sum(
        (cosine * x - sine * y - to_x) ** 2 + (sine * x + cosine * y - to_y) ** 2 for (x, y), (to_x, to_y) in pairs
    )
    if residual > 5 * MAX_RESIDUAL_PX**2:
        raise LandmarksError("the landmarks do not lie as a face's do")
    to_x, to_y = _TEMPLATE_CENTRE
    return np.array(
        [
            [cosine, -sine, to_x - cosine * centre_x + sine * centre_y],
            [sine, cosine, to_y - sine * centre_x - cosine * centre_y],
        ]
    )


def align(picture: Picture, landmarks: Landmarks) -> Picture:
    """Return the aligned face, shape (112, 112, 3); what lies outside the picture is black.

    Raises LandmarksError as `similarity` does.
    """
    matrix = similarity(landmarks)
    return np.asarray(cv2.warpAffine(picture, matrix, (ALIGNED_SIZE, ALIGNED_SIZE), borderValue=0.0), dtype=np.uint8)
