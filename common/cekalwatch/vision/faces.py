"""A detected face, and the interface of face detectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

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


Part = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of the picture, as shares of its width and height, 0 to 1."""
WHOLE_PICTURE: Final[Part] = (0.0, 0.0, 1.0, 1.0)


@runtime_checkable
class PartialDetector(FaceDetector, Protocol):
    """A detector that can also search a part of a picture, and find faces again near where they are expected."""

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        """Return the faces in a part of what `detect` searches, as large for the network as there; best score first.

        Faces of `besides`, and parts of them at the edge, are left out.
        """

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        """Return for each face of `expected`, whose box says where it should be now, the face that is there, or None.

        Scores are those of this look alone, 0 to 1.
        """
