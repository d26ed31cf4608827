"""Whether a face is covered in part: by a mask, dark glasses, a hand or a cap.

Four linear scores, one for each cover, of what a small picture of the aligned face shows: light, colour and edges of
its cells against the rest of the face, and the differences of its two sides. `covering_numbers.py` has their numbers.
It takes a quarter of a millisecond.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.covering_numbers import LIMIT, OFFSETS, WEIGHTS, WEIGHTS_PER_UNIT
from cekalwatch.vision.faces import Picture

_CELLS: Final = 8
"""Of the small picture, across and down."""
_INNER: Final = slice(1, 7)
"""Its columns that show the face and not what is beside it."""
_SIDE: Final = 3
_DARK: Final = 16.0
"""Grey levels that are added to each channel: the hue of what is nearly black is noise."""
_MIN_CONTRAST: Final = 4.0
_EDGE_GAIN: Final = 8.0

_WEIGHTS: Final = np.array([[int(one) for one in row.split()] for row in WEIGHTS]) / WEIGHTS_PER_UNIT
_OFFSETS: Final = np.array(OFFSETS)


def is_covered(aligned: Picture) -> bool:
    """Return whether a face is covered in part; `aligned` is its aligned picture (see `align`)."""
    return float((_WEIGHTS @ covering_features(aligned) + _OFFSETS).max()) > LIMIT


def covering_features(aligned: Picture) -> NDArray[np.float64]:
    """Return what the scores are made of, shape (240,)."""
    small = cv2.resize(aligned, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)[:, _INNER].astype(np.float64)
    logarithms = np.log(small + _DARK)
    blue, green, red = (logarithms[..., channel] for channel in range(3))
    light, bluish, reddish = (one - np.median(one) for one in ((blue + green + red) / 3, blue - green, red - green))
    grey = np.asarray(cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY), np.uint8)
    contrast = float(grey.std()) + _MIN_CONTRAST
    edges = [_edges(grey, *order) / contrast for order in ((1, 0), (0, 1))]
    both = (light, bluish, reddish, np.abs(bluish), np.abs(reddish), *(np.log1p(_EDGE_GAIN * one) for one in edges))
    parts = [(one[:, :_SIDE] + one[:, : _SIDE - 1 : -1]) / 2 for one in both]
    parts += [np.abs(one[:, :_SIDE] - one[:, : _SIDE - 1 : -1]) for one in (light, bluish, reddish)]
    return np.concatenate([part.ravel() for part in parts])


def _edges(grey: NDArray[np.uint8], across: int, down: int) -> NDArray[np.float64]:
    """Return the mean strength of the edges in one direction, by cell."""
    found = np.abs(cv2.Sobel(grey, cv2.CV_16S, across, down)).astype(np.float32)
    return cv2.resize(found, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)[:, _INNER].astype(np.float64)
