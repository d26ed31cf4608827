"""SCRFD with landmarks (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022).

For the networks that insightface ships (`det_500m`, `scrfd_2.5g`, `det_10g`), without insightface.
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
_ANCHORS: Final = 2
_OUTPUTS: Final = 3 * len(_STRIDES)
_MAX_OVERLAP: Final = 0.4


class ScrfdDetector:
    """A `FaceDetector`. `long_side` is the input's longer side, rounded up to 32; pictures are scaled to it."""

    name = "scrfd"
    upright_score = 0.72

    def __init__(
        self, model: Path, threads: int, *, long_side: int = DEFAULT_LONG_SIDE, min_score: float = 0.5
    ) -> None:
        self._session = open_session(model, threads)
        network_input = self._session.get_inputs()[0]
        if len(self._session.get_outputs()) != _OUTPUTS or len(network_input.shape) != 4:
            raise ModelError(
                f"{model} is no SCRFD with landmarks: it should have {_OUTPUTS} outputs. "
                "Use a detector of that family, or a model pack's folder."
            )
        self._input = str(network_input.name)
        self._fixed_size = fixed_size(network_input.shape)
        self._long_side = long_side
        self._min_score = min_score

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first."""
        size = self._fixed_size or size_in_steps(picture, self._long_side, max(_STRIDES))
        canvas, factors = in_the_corner(picture, size)
        blob = cv2.dnn.blobFromImage(canvas, 1 / 128, size, (127.5, 127.5, 127.5), swapRB=True)
        outputs = self._session.run(None, {self._input: np.asarray(blob, dtype=np.float32)})
        scores, positions = self._decode(outputs, *size)
        positions *= factors
        return faces_of(positions[:, :2].reshape(-1, 4), scores, positions[:, 2:], _MAX_OVERLAP)

    def _decode(
        self, outputs: list[Tensor], input_width: int, input_height: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return scores, shape (n,), and positions in input pixels, shape (n, 7, 2): two corners, five landmarks."""
        all_scores, all_positions = [], []
        for level, stride in enumerate(_STRIDES):
            scores = outputs[level].reshape(-1)
            hits = np.flatnonzero(scores >= self._min_score)
            centres = _centres(input_width // stride, input_height // stride, stride)[hits][:, None]
            sides = outputs[level + 3].reshape(-1, 2, 2)[hits] * stride
            points = outputs[level + 6].reshape(-1, 5, 2)[hits] * stride
            sides[:, 0] *= -1
            all_scores.append(scores[hits])
            all_positions.append(centres + np.concatenate([sides, points], axis=1))
        return np.concatenate(all_scores), np.concatenate(all_positions).astype(np.float32)


@lru_cache(maxsize=32)
def _centres(columns: int, rows: int, stride: int) -> NDArray[np.float32]:
    """Return the anchors' centres, shape (rows * columns * 2, 2)."""
    y, x = np.mgrid[:rows, :columns]
    centres = (np.stack([x, y], axis=-1) * stride).reshape(-1, 1, 2).repeat(_ANCHORS, axis=1).reshape(-1, 2)
    return centres.astype(np.float32)
