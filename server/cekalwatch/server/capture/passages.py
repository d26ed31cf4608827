"""A passage: one traveller passing one camera. The templates of its crops are fused into one, which is searched.

The fused template is the mean of the crops' templates weighted by their quality, scaled to length 1, and searched again
with every crop. It is as good as other ways on sharp crops, and better with blurred ones among them (docs/adr/0006).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

MAX_CROPS = 20
"""Crops of a passage that are fused; the capture policy cannot ask for more."""
MAX_EACH = 200
"""Passages of one camera that are kept in memory: some minutes of a crowd, eight megabytes."""

MIN_WEIGHT = 0.01
"""The smallest weight of a crop. If no crop of a passage has any quality, all weigh the same."""

_CANCELLED = 1e-6


@dataclass(frozen=True)
class PassageScore:
    """The best score of a passage against the gallery, of all its states."""

    best: float
    reached: bool
    """Whether it reached the threshold of that moment."""
    templates: int
    """Size of the gallery that was searched last."""
    model_version: str

    def after(self, before: PassageScore | None) -> PassageScore:
        """Return the score of a passage that had another `before`."""
        if before is None or before.model_version != self.model_version:
            return self
        return replace(self, best=max(self.best, before.best), reached=self.reached or before.reached)


@dataclass
class Passage:
    """The templates of one passage, in memory only. Adding a capture twice changes nothing."""

    last_used_at: datetime
    score: PassageScore | None = None
    """None until the first search."""
    _templates: dict[UUID, NDArray[np.float32]] = field(default_factory=dict)

    def fuse(self, capture_id: UUID, template: NDArray[np.float32], quality: float) -> NDArray[np.float32]:
        """Add a capture's template (shape (size,), length 1) and return the fused one, of the same shape and length.

        `quality` is the figure for the whole crop, 0 to 1.
        """
        if len(self._templates) < MAX_CROPS:
            self._templates[capture_id] = template * max(quality, MIN_WEIGHT)
        total = np.sum(list(self._templates.values()), axis=0)
        length = float(np.linalg.norm(total))
        # Opposite templates cancel out; then the newest one is used.
        return (total / length).astype(np.float32) if length > _CANCELLED else template

    @property
    def crops(self) -> int:
        """The number of fused crops."""
        return len(self._templates)


class Passages:
    """The recent passages by camera and key, bounded in number, and forgotten after a time without a crop.

    Each camera has its own bound, so that one with many passages does not push out those of others.
    """

    def __init__(
        self,
        idle_s: float,
        most_each: int = MAX_EACH,
        ended: Callable[[str, PassageScore], None] = lambda *_: None,
    ) -> None:
        """`ended` gets the camera and the score of each passage that is forgotten because it is over."""
        self._idle_s = idle_s
        self._most_each = most_each
        self._ended = ended
        self._cameras: dict[str, dict[str, Passage]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._cameras.values()))

    def clear(self) -> None:
        """Forget all."""
        self._cameras.clear()

    def at(self, camera_id: str, key: str, now: datetime) -> Passage:
        """Return the passage `key` of that camera, new or known, and forget those that are idle."""
        for other, passages in list(self._cameras.items()):
            self._forget_idle(other, passages, now)
            if not passages and other != camera_id:
                del self._cameras[other]
        own = self._cameras.setdefault(camera_id, {})
        passage = own.pop(key, None) or Passage(now)
        passage.last_used_at = now
        own[key] = passage
        if len(own) > self._most_each:
            self._end(camera_id, own, next(iter(own)))
        return passage

    def _forget_idle(self, camera_id: str, passages: dict[str, Passage], now: datetime) -> None:
        while passages:
            oldest = next(iter(passages))
            if (now - passages[oldest].last_used_at).total_seconds() <= self._idle_s:
                return
            self._end(camera_id, passages, oldest)

    def _end(self, camera_id: str, passages: dict[str, Passage], key: str) -> None:
        score = passages.pop(key).score
        if score is not None:
            self._ended(camera_id, score)
