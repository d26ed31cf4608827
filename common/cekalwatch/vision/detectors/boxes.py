"""What detectors share: fit a picture into a network's input, and keep the best of overlapping faces."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Face, Picture

Boxes = NDArray[np.float32]
"""Shape (n, 4): left, top, right, bottom."""

_MAX_CANDIDATES: Final = 512


def fitting_size(picture: Picture, long_side: int) -> tuple[int, int]:
    """Return width and height for `picture` with its longer side scaled to `long_side`, at least 16 each."""
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    return max(16, round(width * scale)), max(16, round(height * scale))


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return `picture` in `size` (width, height)."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def best_of_overlapping(boxes: Boxes, scores: NDArray[np.float32], max_overlap: float) -> list[int]:
    """Return indices, best score first, of boxes that overlap no better one by more than `max_overlap`.

    Overlap is intersection over union. Of more than 512 boxes, the best 512 count.
    """
    if len(boxes) == 0:
        return []
    corner_and_size = boxes.astype(np.float64)
    corner_and_size[:, 2:] -= corner_and_size[:, :2]
    kept = cv2.dnn.NMSBoxes(
        corner_and_size.tolist(),
        scores.tolist(),
        score_threshold=0.0,
        nms_threshold=max_overlap,
        top_k=_MAX_CANDIDATES,
    )
    return [int(index) for index in kept]


def faces_of(
    boxes: Boxes, scores: NDArray[np.float32], landmarks: NDArray[np.float32], max_overlap: float
) -> list[Face]:
    """Return the faces, best score first, without those that overlap a better one; landmarks have shape (n, 5, 2)."""
    return [
        Face(
            left=float(boxes[index, 0]),
            top=float(boxes[index, 1]),
            right=float(boxes[index, 2]),
            bottom=float(boxes[index, 3]),
            score=float(min(1.0, scores[index])),
            landmarks=landmarks[index].astype(np.float32),
        )
        for index in best_of_overlapping(boxes, scores, max_overlap)
    ]
