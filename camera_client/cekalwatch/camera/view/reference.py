"""How a view usually looks: learned in the first seconds, following daylight and furniture slowly, never people."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.view.image_metrics import ALIKE, CELL, STRUCTURED, Cells, Grey, ImageMetrics, deviation, likeness

FOLLOWS_IN: Final = 120
"""Looks that make up the memory of what is still the same: it follows the light."""
FORGETS_IN: Final = 1200
"""Looks after which what is different has become the usual: a moved chair, and nobody who waits."""
LEARNED_AFTER: Final = 10
"""Looks before which nothing is compared with it."""


class Reference:
    """The usual view. Owned by one thread."""

    def __init__(self, first: ImageMetrics) -> None:
        self.coarse: Grey = first.coarse.copy()
        self.detail: Cells = first.detail.copy()
        self._looks = 1

    @property
    def learned(self) -> bool:
        """Whether it has seen enough to be compared with."""
        return self._looks >= LEARNED_AFTER

    @property
    def structured(self) -> NDArray[np.bool_]:
        """Which cells usually show something."""
        return deviation(self.coarse) >= STRUCTURED

    def alike(self, coarse: Grey) -> NDArray[np.bool_]:
        """Which structured cells show the usual."""
        return (likeness(self.coarse, coarse) >= ALIKE) & self.structured

    def share_alike(self, coarse: Grey) -> float:
        """Share of the structured cells that show the usual, 0 to 1."""
        structured = int(self.structured.sum())
        return float(self.alike(coarse).sum()) / structured if structured else 0.0

    def follow(self, look: ImageMetrics) -> None:
        """Let a good look change what is usual, a little."""
        self._looks += 1
        alike = self.alike(look.coarse)
        rates = np.where(alike, max(1 / self._looks, 1 / FOLLOWS_IN), max(1 / self._looks, 1 / FORGETS_IN))
        rates = rates.astype(np.float32)
        self.detail += rates * (look.detail - self.detail)
        by_pixel = np.kron(rates, np.ones((CELL, CELL), np.float32))
        self.coarse += by_pixel * (look.coarse - self.coarse)
