"""YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023).

For the networks of OpenCV's model zoo (`face_detection_yunet_…`); it finds what OpenCV's FaceDetectorYN finds in a
picture of that size.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.detectors.boxes import faces_of, fixed_size, in_the_corner, size_in_steps
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.runtime import ModelError, Tensor, open_session

DEFAULT_LONG_SIDE: Final = 640

_STRIDES: Final = (8, 16, 32)
_OUTPUTS: Final = ("cls", "obj", "bbox", "kps")
_MAX_OVERLAP: Final = 0.3


def is_yunet(model: Path) -> bool:
    """Return whether a network has YuNet's outputs. Raises ModelError when it cannot be loaded."""
    return set(_output_names()) <= {output.name for output in open_session(model, 1).get_outputs()}


class YunetDetector:
    """A `FaceDetector`. `long_side` is the input's longer side, rounded up to 32; pictures are scaled to it."""

    name = "yunet"
    upright_score = 0.92

    def __init__(
        self, model: Path, threads: int, *, long_side: int = DEFAULT_LONG_SIDE, min_score: float = 0.6
    ) -> None:
        self._session = open_session(model, threads)
        network_input = self._session.get_inputs()[0]
        if not set(_output_names()) <= {output.name for output in self._session.get_outputs()}:
            raise ModelError(f"{model} is no YuNet with landmarks: it lacks outputs such as kps_8. Get the pack again.")
        self._input = str(network_input.name)
        self._fixed_size = fixed_size(network_input.shape)
        self._long_side = long_side
        self._min_score = min_score

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first."""
        return self.look(picture, self._long_side, self._min_score)

    def look(self, picture: Picture, long_side: int, min_score: float) -> list[Face]:
        """Return what `detect` would with that input size and least score."""
        size = self._fixed_size or size_in_steps(picture, long_side, max(_STRIDES))
        canvas, factors = in_the_corner(picture, size)
        outputs = self._session.run(
            _output_names(), {self._input: np.asarray(cv2.dnn.blobFromImage(canvas), dtype=np.float32)}
        )
        scores, positions = _decode(outputs, size, min_score)
        positions *= factors
        return faces_of(positions[:, :2].reshape(-1, 4), scores, positions[:, 2:], _MAX_OVERLAP)


def _decode(
    outputs: list[Tensor], size: tuple[int, int], min_score: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scores, shape (n,), and positions in input pixels, shape (n, 7, 2): two corners, five landmarks."""
    all_scores, all_positions = [], []
    for level, stride in enumerate(_STRIDES):
        classes, objects, boxes, points = outputs[level * len(_OUTPUTS) : (level + 1) * len(_OUTPUTS)]
        scores = np.sqrt(np.clip(classes[0, :, 0], 0, 1) * np.clip(objects[0, :, 0], 0, 1))
        hits = np.flatnonzero(scores >= min_score)
        cells = _cells(size[0] // stride, size[1] // stride)[hits]
        centres, halves = cells + boxes[0, hits, :2], np.exp(boxes[0, hits, 2:]) / 2
        landmarks = cells[:, None] + points[0, hits].reshape(-1, 5, 2)
        corners = np.stack([centres - halves, centres + halves], axis=1)
        all_scores.append(scores[hits])
        all_positions.append(np.concatenate([corners, landmarks], axis=1) * stride)
    return np.concatenate(all_scores), np.concatenate(all_positions).astype(np.float32)


def _output_names() -> list[str]:
    return [f"{output}_{stride}" for stride in _STRIDES for output in _OUTPUTS]


@lru_cache(maxsize=32)
def _cells(columns: int, rows: int) -> NDArray[np.float32]:
    """Return each cell's column and row, shape (rows * columns, 2)."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)
