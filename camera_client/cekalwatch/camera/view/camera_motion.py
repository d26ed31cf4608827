"""Tells a camera that turns from people who walk before it: when it turns, nothing stays where it was."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.view.image_metrics import ALIKE, STRUCTURED, Grey, deviation, likeness, shift_between, shifted

MIN_SHIFT: Final = 4.0
"""Coarse pixels, of 160 across, between two looks. A slower pan blurs nothing, and ends as a view that moved."""
TOGETHER: Final = 0.5
"""Share of what is seen in both looks that must have gone the same way."""
STAYED: Final = 0.25
"""Share of what is seen that may be where it was: by chance, or written into the picture by the camera. More than that
stays when somebody passes close by, and hides two thirds of the view."""
EDGE_CELLS: Final = 3
"""Cells of an edge of the view that must show something to tell whether it stayed."""
EDGE_STAYS: Final = 0.5
SEEN_IN_BOTH: Final = 0.15
"""Share of the view that must be seen in both looks."""


class CameraMotion:
    """The last look of one camera. Owned by one thread."""

    def __init__(self) -> None:
        self._last: Grey | None = None

    def forget(self) -> None:
        """Begin anew."""
        self._last = None

    def turns(self, coarse: Grey) -> bool:
        """Take the next look; return whether the camera turned since the last one."""
        last, self._last = self._last, coarse
        if last is None:
            return False
        way = shift_between(last, coarse)
        return math.hypot(*way) >= MIN_SHIFT and _went(last, coarse, way)


def _went(before: Grey, after: Grey, way: tuple[float, float]) -> bool:
    """Whether everything went that way, and nothing stayed."""
    back = shifted(after, -way[0], -way[1])
    structured = deviation(before) >= STRUCTURED
    in_both = structured & (deviation(back) >= STRUCTURED)
    if in_both.mean() < SEEN_IN_BOTH:
        return False
    stays = likeness(before, after) >= ALIKE
    if stays[structured].mean() > STAYED or any(_rests(stays[:, side], structured[:, side]) for side in (0, -1)):
        return False
    return float((likeness(before, back) >= ALIKE)[in_both].mean()) >= TOGETHER


def _rests(stays: NDArray[np.bool_], structured: NDArray[np.bool_]) -> bool:
    """Whether an edge of the view stayed: whoever passes close by hides one of them at a time, or none."""
    return bool(structured.sum() >= EDGE_CELLS and stays[structured].mean() >= EDGE_STAYS)
