"""Short videos of the astronaut's face passing over a background, for tests of the camera client."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cekalwatch.vision.faces import Picture
from tests.support.builders.portraits import astronaut


@dataclass(frozen=True)
class Walk:
    """A way of the portrait's head and shoulders through the view, between two frames."""

    begin: tuple[float, float]
    """Centre of the face, pixels."""
    end: tuple[float, float]
    head_px: tuple[float, float]
    """Width of the face at the beginning and at the end, pixels."""
    first_frame: int
    last_frame: int


HEAD = (110, 30, 330, 260)
"""Head and shoulders in the portrait: left, top, right, bottom."""
FACE_CENTRE = (223 - HEAD[0], 123 - HEAD[1])
FACE_WIDTH = 90


def background(width: int, height: int) -> Picture:
    """An uneven wall without any face: a slow gradient with faint noise, always the same."""
    across = np.linspace(90, 150, width)[None, :, None] + np.linspace(-20, 20, height)[:, None, None]
    noise = np.random.default_rng(7).normal(0, 4, (height, width, 3))
    return np.clip(across + noise, 0, 255).astype(np.uint8)


def write_video(
    path: Path, walks: Iterable[Walk], *, frames: int, fps: float = 25.0, size: tuple[int, int] = (960, 540)
) -> Path:
    """Write a Motion-JPEG video (`path` should end in .avi) of `walks`; return `path`."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    assert writer.isOpened()
    wall, walks = background(*size), tuple(walks)
    for number in range(frames):
        picture = wall.copy()
        for walk in walks:
            if walk.first_frame <= number <= walk.last_frame:
                _paste(picture, walk, number)
        writer.write(picture)
    writer.release()
    return path


def _paste(picture: Picture, walk: Walk, number: int) -> None:
    part = (number - walk.first_frame) / max(1, walk.last_frame - walk.first_frame)
    (x0, y0), (x1, y1) = walk.begin, walk.end
    scale = (walk.head_px[0] + (walk.head_px[1] - walk.head_px[0]) * part) / FACE_WIDTH
    x, y = x0 + (x1 - x0) * part, y0 + (y1 - y0) * part
    left, top, right, bottom = HEAD
    head = cv2.resize(
        astronaut()[top:bottom, left:right],
        (round((right - left) * scale), round((bottom - top) * scale)),
        interpolation=cv2.INTER_AREA,
    )
    at_x, at_y = round(x - FACE_CENTRE[0] * scale), round(y - FACE_CENTRE[1] * scale)
    height, width = picture.shape[:2]
    left, top = max(0, at_x), max(0, at_y)
    right, bottom = min(width, at_x + head.shape[1]), min(height, at_y + head.shape[0])
    if left < right and top < bottom:
        picture[top:bottom, left:right] = head[top - at_y : bottom - at_y, left - at_x : right - at_x]
