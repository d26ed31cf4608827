"""Tells a turning camera from people who walk in front of it: when it turns, nothing stays where it was."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.view.image_metrics import ALIKE, STRUCTURED, Grey, deviation, likeness, shift_between, shifted

MIN_SHIFT: Final = 4.0
"""Coarse pixels, of 160 across, between two pictures. A slower pan blurs nothing, and ends as a view that moved."""
TOGETHER: Final = 0.5
"""Share of what is seen in both pictures that must have gone the same way."""
STAYED: Final = 0.25
"""Share of what is seen that may stay where it was: by chance, or written into the picture by the camera. When somebody
passes close by and hides two thirds of the view, more than this stays."""
EDGE_CELLS: Final = 3
"""Cells with structure that an edge of the view needs to tell whether it stayed."""
EDGE_STAYS: Final = 0.5
SEEN_IN_BOTH: Final = 0.15
"""Share of the view that must be seen in both pictures."""


class CameraMotion:
    """Compares each picture of one camera with the last one. Owned by one thread."""

    def __init__(self) -> None:
        self._last: Grey | None = None

    def reset(self) -> None:
        """Forget the last picture."""
        self._last = None

    def turned(self, coarse: Grey) -> bool:
        """Take the next picture; return whether the camera turned since the last one."""
        last, self._last = self._last, coarse
        if last is None:
            return False
        shift = shift_between(last, coarse)
        return math.hypot(*shift) >= MIN_SHIFT and _all_shifted(last, coarse, shift)


def _all_shifted(before: Grey, after: Grey, shift: tuple[float, float]) -> bool:
    """Whether everything went that way, and nothing stayed."""
    back = shifted(after, -shift[0], -shift[1])
    structured = deviation(before) >= STRUCTURED
    in_both = structured & (deviation(back) >= STRUCTURED)
    if in_both.mean() < SEEN_IN_BOTH:
        return False
    stays = likeness(before, after) >= ALIKE
    if stays[structured].mean() > STAYED or any(_edge_stays(stays[:, side], structured[:, side]) for side in (0, -1)):
        return False
    return float((likeness(before, back) >= ALIKE)[in_both].mean()) >= TOGETHER


def _edge_stays(stays: NDArray[np.bool_], structured: NDArray[np.bool_]) -> bool:
    """Whether an edge of the view stayed: somebody who passes close by hides one edge at a time, or none."""
    return bool(structured.sum() >= EDGE_CELLS and stays[structured].mean() >= EDGE_STAYS)
