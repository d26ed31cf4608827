"""What an outbox holds, in memory and on the disk. Its users share `lock`, and call `changed` with it held."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.item import OutboxItem, least_first
from cekalwatch.wire.vocabulary.capture import Drops

PASSAGES_REMEMBERED = 1_000
"""Of which a crop has arrived: more than are under way at once."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OutboxState:
    """The entries, each in one of three places."""

    def __init__(self, size: int, clock: Clock) -> None:
        """`size`: captures that wait in memory alone, at most; at least 1."""
        if size < 1:
            raise ValueError("an outbox needs room for at least one capture")
        self.size = size
        self.clock = clock
        self.lock = threading.Condition()
        self.entries: dict[str, OutboxItem] = {}
        """All, by capture id, oldest first."""
        self.held: dict[str, OutboxItem] = {}
        """In memory, unsent."""
        self.parked: dict[str, OutboxItem] = {}
        """On the disk alone, unsent; oldest first."""
        self.under_way: dict[str, OutboxItem] = {}
        """In memory, sent, without receipt."""
        self.on_disk: dict[str, int] = {}
        """Bytes of each capture that is on the disk, wherever it is besides."""
        self.gone: list[str] = []
        """On the disk, and no longer wanted."""
        self.hungry = False
        """Parked captures could be sent, if they were in memory."""
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
        """Tell all who wait and listen."""
        self.lock.notify_all()
        for listener in self._listeners:
            listener()

    @property
    def clock_offset(self) -> timedelta:
        """What the host's clock is ahead of the monotonic one; it changes when the clock is set."""
        return self.clock.now() - EPOCH - timedelta(seconds=self.clock.monotonic_s())

    @property
    def began_at(self) -> datetime:
        """When this run began, by the clock as it is now."""
        return self.clock.now() - timedelta(seconds=self.clock.monotonic_s() - self._began_s)

    def in_memory_alone(self) -> list[OutboxItem]:
        """Return what waits and is not on the disk, the oldest first.

        What is under way does not count: it has probably arrived, so that dropping it would only lose its receipt.
        """
        return [entry for entry in self.entries.values() if self._is_unsent(entry) and not entry.stored_bytes]

    def loaded(self) -> int:
        """Return how many are on the disk, and in memory to be sent."""
        return sum(entry.stored_bytes > 0 for entry in self.held.values())

    def least_first(self, some: Iterable[OutboxItem]) -> list[OutboxItem]:
        """Return those of `some` that are not under way, with what is worth least first."""
        return least_first(filter(self._is_unsent, some), self.entries.values(), self._arrived)

    def note_arrival(self, entry: OutboxItem) -> None:
        """Remember how good the best shot of a passage was that has its receipt."""
        best = max(entry.score, self._arrived.pop(entry.passage, 0.0))
        self._arrived[entry.passage] = best
        if len(self._arrived) > PASSAGES_REMEMBERED:
            del self._arrived[next(iter(self._arrived))]

    def _is_unsent(self, entry: OutboxItem) -> bool:
        return entry.capture_id not in self.under_way

    def hold_or_park(self, entry: OutboxItem) -> None:
        """Let an unsent capture wait: on the disk alone, where it is stored, else in memory."""
        if entry.stored_bytes:
            entry.capture = None
            self.parked[entry.capture_id] = entry
        else:
            self.held[entry.capture_id] = entry

    def forget(self, entry: OutboxItem) -> None:
        """Hold it no more, and let it be removed from the disk."""
        for place in (self.entries, self.held, self.parked, self.under_way):
            place.pop(entry.capture_id, None)
        if self.on_disk.pop(entry.capture_id, None) is not None:
            self.gone.append(entry.capture_id)

    def drop(self, entry: OutboxItem, lost: Drops) -> None:
        """Forget it and count it."""
        self.forget(entry)
        self.drops += lost
