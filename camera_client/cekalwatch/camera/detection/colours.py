"""The colours of hair, face and clothes: they tell two people apart where their places do not.

They cost some hundredths of a millisecond a face. Nobody is recognised by them: people who are dressed alike have the
same colours.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Face, Picture

PARTS: Final = (
    # left, top, right, bottom: in widths and heights of the face's box, from its left and top
    (0.10, -0.25, 0.90, 0.05),  # hair, or what is worn on it
    (0.15, 0.10, 0.85, 0.90),  # face
    (-0.20, 1.35, 1.20, 2.20),  # clothes
)
SAMPLES: Final = 12
"""Pixels of a part that are looked at, across and down, up to twice as many."""
DARK: Final = 24.0
"""Grey levels that are added to each channel: the hue of what is nearly black is noise."""
MIN_SIDE_PX: Final = 3
"""A part of which less is within the picture is not compared."""

# Fitted on composed scenes and on two films (docs/adr/0070).
SPREAD_OF_ONE: Final = np.array([0.05, 0.05, 0.04, 0.04, 0.11, 0.19, 0.22, 0.22])
"""Standard deviation of each number of one person within half a second: light, turns of the head, what is behind."""
SPREAD_OF_ALL: Final = np.array([0.14, 0.12, 0.12, 0.10, 0.17, 0.40, 0.50, 0.40])
"""The same between two people before one camera."""
MOST_EACH: Final = 4.0
"""Most that one number says against, since somebody who passes in front changes some of them."""
LEAST_EACH: Final = -1.0
"""Most that one number says in favour: people are often dressed alike."""
MOST: Final = 12.0
"""Most that all numbers say together: less than it takes to end a track that is where it was expected."""

Colours = NDArray[np.float64]
"""Shape (8,). Logarithms of blue to green and of red to green, of hair, face and clothes; then of the luminance of hair
and of clothes against that of the face. A camera that changes its exposure changes none. NaN: not in the picture."""
UNKNOWN: Final[Colours] = np.full(8, np.nan)
"""Colours that say nothing."""


_SLOPE: Final = SPREAD_OF_ONE**-2 - SPREAD_OF_ALL**-2
_START: Final = 2 * np.log(SPREAD_OF_ALL / SPREAD_OF_ONE)


def colours_of(picture: Picture, face: Face) -> Colours:
    """Return the colours of `face`, which was found in `picture`."""
    hues, luminance = [], []
    for part in PARTS:
        blue, green, red = _mean(picture, face, part)
        hues += [blue - green, red - green]
        luminance.append((blue + green + red) / 3)
    hair, skin, clothes = luminance
    return np.array([*hues, hair - skin, clothes - skin])


def _mean(picture: Picture, face: Face, part: tuple[float, float, float, float]) -> tuple[float, float, float]:
    """Return the logarithms of a part's mean colour; NaN if hardly any of it is in the picture."""
    height, width = picture.shape[:2]
    left, right = (min(width, max(0.0, face.left + at * face.width)) for at in part[::2])
    top, bottom = (min(height, max(0.0, face.top + at * face.height)) for at in part[1::2])
    if not min(right - left, bottom - top) >= MIN_SIDE_PX:
        return math.nan, math.nan, math.nan
    across, down = max(1, int(right - left) // SAMPLES), max(1, int(bottom - top) // SAMPLES)
    samples = np.ascontiguousarray(picture[int(top) : int(bottom) : down, int(left) : int(right) : across])
    blue, green, red, _ = cv2.mean(samples)
    return math.log(blue + DARK), math.log(green + DARK), math.log(red + DARK)


def evidence(ones: Colours, others: Colours) -> NDArray[np.float64]:
    """Return what colours say against two faces being of one person, 0 to MOST, of pairs along the last axis.

    It is twice the logarithm of how much likelier the difference is between two people than within one.
    """
    each = _SLOPE * (ones - others) ** 2 - _START
    told = np.nansum(np.clip(each, LEAST_EACH, MOST_EACH), axis=-1)
    return np.asarray(np.clip(told, 0.0, MOST), np.float64)
