"""Quality figures of a face: what makes one crop of a passage better than another.

Geometry comes from the five landmarks, light and sharpness from the aligned face, so that a small or blurred face in a
large picture counts as what the recogniser will get.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Face, Picture

NOSE_DEPTH: Final = 0.42
"""How far the nose's tip stands before the plane of eyes and mouth, in distances between the eyes (the generic head of
S. Mallick, "Head pose estimation using OpenCV and dlib", 2016: 130 against 310)."""
MOUTH_DROP: Final = 1.15
"""From the eyes' line to the mouth's, in distances between the eyes, on the alignment template."""
NOSE_AT: Final = 0.495
"""Where on that way the nose's tip is when the head is level, on the alignment template."""
SHARP_VARIANCE: Final = 150.0
"""Variance of the Laplacian at which sharpness is one half."""
HALF_SIZE_PX: Final = 25.0
"""Eye distance at which a face's size counts one half."""


@dataclass(frozen=True)
class FaceQuality:
    """Figures of one face."""

    eye_distance_px: float
    """Between the eyes' centres, pixels of the picture."""
    yaw_degrees: float
    """Estimated head turn, positive to the picture's right, -90 to 90."""
    pitch_degrees: float
    """Estimated head nod, positive downwards, -90 to 90."""
    sharpness: float
    """0 (blurred) to 1 (sharp)."""
    brightness: float
    """Mean luminance of the aligned face, 0 (black) to 1 (white)."""
    score: float
    """All of it, 0 (worst) to 1 (best)."""


def measure(picture: Picture, face: Face) -> FaceQuality:
    """Return the figures of `face` in `picture`.

    - Yaw and pitch: seen from the front the nose's tip lies on the axis of the face; turned by an angle a it moves by
      NOSE_DEPTH times sin(a), while distances in the plane of the face shrink with cos(a). The ratio is a tangent.
    - Sharpness: v / (v + SHARP_VARIANCE), with the variance v of the Laplacian (Pech-Pacheco et al., "Diatom
      autofocusing in brightfield microscopy", ICPR 2000) of the aligned face's luminance.
    - Score: product of size, d / (d + HALF_SIZE_PX), of frontality, cos(yaw) cos(pitch), of sharpness' square root, of
      light, 1 between 0.25 and 0.75 and falling linearly to 0 at black and white, and of the detector's confidence.

    Landmarks that no face can have give a score of 0; nothing is raised.
    """
    try:
        aligned = align(picture, face.landmarks)
    except LandmarksError:
        return FaceQuality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    yaw, pitch = _pose(face.landmarks.astype(np.float64))
    luminance = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    variance = float(cv2.meanStdDev(cv2.Laplacian(luminance, cv2.CV_16S))[1].item()) ** 2
    sharpness = variance / (variance + SHARP_VARIANCE)
    brightness = float(cv2.mean(luminance)[0]) / 255
    size = face.eye_distance / (face.eye_distance + HALF_SIZE_PX)
    light = min(1.0, 4 * min(brightness, 1 - brightness))
    frontality = math.cos(math.radians(yaw)) * math.cos(math.radians(pitch))
    score = size * frontality * math.sqrt(sharpness) * light * min(1.0, max(0.0, face.score))
    return FaceQuality(face.eye_distance, yaw, pitch, sharpness, brightness, score)


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
