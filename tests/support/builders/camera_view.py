"""A hall as a fixed camera sees it, with people, lamps, daylight, and what can happen to the camera."""

from __future__ import annotations

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Picture
from tests.support.builders.portraits import astronaut

SIZE = (640, 360)
MARGIN = 640
"""Pixels of the hall to each side of what the camera sees."""
GRAINS = 7
"""Different pictures of a sensor's noise."""


@cache
def hall() -> Picture:
    """Walls, counters, signs and a floor, wider than the camera's view; always the same."""
    random = np.random.default_rng(5)
    width, height = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    picture = np.full((height, width, 3), 120, np.uint8)
    for _ in range(900):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        w, h = int(random.integers(8, 130)), int(random.integers(8, 90))
        colour = [int(value) for value in random.integers(30, 215, 3)]
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
    return picture


def seen(
    *, right: float = 0.0, down: float = 0.0, roll: float = 0.0, light: float = 1.0, blur: float = 0.0, noise: int = 1
) -> Picture:
    """What the camera sees, moved by pixels and turned by degrees; `noise` seeds the sensor's."""
    return _seen(right, down, roll, light, blur, noise % GRAINS).copy()


@lru_cache(maxsize=32)
def _seen(right: float, down: float, roll: float, light: float, blur: float, noise: int) -> Picture:
    centre = (MARGIN + SIZE[0] / 2, MARGIN + SIZE[1] / 2)
    matrix = cv2.getRotationMatrix2D(centre, roll, 1.0)
    matrix[:, 2] -= np.array([MARGIN + right, MARGIN + down])
    picture = np.asarray(cv2.warpAffine(hall(), matrix, SIZE), np.uint8)
    if blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)
    return grainy(np.asarray(cv2.convertScaleAbs(picture, alpha=light), np.uint8), noise)


def grainy(picture: Picture, noise: int) -> Picture:
    """Return the picture with a sensor's noise; `noise` seeds it."""
    return np.asarray(cv2.add(picture, _grain(noise % GRAINS), dtype=cv2.CV_8U), np.uint8)


@cache
def _grain(seed: int) -> NDArray[np.int16]:
    grain = np.random.default_rng(seed).normal(0, 2, (SIZE[1], SIZE[0], 3))
    return np.asarray(np.rint(grain), np.int16)


def with_people(picture: Picture, at: list[tuple[float, float, float]]) -> Picture:
    """Return the picture with head and shoulders of somebody at each (x, y of the centre, width), pixels."""
    picture = picture.copy()
    person = astronaut()[20:400, 60:420]
    for x, y, width in at:
        scale = width / person.shape[1]
        sprite = cv2.resize(person, (round(width), round(person.shape[0] * scale)), interpolation=cv2.INTER_AREA)
        left, top = round(x - width / 2), round(y - sprite.shape[0] / 2)
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(SIZE[0], left + sprite.shape[1]), min(SIZE[1], top + sprite.shape[0])
        if x0 < x1 and y0 < y1:
            picture[y0:y1, x0:x1] = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
    return picture
