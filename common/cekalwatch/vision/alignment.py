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

_TEMPLATE_CENTRE: Final = TEMPLATE.mean(axis=0)
_TEMPLATE_OFFSETS: Final = TEMPLATE - _TEMPLATE_CENTRE

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
    if not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise LandmarksError("a landmark is not finite or absurdly far away")
    centre = points.mean(axis=0)
    offsets = points - centre
    squares = float((offsets**2).sum())
    if squares < 5 * MIN_SPREAD_PX**2:
        raise LandmarksError("the landmarks lie in one place")
    eyes, down = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    if eyes[0] * down[1] - eyes[1] * down[0] <= 0:
        raise LandmarksError("the landmarks are mirrored")
    cosine = float((offsets * _TEMPLATE_OFFSETS).sum()) / squares
    sine = float((offsets[:, 0] * _TEMPLATE_OFFSETS[:, 1] - offsets[:, 1] * _TEMPLATE_OFFSETS[:, 0]).sum()) / squares
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    residual = float(np.sqrt(((offsets @ rotation.T - _TEMPLATE_OFFSETS) ** 2).sum(axis=1).mean()))
    if residual > MAX_RESIDUAL_PX:
        raise LandmarksError("the landmarks do not lie as a face's do")
    return np.column_stack([rotation, _TEMPLATE_CENTRE - rotation @ centre])


def align(picture: Picture, landmarks: Landmarks) -> Picture:
    """Return the aligned face, shape (112, 112, 3); what lies outside the picture is black.

    Raises LandmarksError as `similarity` does.
    """
    matrix = similarity(landmarks)
    return np.asarray(cv2.warpAffine(picture, matrix, (ALIGNED_SIZE, ALIGNED_SIZE), borderValue=0.0), dtype=np.uint8)
