"""Example pictures for the technician: faces are framed, and always made unrecognisable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from cekalwatch.camera.view.blurring import blurred
from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.fitness import FLOOR_EYE_DISTANCE, flaws

WIDTH: Final = 640
JPEG_QUALITY: Final = 80
GREEN, AMBER, RED = (80, 170, 40), (20, 150, 240), (50, 50, 220)


@dataclass(frozen=True, eq=False)
class MeasuredFace:
    """A face in a picture, with its quality."""

    face: Face
    quality: FaceQuality


def example(picture: Picture, faces: Sequence[MeasuredFace], about: MeasuredFace) -> bytes:
    """Return a JPEG of the picture with the face `about` framed, and all faces blurred."""
    scale = min(1.0, WIDTH / picture.shape[1])
    shown = blurred(picture, [one.face for one in faces])
    small = np.asarray(cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    framed(small, [about], scale)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def framed(picture: Picture, faces: Sequence[MeasuredFace], scale: float = 1.0) -> None:
    """Draw each face's frame and eye distance: green when fit for an alert, amber when it would be sent, else red."""
    for one in faces:
        face, quality = one.face, one.quality
        colour = RED
        if not flaws(quality):
            colour = GREEN
        elif quality.eye_distance_px >= FLOOR_EYE_DISTANCE:
            colour = AMBER
        left, top = round(face.left * scale), round(face.top * scale)
        right, bottom = round(face.right * scale), round(face.bottom * scale)
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
        _label(picture, f"{quality.eye_distance_px:.0f} px", (left, top), colour)


def _label(picture: Picture, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    left = max(0, min(at[0], picture.shape[1] - width - 6))
    top = max(0, at[1] - height - below - 4)
    cv2.rectangle(picture, (left, top), (left + width + 6, top + height + below + 4), colour, -1)
    place = (left + 3, top + height + 2)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
