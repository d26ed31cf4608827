"""Pictures in which nobody can be recognised, because their detail is gone."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from cekalwatch.vision.faces import Picture

AIMING_DETAIL_PX: Final = 96
"""Detail that a picture for aiming keeps along its longer side. A face with 60 pixels between the eyes in a frame of
1920, the least that recognition wants, has 3 left."""


def softened(picture: Picture, scale: float) -> Picture:
    """Return the picture with the detail that it would have at `scale`, above 0 and at most 1; its size stays."""
    height, width = picture.shape[:2]
    small = cv2.resize(
        picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def aiming_scale(picture: Picture) -> float:
    """Return the scale at which a picture has the detail that a picture for aiming may keep."""
    height, width = picture.shape[:2]
    longer: int = max(height, width)
    return min(1.0, AIMING_DETAIL_PX / longer)
