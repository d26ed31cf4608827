"""Makes the people in a camera's picture unrecognisable, detected or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2

from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.softening import softened

BLURRED_EYES: Final = 4.0
"""Remaining pixels between the eyes of the largest face in a blurred picture. A face that the detector missed is
smaller or turned away, and retains fewer."""
MOSAIC: Final = 5
"""Tiles across a face that was found."""
AROUND: Final = 0.35
"""How much of a face's size is blurred around its box: hair and ears help to recognise."""


def blurred(picture: Picture, faces: Sequence[Face], scale: float = 1.0) -> Picture:
    """Return the picture with these faces as coarse mosaics, and so blurred that no other face can be recognised.

    It has the detail of a picture at `scale`, or less next to a large face.
    """
    largest = max((face.eye_distance for face in faces), default=0.0)
    soft = softened(picture, min(scale, BLURRED_EYES / largest) if largest > 0 else scale)
    height, width = picture.shape[:2]
    for face in faces:
        margin_x, margin_y = AROUND * (face.right - face.left), AROUND * (face.bottom - face.top)
        left, right = max(0, int(face.left - margin_x)), min(width, int(face.right + margin_x) + 1)
        top, bottom = max(0, int(face.top - margin_y)), min(height, int(face.bottom + margin_y) + 1)
        if left < right and top < bottom:
            pieces = cv2.resize(soft[top:bottom, left:right], (MOSAIC, MOSAIC), interpolation=cv2.INTER_AREA)
            soft[top:bottom, left:right] = cv2.resize(
                pieces, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
            )
    return soft
