"""What detectors share: fit a picture into a network's input, and keep the best of overlapping faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Face, Part, Picture

Boxes = NDArray[np.float32]
"""Shape (n, 4): left, top, right, bottom."""

_MAX_CANDIDATES: Final = 512


def fitting_size(picture: Picture, long_side: int) -> tuple[int, int]:
    """Return width and height for `picture` with its longer side scaled to `long_side`, at least 16 each."""
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    return max(16, round(width * scale)), max(16, round(height * scale))


def cut_out(picture: Picture, part: Part) -> tuple[tuple[int, int], Picture, float]:
    """Return the upper left corner of a part, its picture, and its longer side as a share of the whole picture's."""
    (height, width), (left, top, right, bottom) = picture.shape[:2], part
    rows, columns = (
        slice(int(top * height), math.ceil(bottom * height)),
        slice(int(left * width), math.ceil(right * width)),
    )
    inner = picture[rows, columns]
    return (columns.start, rows.start), inner, max(inner.shape[:2]) / max(height, width)


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return `picture` in `size` (width, height)."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def in_the_corner(picture: Picture, size: tuple[int, int]) -> tuple[Picture, NDArray[np.float32]]:
    """Return a canvas of `size` (width, height) with `picture` scaled to fit in its upper left corner, black beside.

    With it come the two factors, for x and y, from the canvas's pixels to the picture's.
    """
    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, min(size[0], round(width * scale))), max(1, min(size[1], round(height * scale))))
    canvas = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    canvas[: inner[1], : inner[0]] = resized(picture, inner)
    return canvas, np.array([width / inner[0], height / inner[1]], dtype=np.float32)


def size_in_steps(picture: Picture, long_side: int, step: int) -> tuple[int, int]:
    """Return width and height, multiples of `step`, in which `picture` fits with its longer side at `long_side`."""
    height, width = picture.shape[:2]
    scale = long_side / max(width, height)
    return _up_to(width * scale, step), _up_to(height * scale, step)


def fixed_size(shape: Sequence[object]) -> tuple[int, int] | None:
    """Return width and height of a network's input of shape (1, 3, height, width), or None where any size will do."""
    height, width = shape[2:]
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _up_to(value: float, multiple: int) -> int:
    return max(multiple, -int(-value // multiple) * multiple)


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
