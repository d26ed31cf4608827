"""What an outbox knows of one capture, and which of several is worth least."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cekalwatch.camera.detection.face_capture import FaceCapture

LIVE_S = 2.0
"""A capture that has waited for longer is backlog: its traveller is no longer where it shows him."""
JUMP = timedelta(seconds=1)
"""Clocks drift; a difference of more than this is of a clock that was set."""


@dataclass(frozen=True)
class SpooledItem:
    """What is remembered of a capture that is on the disk alone."""

    capture_id: str
    passage: tuple[str, str]
    """Run of the program, and track within it; the run is empty for the present one."""
    score: float
    captured_at: datetime
    stored_bytes: int


@dataclass(eq=False)
class OutboxItem:
    """A capture that has no receipt yet."""

    capture_id: str
    passage: tuple[str, str]
    score: float
    """Quality, 0 to 1."""
    order: int
    """Rises with the time of its coming."""
    put_s: float
    """When it came, by the monotonic clock; before its beginning when an earlier run took it."""
    size: int = 0
    """Bytes of the crop."""
    capture: FaceCapture | None = None
    """None while it is parked."""
    clock_offset: timedelta | None = None
    """What the host's clock was ahead of the monotonic one when it was taken; None of an earlier run."""
    stored_bytes: int = 0
    """What it takes on the disk; 0 when it is not there."""
    not_before_s: float = 0.0
    retries: int = 0
    sent_s: float = 0.0
    sent_as_backlog: bool = False

    def is_live(self, now_s: float) -> bool:
        """Whether it has only just been taken."""
        return now_s - self.put_s < LIVE_S

    def timed(self, capture: FaceCapture, clock_offset: timedelta, began_at: datetime, now: datetime) -> FaceCapture:
        """Return its `capture` with its time as the host's clock would tell it now, in case it was set meanwhile.

        `clock_offset` is the present one, `began_at` the beginning of this run by the present clock. Of an earlier run
        nothing better is known than that it took the picture before this one began.
        """
        if self.clock_offset is None:
            return replace(capture, captured_at=began_at) if capture.captured_at > now else capture
        jumped = clock_offset - self.clock_offset
        return capture if abs(jumped) <= JUMP else replace(capture, captured_at=capture.captured_at + jumped)


def least_first(
    some: Iterable[OutboxItem], everything: Iterable[OutboxItem], arrived: Mapping[tuple[str, str], float]
) -> list[OutboxItem]:
    """Return `some` with what is worth least first.

    Before all, the worst of those that are not the best of their passage in `everything`, or have less than the score
    that `arrived` says of it; then the best ones, oldest first.
    """
    best: dict[tuple[str, str], OutboxItem] = {}
    for entry in everything:
        held = best.get(entry.passage)
        if held is None or entry.score > held.score:
            best[entry.passage] = entry

    def worth(entry: OutboxItem) -> tuple[bool, float]:
        is_best = best.get(entry.passage) is entry and entry.score > arrived.get(entry.passage, -1)
        return is_best, entry.order if is_best else entry.score

    return sorted(some, key=worth)
