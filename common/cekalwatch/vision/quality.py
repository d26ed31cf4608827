"""The quality of a face: what makes one crop of a passage better than another.

Geometry comes from the five landmarks, light and sharpness from the aligned face, so that a small or blurred face in a
large picture counts as the recogniser sees it.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.captures import UNMEASURED, FaceQuality
from cekalwatch.vision.alignment import ALIGNED_SIZE, LandmarksError, align
from cekalwatch.vision.faces import Face, Picture

NOSE_DEPTH: Final = 0.42
"""How far the nose's tip stands out from the plane of eyes and mouth, in distances between the eyes (generic head of S.
Mallick, "Head pose estimation using OpenCV and dlib", 2016: 130 against 310)."""
MOUTH_DROP: Final = 1.15
"""From the eyes' line to the mouth's, in distances between the eyes, on the alignment template."""
NOSE_AT: Final = 0.495
"""Where between them the nose's tip is when the head is level, on the alignment template."""
SHARP_VARIANCE: Final = 150.0
"""Variance of the Laplacian at which sharpness is one half."""

# How the score predicts recognition (docs/adr/0008-a-quality-score-that-predicts-recognition.md).
HALF_SIZE_PX: Final = 12.0
"""Eye distance at which a face's size counts one half."""
HALF_DETAIL: Final = 4.5
"""Variance of the second derivative, in the direction in which it is least, at which detail counts one half."""
HALF_GRADIENT: Final = 0.012
"""Mean squared slope in a face's own contrast at which its crispness counts one half."""
GOOD_LIGHT: Final = 0.25
"""Luminance from here to as far from white is good light."""
MIN_INSIDE: Final = 0.05
SIZE_WEIGHT, DETAIL_WEIGHT, CRISPNESS_WEIGHT, LIGHT_WEIGHT = 0.5, 0.7, 1.6, 0.5
INSIDE_WEIGHT, CONFIDENCE_WEIGHT = 2, 2
"""Exponents of the factors: twice those that predict the comparison score, since the mean of a passage's templates is
better for it."""


_OVAL: Final = cv2.ellipse(
    np.zeros((ALIGNED_SIZE, ALIGNED_SIZE), np.uint8), (56, 68), (36, 46), 0, 0, 360, (1,), -1
).astype(bool)
"""Where the face is on the aligned picture, without hair and background."""
_SECOND_DERIVATIVES: Final = (
    np.array([[1, -2, 1]], np.float32),
    np.array([[1], [-2], [1]], np.float32),
    np.array([[1, 0, 0], [0, -2, 0], [0, 0, 1]], np.float32) / 2,
    np.array([[0, 0, 1], [0, -2, 0], [1, 0, 0]], np.float32) / 2,
)


class FaceAppearance(NamedTuple):
    """How a face appears, without judging it."""

    yaw_degrees: float
    pitch_degrees: float
    sharpness: float
    brightness: float


def appearance(aligned: Picture, face: Face) -> FaceAppearance:
    """Return head pose, sharpness and light of `face`, whose aligned picture is `aligned`; see `measure`."""
    return _appearance(_luminance(aligned), face)


def measure(picture: Picture, face: Face) -> FaceQuality:
    """Return the quality of `face` in `picture`.

    - Yaw and pitch: seen from the front the nose's tip lies on the axis of the face; turned by an angle a it moves by
      NOSE_DEPTH times sin(a), while distances in the plane of the face shrink with cos(a). The ratio is a tangent.
    - Sharpness: v / (v + SHARP_VARIANCE), with the variance v of the Laplacian (Pech-Pacheco et al., "Diatom
      autofocusing in brightfield microscopy", ICPR 2000) of the aligned face's luminance.
    - Score: the product of seven factors, each 0 to 1, with exponents that were fitted to predict recognition: size,
      d / (d + HALF_SIZE_PX) of the eye distance; detail, of the least of the second derivative's variances in four
      directions, which smear lowers in its own as defocus does in all, and poor light too; crispness, of the mean
      squared slope in units of the face's own contrast; frontality, cos(yaw) cos(pitch); light, 1 between GOOD_LIGHT
      and as far from white; the part of the box that is inside the picture; the detector's confidence.

    Landmarks that no face can have give a score of 0; nothing is raised.
    """
    try:
        aligned = align(picture, face.landmarks)
    except LandmarksError:
        return UNMEASURED
    luminance = _luminance(aligned)
    yaw, pitch, sharpness, brightness = _appearance(luminance, face)
    detail, gradient, inner_light = _texture(luminance)
    light = min(1.0, min(inner_light, 1 - inner_light) / GOOD_LIGHT)
    frontality = max(0.0, math.cos(math.radians(yaw)) * math.cos(math.radians(pitch)))
    score = (
        (face.eye_distance / (face.eye_distance + HALF_SIZE_PX)) ** SIZE_WEIGHT
        * (detail / (detail + HALF_DETAIL)) ** DETAIL_WEIGHT
        * (gradient / (gradient + HALF_GRADIENT)) ** CRISPNESS_WEIGHT
        * frontality
        * light**LIGHT_WEIGHT
        * _inside(picture, face) ** INSIDE_WEIGHT
        * min(1.0, max(0.0, face.score)) ** CONFIDENCE_WEIGHT
    )
    return FaceQuality(face.eye_distance, yaw, pitch, sharpness, brightness, score)


def _luminance(aligned: Picture) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _appearance(luminance: NDArray[np.uint8], face: Face) -> FaceAppearance:
    yaw, pitch = _pose(face.landmarks.astype(np.float64))
    variance = float(cv2.meanStdDev(cv2.Laplacian(luminance, cv2.CV_16S))[1].item()) ** 2
    sharpness = variance / (variance + SHARP_VARIANCE)
    return FaceAppearance(yaw, pitch, sharpness, float(cv2.mean(luminance)[0]) / 255)


def _texture(luminance: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return an aligned face's detail, squared slope in units of its contrast, and mean light, all within its oval."""
    grey = luminance.astype(np.float32)
    within = grey[_OVAL]
    detail = min(float(cv2.filter2D(grey, cv2.CV_32F, kernel)[_OVAL].var()) for kernel in _SECOND_DERIVATIVES)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order, scale=1 / 8)[_OVAL] for order in ((1, 0), (0, 1)))
    # One grey level more, so that a plain patch has no contrast to be crisp in.
    contrast = float(within.std()) + 1.0
    return detail, float((across**2 + down**2).mean()) / contrast**2, float(within.mean()) / 255


def _inside(picture: Picture, face: Face) -> float:
    """Return which part of the face's box is inside the picture, at least MIN_INSIDE."""
    height, width = picture.shape[:2]
    across = min(face.right, width) - max(face.left, 0.0)
    down = min(face.bottom, height) - max(face.top, 0.0)
    whole = max(face.width, 1e-9) * max(face.height, 1e-9)
    return min(1.0, max(MIN_INSIDE, float(max(across, 0.0) * max(down, 0.0) / whole)))


def _pose(landmarks: NDArray[np.float64]) -> tuple[float, float]:
    """Return yaw and pitch, degrees."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    # Roll is taken out with the line of the eyes and that of the mouth, which share it.
    across = (landmarks[1] - landmarks[0]) + (landmarks[4] - landmarks[3])
    across /= max(float(np.linalg.norm(across)), 1e-9)
    down = np.array([-across[1], across[0]])
    eye_distance = max(float((landmarks[1] - landmarks[0]) @ across), 1e-9)
    drop = max(float((mouth - eyes) @ down), 1e-9)
    nose = landmarks[2] - eyes
    along = float(nose @ down) / drop
    axis = along * float((mouth - eyes) @ across)
    yaw = math.atan2((float(nose @ across) - axis) / eye_distance, NOSE_DEPTH)
    pitch = math.atan2((along - NOSE_AT) * MOUTH_DROP, NOSE_DEPTH)
    return math.degrees(yaw), math.degrees(pitch)
