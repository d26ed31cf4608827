"""The part of a picture in which faces are looked for."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from cekalwatch.vision.faces import Face, FaceDetector, Part, PartialDetector, Picture

Corner = tuple[float, float]
"""x and y as parts of the picture's width and height, 0 to 1."""
MIN_SIDE = 0.05
"""Of the picture's width and height a region has at least this."""


class Region:
    """A rectangle, given by two opposite corners, or a polygon, by three or more. Raises ValueError."""

    def __init__(self, corners: Sequence[Corner]) -> None:
        if not 2 <= len(corners) <= 32:
            raise ValueError("a region has two corners (of a rectangle), or three to 32 (of a polygon)")
        if not all(0 <= place <= 1 for corner in corners for place in corner):
            raise ValueError("a region's corners are parts of the picture's width and height, 0 to 1")
        across, down = [x for x, _ in corners], [y for _, y in corners]
        self._left, self._top = min(across), min(down)
        self._right, self._bottom = max(across), max(down)
        if self._right - self._left < MIN_SIDE or self._bottom - self._top < MIN_SIDE:
            raise ValueError(f"a region is at least {MIN_SIDE:g} of the picture wide and high")
        self._polygon = np.array(corners, np.float32) if len(corners) > 2 else None

    def box(self, picture: Picture) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the smallest rectangle around it, pixels."""
        height, width = picture.shape[:2]
        return (
            math.floor(self._left * width),
            math.floor(self._top * height),
            max(1, math.ceil(self._right * width)),
            max(1, math.ceil(self._bottom * height)),
        )

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point is within it or on its edge; x and y are fractions of the picture."""
        if self._polygon is not None:
            return bool(cv2.pointPolygonTest(self._polygon, (x, y), measureDist=False) >= 0)
        return self._left <= x <= self._right and self._top <= y <= self._bottom


class RegionDetector:
    """A `FaceDetector` that searches only a region, and returns only faces whose centre is in it."""

    def __init__(self, detector: FaceDetector, region: Region) -> None:
        self._detector = detector
        self._region = region
        self.name, self.upright_score = detector.name, detector.upright_score

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces in the region, best score first, with positions in the whole picture."""
        return self._held(picture, self._detector.detect(self._cut(picture)))

    def _cut(self, picture: Picture) -> Picture:
        left, top, right, bottom = self._region.box(picture)
        return picture[top:bottom, left:right]

    def _held(self, picture: Picture, faces: Iterable[Face]) -> list[Face]:
        left, top, _, _ = self._region.box(picture)
        moved = (_moved(face, left, top) for face in faces)
        return [face for face in moved if self._holds(picture, face)]

    def _holds(self, picture: Picture, face: Face) -> bool:
        height, width = picture.shape[:2]
        return self._region.holds((face.left + face.right) / 2 / width, (face.top + face.bottom) / 2 / height)


class PartialRegionDetector(RegionDetector):
    """The same as a `PartialDetector`. Parts are parts of the rectangle around the region."""

    def __init__(self, detector: PartialDetector, region: Region) -> None:
        super().__init__(detector, region)
        self._partial = detector

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        left, top, _, _ = self._region.box(picture)
        others = [_moved(face, -left, -top) for face in besides]
        return self._held(picture, self._partial.search(self._cut(picture), part, others))

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        found = self._partial.follow(picture, expected)
        return [face if face and self._holds(picture, face) else None for face in found]


def limited_to(region: Region, detector: FaceDetector) -> FaceDetector:
    """Return a detector that searches only the region; a `PartialDetector` if `detector` is one."""
    if isinstance(detector, PartialDetector):
        return PartialRegionDetector(detector, region)
    return RegionDetector(detector, region)


def _moved(face: Face, x: int, y: int) -> Face:
    return replace(
        face,
        left=face.left + x,
        top=face.top + y,
        right=face.right + x,
        bottom=face.bottom + y,
        landmarks=face.landmarks + np.array([x, y], np.float32),
    )
