"""What an outbox holds, in memory and on the disk. Its users share `lock`, and call `changed` while they hold it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.item import OutboxItem, worst_first
from cekalwatch.contract.values.cameras import Drops
from cekalwatch.contract.values.captures import FaceCapture

MAX_REMEMBERED_PASSAGES = 1_000
"""Passages of which a crop has arrived: more than are in view at once."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OutboxState:
    """The items, each in one of three places: `unsent`, `spooled` or `in_flight`."""

    def __init__(self, size: int, clock: Clock) -> None:
        """`size`: captures that wait in memory alone, at most; at least 1."""
        if size < 1:
            raise ValueError("an outbox needs room for at least one capture")
        self.size = size
        self.clock = clock
        self.lock = threading.Condition()
        self.items: dict[str, OutboxItem] = {}
        """All, by capture id, oldest first."""
        self.unsent: dict[str, OutboxItem] = {}
        """In memory, to be sent."""
        self.spooled: dict[str, OutboxItem] = {}
        """On the disk alone, to be sent; oldest first."""
        self.in_flight: dict[str, OutboxItem] = {}
        """In memory, sent, without receipt."""
        self.on_disk: dict[str, int] = {}
        """Bytes of each capture that is on the disk, in memory too or not."""
        self.removable: list[str] = []
        """On the disk, and no longer needed."""
        self.load_wanted = False
        """Whether spooled captures could be sent if they were in memory."""
        self.server_offset: timedelta | None = None
        """By how much the server's clock was ahead of the monotonic one when it last said its time; None before."""
        self.drops = Drops()
        self._arrived: dict[tuple[str, str], float] = {}
        self._began_s = clock.monotonic_s()
        self._listeners: list[Callable[[], object]] = []

    def listen(self, on_change: Callable[[], object]) -> Callable[[], None]:
        """Have `on_change` called, on any thread, after each change; return what ends that."""
        with self.lock:
            self._listeners.append(on_change)

        def end() -> None:
            with self.lock:
                self._listeners.remove(on_change)

        return end

    def changed(self) -> None:
        """Wake all who wait and listen."""
        self.lock.notify_all()
        for listener in self._listeners:
            listener()

    @property
    def clock_offset(self) -> timedelta:
        """By how much the host's clock is ahead of the monotonic one; it changes when the clock is set."""
        return self.clock.now() - EPOCH - timedelta(seconds=self.clock.monotonic_s())

    @property
    def began_at(self) -> datetime:
        """When this run began, by the clock as it is now."""
        return self.clock.now() - timedelta(seconds=self.clock.monotonic_s() - self._began_s)

    def for_later(self, item: OutboxItem, capture: FaceCapture) -> FaceCapture:
        """Return the item's `capture` with what another run must know of the clock that it was taken by."""
        if self.server_offset is None or item.clock_offset is None:
            return capture
        return replace(capture, clock_ahead=item.clock_offset - self.server_offset)

    def in_memory_alone(self) -> list[OutboxItem]:
        """Return what waits and is not on the disk, the oldest first.

        What is in flight does not count: it has probably arrived, so that dropping it would only lose its receipt.
        """
        return [item for item in self.items.values() if self._is_waiting(item) and not item.stored_bytes]

    def loaded_count(self) -> int:
        """Return how many captures are on the disk, and in memory to be sent."""
        return sum(item.stored_bytes > 0 for item in self.unsent.values())

    def worst_first(self, some: Iterable[OutboxItem]) -> list[OutboxItem]:
        """Return those of `some` that are not in flight, with what is worth least first."""
        return worst_first(filter(self._is_waiting, some), self.items.values(), self._arrived)

    def note_arrival(self, item: OutboxItem) -> None:
        """Remember the best score of a passage that has its receipt."""
        best = max(item.score, self._arrived.pop(item.passage, 0.0))
        self._arrived[item.passage] = best
        if len(self._arrived) > MAX_REMEMBERED_PASSAGES:
            del self._arrived[next(iter(self._arrived))]

    def requeue(self, item: OutboxItem) -> None:
        """Let a capture wait to be sent: on the disk alone when it is stored there, else in memory."""
        if item.stored_bytes:
            item.capture = None
            self.spooled[item.capture_id] = item
        else:
            self.unsent[item.capture_id] = item

    def forget(self, item: OutboxItem) -> None:
        """Keep it no longer, and let it be removed from the disk."""
        for place in (self.items, self.unsent, self.spooled, self.in_flight):
            place.pop(item.capture_id, None)
        if self.on_disk.pop(item.capture_id, None) is not None:
            self.removable.append(item.capture_id)

    def drop(self, item: OutboxItem, drops: Drops) -> None:
        """Forget it and count it."""
        self.forget(item)
        self.drops += drops

    def _is_waiting(self, item: OutboxItem) -> bool:
        return item.capture_id not in self.in_flight
