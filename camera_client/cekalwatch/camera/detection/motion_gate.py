"""Decides what of each frame of a camera is searched for faces: all, what has moved, known faces, or nothing.

It compares small grey pictures, which costs a twentieth of a search, and knows no detector.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import WHOLE_PICTURE, Face, Part, Picture
from cekalwatch.vision.region import Region

IDLE_S: Final = 1.0
"""Maximum time between two searches in a scene without motion: a face may have been missed."""
KNOWN_S: Final = 0.12
"""Time between two looks while everybody in view is known: every second frame at 15 a second."""
WIDTH: Final = 160
"""Of the small picture; faces that are fit for the server are 8 or more of its pixels wide."""
MIN_CHANGE: Final = 8
"""Grey levels by which a pixel of the small picture has changed when something moved. Noise is averaged away in it."""
MIN_CHANGED: Final = 3
"""Pixels of the small picture that must have changed."""
AROUND: Final = 1.0
"""What moves within this many face widths around a known face, or below it, counts as that person."""


CELL: Final = 16
"""Side of a cell, in pixels of the small picture: the steps of the parts that are searched. It is a tenth of the
picture's width, so that the detectors' inputs need no padding."""
MOST: Final = 0.5
"""Share of the picture above which a search of the whole is as cheap as one of parts."""


@dataclass(frozen=True)
class Look:
    """How a frame is searched."""

    parts: tuple[Part, ...]
    """What has moved, with what is around it; empty: nothing."""
    everybody: bool
    """Whether all known faces are looked for where they are expected, or only those that have to be looked at soon."""


WHOLE: Final = Look((WHOLE_PICTURE,), everybody=True)


class MotionGate:
    """Searches what changes, follows who is known, and searches all of it now and then. Owned by one thread."""

    def __init__(self, region: Region | None = None, *, whole_every_s: float = 0.0) -> None:
        """`region`: only what moves there counts; `whole_every_s`: longest time without a search of the whole picture
        while something moves or somebody is in view, seconds. With 0 each search is one.
        """
        self._region = region
        self._whole_every_s = whole_every_s
        self._newest: tuple[float, NDArray[np.uint8]] | None = None
        """Moment of the last frame that was compared, and its small picture."""
        self._seen: NDArray[np.uint8] | None = None
        """The small picture; each place as it was when it was searched, or counted as a known person."""
        self._mask: NDArray[np.bool_] | None = None
        """Places without a known face at the last look."""
        self._followed_s = self._whole_s = -np.inf
        self._anybody = self._all_known = False

    def wants(self, picture: Picture, at_s: float) -> Look | None:
        """Return how to search the frame at `at_s`, or None. If it is searched, `looked` must follow."""
        passed_s = at_s - self._whole_s
        if passed_s >= IDLE_S or self._seen is None or self._mask is None:
            return WHOLE
        everybody = self._anybody and at_s - self._followed_s >= KNOWN_S
        anybody = everybody or (self._anybody and not self._all_known)
        if anybody and passed_s >= self._whole_every_s:
            return WHOLE
        small = self._small(picture)
        self._newest = at_s, small
        if small.shape != self._seen.shape:
            return WHOLE
        changed = (cv2.absdiff(small, self._seen) >= MIN_CHANGE) & self._mask
        if int(np.count_nonzero(changed)) >= MIN_CHANGED:
            parts = _parts(changed)
            if passed_s >= self._whole_every_s or sum(map(_area, parts)) > MOST:
                return WHOLE
            # Known people too: the tracker tells those who take each other's place apart by frequent looks.
            return Look(parts, everybody=True)
        return Look((), everybody=everybody) if anybody else None

    def looked(self, picture: Picture, at_s: float, faces: Iterable[Face], look: Look, *, all_known: bool) -> None:
        """Record the faces in view after `look`; `all_known`: whether nobody has to be looked at soon."""
        small = self._newest[1] if self._newest and self._newest[0] == at_s else self._small(picture)
        mask = np.ones(small.shape, bool)
        self._anybody, self._all_known = False, all_known
        scale = small.shape[1] / self._width(picture)
        left, top = self._corner(picture)
        for face in faces:
            self._anybody = True
            around = AROUND * face.width
            columns = slice(_index(face.left - left - around, scale), _index(face.right - left + around, scale) + 1)
            mask[_index(face.top - top - around, scale) :, columns] = False
        if look.everybody:
            self._followed_s = at_s
        if look is WHOLE or self._seen is None or self._mask is None:
            self._whole_s, self._seen = at_s, small
        else:
            # Elsewhere slow changes add up.
            new = ~(mask & self._mask)
            for part in look.parts:
                new[_pixels(part, small.shape)] = True
            self._seen = np.where(new, small, self._seen)
        self._mask = mask

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


def _parts(changed: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Return rectangles around the cells that changed and their neighbours, one for those that touch one another."""
    height, width = changed.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    cells = np.zeros((rows * CELL, columns * CELL), bool)
    cells[:height, :width] = changed
    moved = np.asarray(cells.reshape(rows, CELL, columns, CELL).any(axis=(1, 3)), np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(np.asarray(cv2.dilate(moved, np.ones((3, 3), np.uint8))))
    across, down = CELL / width, CELL / height
    return tuple(
        (left * across, top * down, min(1.0, (left + wide) * across), min(1.0, (top + high) * down))
        for left, top, wide, high, _ in boxes[1:].tolist()
    )


def _area(part: Part) -> float:
    left, top, right, bottom = part
    return (right - left) * (bottom - top)


def _pixels(part: Part, shape: tuple[int, ...]) -> tuple[slice, slice]:
    (height, width), (left, top, right, bottom) = shape, part
    return slice(round(top * height), round(bottom * height)), slice(round(left * width), round(right * width))
