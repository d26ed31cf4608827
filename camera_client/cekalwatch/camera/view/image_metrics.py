"""Metrics of one picture, for judging a view: light, detail, and likeness to a reference. Pure functions, no state.

Views are compared cell by cell, because people hide parts, and by normalised correlation, because light changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Picture

Grey = NDArray[np.float32]
"""Luminance 0 to 255."""
Cells = NDArray[np.float32]
"""One number for each cell of the grid: (ROWS, COLUMNS)."""

COLUMNS: Final = 16
ROWS: Final = 9
CELL: Final = 10
"""Pixels of the coarse picture on a cell's side."""
FINE: Final = 4
"""How many times as wide the fine picture is as the coarse one."""
COARSE_SIZE: Final = (COLUMNS * CELL, ROWS * CELL)
FINE_SIZE: Final = (COARSE_SIZE[0] * FINE, COARSE_SIZE[1] * FINE)
SMOOTHING: Final = 1.5
"""Sigma with which the coarse picture is smoothed, so that likeness does not depend on focus or noise."""
DARK_LEVEL: Final = 40.0
"""In a darker picture, a face has no features."""
SATURATED_LEVEL: Final = 250.0
STRUCTURED: Final = 3.0
"""Standard deviation from which a coarse cell has structure."""
ALIKE: Final = 0.8
"""Normalised correlation from which two cells show the same thing."""


@dataclass(frozen=True, eq=False)
class ImageMetrics:
    """Light and detail of one picture."""

    coarse: Grey
    """Smoothed, COARSE_SIZE."""
    detail: Cells
    """Variance of the Laplacian of the fine picture."""
    dark: float
    """Share of the picture below DARK_LEVEL, 0 to 1."""
    saturated: float
    """Share of the picture at or above SATURATED_LEVEL, 0 to 1."""

    @property
    def structured(self) -> NDArray[np.bool_]:
        return deviation(self.coarse) >= STRUCTURED


def image_metrics(picture: Picture) -> ImageMetrics:
    """Measure a picture, BGR or grey, of any size; it is scaled to the grid, whatever its shape."""
    fine = _grey(np.asarray(cv2.resize(picture, FINE_SIZE, interpolation=cv2.INTER_AREA), np.uint8))
    small = np.asarray(cv2.resize(fine, COARSE_SIZE, interpolation=cv2.INTER_AREA), np.float32)
    laplacian = np.asarray(cv2.Laplacian(fine, cv2.CV_32F), np.float32)
    return ImageMetrics(
        coarse=_smoothed(small),
        detail=_mean_by_cell(laplacian**2),
        dark=float(np.mean(small < DARK_LEVEL)),
        saturated=float(np.mean(small >= SATURATED_LEVEL)),
    )


def deviation(coarse: Grey) -> Cells:
    mean = _mean_by_cell(coarse)
    return np.asarray(np.sqrt(np.maximum(_mean_by_cell(coarse**2) - mean**2, 0.0)), np.float32)


def likeness(one: Grey, other: Grey) -> Cells:
    """Return the normalised correlation of each cell, -1 to 1; 0 if one of the two has no structure."""
    mean_one, mean_other = _mean_by_cell(one), _mean_by_cell(other)
    covariance = _mean_by_cell(one * other) - mean_one * mean_other
    spread_one, spread_other = deviation(one), deviation(other)
    usable = (spread_one >= STRUCTURED / 2) & (spread_other >= STRUCTURED / 2)
    return np.where(usable, covariance / np.maximum(spread_one * spread_other, 1e-6), 0.0).astype(np.float32)


def shift_between(before: Grey, after: Grey) -> tuple[float, float]:
    """Return how far the view moved to the right and down, in coarse pixels, by phase correlation of its edges.

    Walking people, and a date in the camera's picture, mislead it at their place. So each part of the view gives a
    guess, and the one that fits the most cells wins; the caller decides whether it fits well.
    """
    edges_before, edges_after = _edges(before), _edges(after)

    def guess(part: tuple[slice, slice]) -> tuple[float, float]:
        one, other = np.ascontiguousarray(edges_before[part]), np.ascontiguousarray(edges_after[part])
        (x, y), _ = cv2.phaseCorrelate(one, other, cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F))
        return x, y

    def fit(shift: tuple[float, float]) -> int:
        return int((likeness(before, shifted(after, -shift[0], -shift[1])) >= ALIKE).sum())

    return max(map(guess, _PARTS), key=fit)


def shifted(coarse: Grey, x: float, y: float) -> Grey:
    """Return the view moved by `x` and `y` pixels, with black margins."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    moved = cv2.warpAffine(coarse, matrix, COARSE_SIZE, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    inside = cv2.warpAffine(np.ones_like(coarse), matrix, COARSE_SIZE, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.where(_cells_to_pixels(_mean_by_cell(inside)) > 0.99, moved, 0).astype(np.float32)


_WIDTH, _HEIGHT = COARSE_SIZE
_PARTS: Final = (
    (slice(None), slice(None)),
    (slice(0, _HEIGHT // 2), slice(None)),
    (slice(_HEIGHT // 2, None), slice(None)),
    (slice(None), slice(0, _WIDTH // 2)),
    (slice(None), slice(_WIDTH // 2, None)),
)
"""The whole, then its halves."""


def _edges(coarse: Grey) -> Grey:
    across, down = cv2.Sobel(coarse, cv2.CV_32F, 1, 0), cv2.Sobel(coarse, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _grey(picture: Picture) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture
    return np.asarray(grey, np.float32)


def _smoothed(small: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(small, (0, 0), SMOOTHING), np.float32)


def _mean_by_cell(values: NDArray[Any]) -> Cells:
    return np.asarray(cv2.resize(values, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA), np.float32)


def _cells_to_pixels(cells: Cells) -> Grey:
    return np.asarray(cv2.resize(cells, COARSE_SIZE, interpolation=cv2.INTER_NEAREST), np.float32)
