"""A detected face, and the interface of face detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""BGR, shape (height, width, 3)."""

Landmarks = NDArray[np.float32]
"""Shape (5, 2), x and y in pixels: eyes' centres, nose's tip, mouth's corners, each from the picture's left."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture; positions in that picture's pixels, and possibly partly outside it."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    """The detector's confidence, 0 to 1."""
    landmarks: Landmarks

    @property
    def width(self) -> float:
        """Width of the box, pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height of the box, pixels."""
        return self.bottom - self.top

    @property
    def eye_distance(self) -> float:
        """Distance between the eyes' centres, pixels."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))


class FaceDetector(Protocol):
    """Finds faces with their landmarks. One thread at a time may use an instance."""

    @property
    def name(self) -> str:
        """Short name for logs and the handshake, for example "yunet-onet"."""

    @property
    def upright_score(self) -> float:
        """Score that faces in portraits reach, and hardly any that lies on its side or stands on its head does."""

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first, overlapping ones removed. Any picture size from 1x1 on is accepted."""
