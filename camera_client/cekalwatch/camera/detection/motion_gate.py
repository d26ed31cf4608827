"""Decides which frames are searched for faces: all of them where something new may be, few where nothing moves.

It compares small grey pictures, which costs a twentieth of a search.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.region import Region

IDLE_S: Final = 1.0
"""Longest time between two searches in a scene where nothing moves: something may have been missed."""
KNOWN_S: Final = 0.12
"""Time between two searches while a crop of everybody in view was sent: every second frame at 15 a second."""
WIDTH: Final = 160
"""Of the small picture; faces that are fit for the server are 8 or more of its pixels wide."""
MIN_CHANGE: Final = 8
"""Grey levels by which a pixel of the small picture has changed when something moved. Noise is averaged away in it."""
MIN_CHANGED: Final = 3
"""Pixels of the small picture that must have changed."""
AROUND: Final = 1.0
"""What moves within this many face widths around a known face, or below it, counts as that person."""


class MotionGate:
    """Of one camera. Owned by one thread."""

    def __init__(self, region: Region | None = None) -> None:
        """`region`: only what moves there counts."""
        self._region = region
        self._seen: NDArray[np.uint8] | None = None
        """The small picture at the last search."""
        self._mask: NDArray[np.bool_] | None = None
        """Where nobody was known at the last search."""
        self._searched_s = -np.inf
        self._anybody = self._all_known = False

    def wants(self, picture: Picture, at_s: float) -> bool:
        """Tell whether the frame at `at_s` is to be searched. `searched` must follow if so."""
        passed_s = at_s - self._searched_s
        if passed_s >= IDLE_S or self._seen is None or self._mask is None:
            return True
        if self._anybody and (not self._all_known or passed_s >= KNOWN_S):
            return True
        small = self._small(picture)
        if small.shape != self._seen.shape:
            return True
        changed = (cv2.absdiff(small, self._seen) >= MIN_CHANGE) & self._mask
        return int(np.count_nonzero(changed)) >= MIN_CHANGED

    def searched(self, picture: Picture, at_s: float, faces: Iterable[Face], *, all_known: bool) -> None:
        """Note what was found; `all_known`: whether a crop of each face's track was sent."""
        self._searched_s = at_s
        self._seen = self._small(picture)
        self._mask = np.ones(self._seen.shape, bool)
        self._anybody, self._all_known = False, all_known
        scale = self._seen.shape[1] / self._width(picture)
        left, top = self._corner(picture)
        for face in faces:
            self._anybody = True
            around = AROUND * face.width
            columns = slice(_index(face.left - left - around, scale), _index(face.right - left + around, scale) + 1)
            self._mask[_index(face.top - top - around, scale) :, columns] = False

    def _small(self, picture: Picture) -> NDArray[np.uint8]:
        if self._region:
            left, top, right, bottom = self._region.box(picture)
            picture = picture[top:bottom, left:right]
        height, width = picture.shape[:2]
        size = (min(width, WIDTH), max(1, round(height * min(width, WIDTH) / width)))
        return np.asarray(cv2.resize(picture[..., 1], size, interpolation=cv2.INTER_AREA), np.uint8)

    def _width(self, picture: Picture) -> int:
        left, _, right, _ = self._region.box(picture) if self._region else (0, 0, picture.shape[1], 0)
        return right - left

    def _corner(self, picture: Picture) -> tuple[int, int]:
        return self._region.box(picture)[:2] if self._region else (0, 0)


def _index(place: float, scale: float) -> int:
    return max(0, int(place * scale))
