"""A passage: one traveller passing one camera. Its crops' templates become one, and the decision is made on that.

Fusing is the mean of the crops' templates, brought to length 1: on frames of 352x288 cameras that found the right one
of 39 people in 90 % of cases, against 53 % for single frames (design page, "Engine and gallery").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

MOST_CROPS = 20
"""Crops of a passage that are fused at most; the capture policy cannot ask for more."""


@dataclass
class Passage:
    """The templates of one passage, in memory only. Adding a capture twice changes nothing."""

    last_used_at: datetime
    _templates: dict[UUID, NDArray[np.float32]] = field(default_factory=dict)

    def fuse(self, capture_id: UUID, template: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add a capture's template (shape (size,), length 1) and return the fused one, of the same shape and length."""
        if len(self._templates) < MOST_CROPS:
            self._templates[capture_id] = template
        mean = np.mean(list(self._templates.values()), axis=0)
        length = float(np.linalg.norm(mean))
        # Opposite templates cancel out; then the newest one speaks for itself.
        return (mean / length).astype(np.float32) if length > 1e-6 else template

    @property
    def crops(self) -> int:
        """Crops fused so far."""
        return len(self._templates)


class Passages:
    """The passages seen lately, by key: bounded in number, and forgotten after a time without a crop."""

    def __init__(self, idle_s: float, most: int = 10_000) -> None:
        self._idle_s = idle_s
        self._most = most
        self._passages: dict[str, Passage] = {}

    def __len__(self) -> int:
        return len(self._passages)

    def at(self, key: str, now: datetime) -> Passage:
        """Return the passage `key`, new or known, and forget those that are idle."""
        passage = self._passages.pop(key, None) or Passage(now)
        passage.last_used_at = now
        self._passages[key] = passage
        while len(self._passages) > self._most or self._oldest_idle_s(now) > self._idle_s:
            del self._passages[next(iter(self._passages))]
        return passage

    def _oldest_idle_s(self, now: datetime) -> float:
        oldest = next(iter(self._passages.values()))
        return (now - oldest.last_used_at).total_seconds()
