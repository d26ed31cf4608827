"""A passage: one traveller passing one camera. The templates of its crops are fused into one, which is searched.

The fused template is the mean of the crops' templates weighted by their quality, scaled to length 1, and searched again
with every crop. It is as good as other ways on sharp crops, and better with blurred ones among them (docs/adr/0006).

A track is what the camera's tracker took for one traveller. It has several passages where it went over from one person
to another: crops that are not alike, 1:1, are of two people (domain rule 3, docs/adr/0070).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

MAX_CROPS = 20
"""Crops of a track that are kept; the capture policy cannot ask for more."""
MAX_EACH = 200
"""Tracks of one camera that are kept in memory: some minutes of a crowd, eight megabytes."""

SWEEP = timedelta(seconds=1)
"""How often all cameras are searched for passages that are over: with each capture it took 0.13 ms with 400 cameras."""

TRACK_DIGITS = 32
MIN_WEIGHT = 0.01
"""The smallest weight of a crop. If no crop of a passage has any quality, all weigh the same."""

_CANCELLED = 1e-6

Template = NDArray[np.float32]
"""Shape (size,), length 1."""


def track_key(camera_id: str, *of: object) -> str:
    """Return the key of a camera's track, which says nothing of it: those of exercises look alike."""
    return f"{camera_id}/{sha256('/'.join(map(str, of)).encode()).hexdigest()[:TRACK_DIGITS]}"


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


@dataclass(eq=False)
class Passage:
    """The templates of one passage, in memory only. Adding a capture twice changes nothing."""

    score: PassageScore | None = None
    """None until the first search."""
    _crops: dict[str, tuple[Template, float]] = field(default_factory=dict)
    """Template and weight of each capture, the oldest first."""
    _total: NDArray[np.float32] = field(default_factory=lambda: np.zeros((), np.float32))
    """The sum of the weighted templates."""

    def fuse(self, capture_id: str, template: Template, quality: float) -> Template:
        """Add a capture's template and return the fused one; `quality` is the figure for the whole crop, 0 to 1."""
        if capture_id not in self._crops:
            self._crops[capture_id] = template, max(quality, MIN_WEIGHT)
            self._total = self._total + self._weighted(capture_id)
        return self.fused()

    def fused(self) -> Template:
        """Return the fused template of its crops, of which there must be one."""
        return _of_length_one(self._total, next(reversed(self._crops.values()))[0])

    def likeness(self, template: Template) -> float:
        """Return the highest score of a template with the passage's crops, and with all of them fused."""
        return float(max(template @ self.fused(), *(template @ crop for crop, _ in self._crops.values())))

    def likeness_of(self, capture_id: str) -> float:
        """Return the score of one of its crops with the others fused; 1 without others."""
        template, _ = self._crops[capture_id]
        return float(template @ _of_length_one(self._total - self._weighted(capture_id), template))

    def _weighted(self, capture_id: str) -> NDArray[np.float32]:
        template, weight = self._crops[capture_id]
        return template * np.float32(weight)

    @property
    def crops(self) -> int:
        """The number of crops."""
        return len(self._crops)

    def has(self, capture_id: str) -> bool:
        """Whether the capture is one of this passage."""
        return capture_id in self._crops

    def remove(self, capture_id: str) -> tuple[Template, float]:
        """Take a crop out; return its template and weight."""
        self._total = self._total - self._weighted(capture_id)
        return self._crops.pop(capture_id)

    def forget_oldest(self) -> None:
        """Take the oldest crop out."""
        self.remove(next(iter(self._crops)))


def _of_length_one(total: NDArray[np.float32], newest: Template) -> Template:
    """Return `total` scaled to length 1; opposite templates cancel out, and then the newest one is used."""
    length = math.sqrt(total @ total)  # numpy's `norm` lets other threads run meanwhile, and has to wait for them
    return np.asarray(total / length, np.float32) if length > _CANCELLED else newest


@dataclass(frozen=True, eq=False)
class State:
    """A passage with a crop that has just been added."""

    passage: Passage
    fused: Template
    crops: int
    """The number of crops that are fused."""
    begins: bool
    """Whether this is its first crop."""


@dataclass(eq=False)
class Track:
    """The passages of one track: one, unless the tracker went over from one person to another."""

    last_used_at: datetime
    passages: list[Passage] = field(default_factory=list)
    """The least recently seen first."""

    def add(self, capture_id: str, template: Template, quality: float, alike: float | None) -> State:
        """Add a capture to the passage that it is most like, or to a new one.

        `alike` is the score from which on two crops are of one person; None if nobody has measured the model: then only
        the tracker decides. A capture that came before stays where it is.
        """
        known = next((one for one in self.passages if one.has(capture_id)), None)
        if known:
            return State(known, known.fused(), known.crops, begins=False)
        likeness = {one: one.likeness(template) for one in self.passages}
        nearest = max(likeness, key=likeness.__getitem__, default=None)
        if nearest is None or (alike is not None and likeness[nearest] < alike):
            return self._begin(capture_id, template, quality)
        self.passages.remove(nearest)
        self.passages.append(nearest)
        fused = nearest.fuse(capture_id, template, quality)
        return State(nearest, fused, nearest.crops, begins=False)

    def separate(self, capture_id: str, passage: Passage) -> State:
        """Move a capture out of `passage`, which has others, into one of its own."""
        return self._begin(capture_id, *passage.remove(capture_id))

    def _begin(self, capture_id: str, template: Template, quality: float) -> State:
        passage = Passage()
        self.passages.append(passage)
        return State(passage, passage.fuse(capture_id, template, quality), 1, begins=True)

    def surplus(self) -> list[Passage]:
        """Forget what exceeds MAX_CROPS: the oldest crops of the only passage, or whole passages, which it returns."""
        gone = []
        while sum(one.crops for one in self.passages) > MAX_CROPS:
            if len(self.passages) > 1:
                gone.append(self.passages.pop(0))
            else:
                self.passages[0].forget_oldest()
        return gone


class Passages:
    """The passages of recent tracks by camera and key, bounded in number, and forgotten after a time without a crop.

    Each camera has its own bound, so that one with many tracks does not push out those of others.
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
        self._cameras: dict[str, dict[str, Track]] = {}
        self._swept_at: datetime | None = None

    def __len__(self) -> int:
        return sum(map(len, self._cameras.values()))

    def clear(self) -> None:
        """Forget all."""
        self._cameras.clear()

    def at(self, camera_id: str, key: str, now: datetime) -> Track:
        """Return the track `key` of that camera, new or known, and forget those that are idle: its own, and from time
        to time those of all."""
        if self._swept_at is None or not timedelta() <= now - self._swept_at < SWEEP:
            self._swept_at = now
            for other, tracks in list(self._cameras.items()):
                self._forget_idle(other, tracks, now)
                if not tracks:
                    del self._cameras[other]
        own = self._cameras.setdefault(camera_id, {})
        self._forget_idle(camera_id, own, now)
        track = own.pop(key, None) or Track(now)
        track.last_used_at = now
        own[key] = track
        self._end(camera_id, track.surplus())
        if len(own) > self._most_each:
            self._end(camera_id, own.pop(next(iter(own))).passages)
        return track

    def _forget_idle(self, camera_id: str, tracks: dict[str, Track], now: datetime) -> None:
        while tracks:
            oldest = next(iter(tracks))
            if (now - tracks[oldest].last_used_at).total_seconds() <= self._idle_s:
                return
            self._end(camera_id, tracks.pop(oldest).passages)

    def _end(self, camera_id: str, passages: Iterable[Passage]) -> None:
        for passage in passages:
            if passage.score is not None:
                self._ended(camera_id, passage.score)
