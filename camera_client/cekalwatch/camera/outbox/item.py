"""A capture in the outbox, and the order of their value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from cekalwatch.camera.clock import Clock
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.vision.fitness import flaws

LIVE_S = 2.0
"""A capture that has waited longer is backlog: its traveller has left that place."""
MIN_JUMP = timedelta(seconds=1)
"""Clocks drift; a difference of more than this means that somebody set the clock."""


@dataclass(eq=False)
class OutboxItem:
    """A capture that has no receipt yet."""

    capture_id: str
    passage: tuple[str, str]
    score: float
    """Quality, 0 to 1."""
    order: int
    """Rises with each capture that is put."""
    put_s: float
    """When it was put, by the monotonic clock; negative when an earlier run took it."""
    fit: bool = False
    """Whether an alert may come of this crop alone."""
    size: int = 0
    """Bytes of the crop."""
    capture: FaceCapture | None = None
    """None while it is on the disk alone."""
    clock_offset: timedelta | None = None
    """By how much the host's clock was ahead of the monotonic one when it was put; None of an earlier run."""
    stored_bytes: int = 0
    """Its bytes on the disk; 0 when it is not there."""
    not_before_s: float = 0.0
    retries: int = 0
    sent_s: float = 0.0
    sent_as_backlog: bool = False
    taken: bool = False
    """Whether the server has given its credit back, so that it no longer is in the network's buffers."""

    @classmethod
    def from_disk(cls, capture: FaceCapture, stored_bytes: int, clock: Clock) -> Self:
        """Return an item for a capture that an earlier run left on the disk, without its crop."""
        age = clock.now() - capture.captured_at
        # Either clock may have been wrong: the earlier run's or, if it was not set right in between, this one's too.
        # The capture may be as young as the lesser of what both say.
        ages = [age] if capture.clock_ahead is None else [age, age + capture.clock_ahead]
        age_s = min((one.total_seconds() for one in ages if one > timedelta()), default=0.0)
        return cls(
            capture.capture_id,
            capture.passage,
            capture.quality.score,
            order=0,
            put_s=clock.monotonic_s() - age_s,
            fit=not flaws(capture.quality),
            stored_bytes=stored_bytes,
        )

    def is_live(self, now_s: float) -> bool:
        """Whether it was taken only just now."""
        return now_s - self.put_s < LIVE_S

    def corrected(
        self, capture: FaceCapture, clock_offset: timedelta, began_at: datetime, now: datetime
    ) -> FaceCapture:
        """Return its `capture` with the time by the host's present clock, in case the clock was set.

        `clock_offset` is the present offset, `began_at` the beginning of this run by the present clock. If an earlier
        run knew the offset of its clock to the server's, that corrects the time. Otherwise it is only known that the
        picture was taken before this run began.
        """
        if self.clock_offset is None and capture.clock_ahead is not None:
            return capture
        if self.clock_offset is None:
            return replace(capture, captured_at=began_at) if capture.captured_at > now else capture
        if capture.clock_ahead is not None:
            capture = replace(capture, clock_ahead=None)  # the server knows the present run's
        jump = clock_offset - self.clock_offset
        return capture if abs(jump) <= MIN_JUMP else replace(capture, captured_at=capture.captured_at + jump)


def worst_first(
    some: Iterable[OutboxItem], everything: Iterable[OutboxItem], arrived: Mapping[tuple[str, str], float]
) -> list[OutboxItem]:
    """Return `some`, the least valuable first.

    The best items of the passages in `everything` come last, by age, oldest first, unless the server already has a
    better crop of the passage (`arrived`: its best score). The others come before them, worst score first.
    """
    best: dict[tuple[str, str], OutboxItem] = {}
    for item in everything:
        rival = best.get(item.passage)
        if rival is None or item.score > rival.score:
            best[item.passage] = item

    def worth(item: OutboxItem) -> tuple[bool, float]:
        is_best = best.get(item.passage) is item and item.score > arrived.get(item.passage, -1)
        return is_best, item.order if is_best else item.score

    return sorted(some, key=worth)
