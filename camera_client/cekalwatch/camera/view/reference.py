"""How a view usually looks: learned in the first seconds; it follows daylight and furniture slowly, never people."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.view.image_metrics import ALIKE, CELL, STRUCTURED, Cells, Grey, ImageMetrics, deviation, likeness

FOLLOWS_IN: Final = 120
"""Pictures after which a cell that still shows the same has followed the light."""
FORGETS_IN: Final = 1200
"""Pictures after which a cell that shows something else has become usual: a moved chair, but nobody who waits."""
LEARNED_AFTER: Final = 10
"""Pictures that are needed before anything is compared with it."""


class Reference:
    """The usual view. Owned by one thread."""

    def __init__(self, first: ImageMetrics) -> None:
        self.coarse: Grey = first.coarse.copy()
        self.detail: Cells = first.detail.copy()
        self._pictures = 1

    @property
    def learned(self) -> bool:
        """Whether it has seen enough to be compared with."""
        return self._pictures >= LEARNED_AFTER

    @property
    def structured(self) -> NDArray[np.bool_]:
        """Which cells usually have structure."""
        return deviation(self.coarse) >= STRUCTURED

    def alike(self, coarse: Grey) -> NDArray[np.bool_]:
        """Which structured cells show what they usually do."""
        return (likeness(self.coarse, coarse) >= ALIKE) & self.structured

    def share_alike(self, coarse: Grey) -> float:
        """Share of the structured cells that show what they usually do, 0 to 1."""
        structured = int(self.structured.sum())
        return float(self.alike(coarse).sum()) / structured if structured else 0.0

    def follow(self, seen: ImageMetrics) -> None:
        """Let a good picture change what is usual, a little."""
        self._pictures += 1
        alike = self.alike(seen.coarse)
        rates = np.where(alike, max(1 / self._pictures, 1 / FOLLOWS_IN), max(1 / self._pictures, 1 / FORGETS_IN))
        rates = rates.astype(np.float32)
        self.detail += rates * (seen.detail - self.detail)
        by_pixel = np.kron(rates, np.ones((CELL, CELL), np.float32))
        self.coarse += by_pixel * (seen.coarse - self.coarse)
