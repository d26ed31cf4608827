"""What an outbox holds, in memory and on the disk. Its users share `lock`, and call `changed` while they hold it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.item import OutboxItem, worst_first
from cekalwatch.contract.values.cameras import Drops
from cekalwatch.contract.values.captures import FaceCapture

MAX_REMEMBERED_PASSAGES = 1_000
"""Passages of which a crop has arrived: more than are in view at once."""
OLDEST_EVERY = 4
"""Of the backlog the newest go first, for travellers who are not far yet; every fourth is the oldest."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OutboxState:
    """The items, each in one of three places: `unsent`, `spooled` or `in_flight`."""

    def __init__(self, size: int, clock: Clock) -> None:
        """`size`: the most captures that wait only in memory; at least 1."""
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
        """Wake all waiting threads and listeners."""
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
        """Return the waiting captures that are not on the disk, oldest first.

        Captures in flight are left out: they have probably arrived, so dropping them would only lose their receipts.
        """
        return [item for item in self.items.values() if self._is_waiting(item) and not item.stored_bytes]

    def loaded_count(self) -> int:
        """Return how many captures are on the disk, and in memory to be sent."""
        return sum(item.stored_bytes > 0 for item in self.unsent.values())

    def live_spooled(self, now_s: float) -> list[str]:
        """Return the captures on the disk alone whose traveller is still there; they wait for no backlog."""
        live = takewhile(lambda item: item.is_live(now_s), reversed(self.spooled.values()))
        return [item.capture_id for item in islice(live, LOAD_AHEAD) if item.not_before_s <= now_s]

    def worst_first(self, some: Iterable[OutboxItem]) -> list[OutboxItem]:
        """Return the captures of `some` that are not in flight, the least valuable first."""
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
        """Forget the capture, and schedule its removal from the disk."""
        for place in (self.items, self.unsent, self.spooled, self.in_flight):
            place.pop(item.capture_id, None)
        if self.on_disk.pop(item.capture_id, None) is not None:
            self.removable.append(item.capture_id)

    def drop(self, item: OutboxItem, drops: Drops) -> None:
        self.forget(item)
        self.drops += drops

    def _is_waiting(self, item: OutboxItem) -> bool:
        return item.capture_id not in self.in_flight


LOAD_AHEAD = 16
"""Captures that are loaded from the disk at once, before it is their turn to be sent."""
OLDEST_AHEAD = LOAD_AHEAD // OLDEST_EVERY


class DiskQueue:
    """All methods are safe on any thread; none of them touches the disk."""

    def __init__(self, state: OutboxState) -> None:
        self._state = state

    def restore(self, found: Sequence[OutboxItem]) -> None:
        """Add what an earlier run left on the disk, oldest first."""
        state = self._state
        with state.lock:
            for number, item in enumerate(found):
                item.order = number - len(found)
            restored = {item.capture_id: item for item in found}
            state.items = restored | state.items
            state.spooled = restored | state.spooled
            state.on_disk |= {item.capture_id: item.stored_bytes for item in found}
            state.changed()

    def to_store(self, after_s: float) -> list[FaceCapture]:
        """Return the captures that have been in memory alone for `after_s`, sent or not; the oldest first."""
        with self._state.lock:
            until_s = self._state.clock.monotonic_s() - after_s
            in_memory = (one for one in self._state.items.values() if not one.stored_bytes and one.put_s <= until_s)
            return [self._state.for_later(one, one.capture) for one in in_memory if one.capture]

    def stored(self, capture_id: str, size: int) -> None:
        """Note that a capture takes `size` bytes on the disk; one that is no longer needed is to be removed."""
        state = self._state
        with state.lock:
            item = state.items.get(capture_id)
            if item is None:
                state.removable.append(capture_id)
                return
            item.stored_bytes = state.on_disk[capture_id] = size
            if state.unsent.pop(capture_id, None):
                state.requeue(item)
            state.changed()

    def to_load(self) -> list[str]:
        """Return the spooled captures that are to be in memory now, since the server can take them."""
        state = self._state
        with state.lock:
            if not state.load_wanted:
                return []
            state.load_wanted = False
            now_s = state.clock.monotonic_s()
            if state.loaded_count() > 1:
                return state.live_spooled(now_s)
            newest = (key for key, one in reversed(state.spooled.items()) if one.not_before_s <= now_s)
            oldest = (key for key, one in state.spooled.items() if one.not_before_s <= now_s)
            chosen = [*islice(newest, LOAD_AHEAD - OLDEST_AHEAD), *islice(oldest, OLDEST_AHEAD)]
            return list(dict.fromkeys(chosen))

    def loaded(self, capture: FaceCapture) -> None:
        """Take a spooled capture into memory."""
        with self._state.lock:
            item = self._state.spooled.pop(capture.capture_id, None)
            if item is not None:
                item.capture, item.size = capture, len(capture.jpeg)
                self._state.unsent[item.capture_id] = item
                self._state.changed()

    def postpone(self, capture_id: str, pause_s: float) -> None:
        """Load a spooled capture only after a pause: the disk does not give it now."""
        with self._state.lock:
            if item := self._state.spooled.get(capture_id):
                item.not_before_s = self._state.clock.monotonic_s() + pause_s

    def unreadable(self, capture_id: str) -> None:
        """Count a capture that cannot be read from the disk, and forget it."""
        state = self._state
        with state.lock:
            state.drops += Drops(unreadable=1)
            if item := state.spooled.get(capture_id):
                state.forget(item)
            state.changed()

    def make_room(self, size: int, max_in_memory: int) -> bool:
        """Drop the least valuable captures, in memory or on the disk, until `size` bytes of the disk are free.

        While at most `max_in_memory` captures wait only in memory, it drops nothing and returns False.
        """
        state = self._state
        with state.lock:
            too_many = len(state.in_memory_alone()) - max_in_memory
            if too_many <= 0:
                return False
            for item in state.worst_first(state.items.values()):
                if size <= 0 or too_many <= 0:
                    break
                size -= item.stored_bytes
                too_many -= not item.stored_bytes
                state.drop(item, Drops(no_room=1))
            state.changed()
            return size <= 0

    def holds(self, capture_id: str) -> bool:
        """Whether a capture still has no receipt."""
        with self._state.lock:
            return capture_id in self._state.items

    @property
    def comfortable_in_memory(self) -> int:
        """How many captures may wait in memory alone before memory counts as full."""
        return self._state.size * 3 // 4

    def drop_older_than(self, age_s: float) -> None:
        """Drop captures that have waited longer, except those in flight."""
        state = self._state
        with state.lock:
            until_s = state.clock.monotonic_s() - age_s
            old = [one for one in state.items.values() if one.put_s < until_s]
            for item in old:
                if item.capture_id not in state.in_flight:
                    state.drop(item, Drops(too_old=1))
            if old:
                state.changed()

    def to_remove(self) -> list[str]:
        """Return the captures to remove from the disk, each once."""
        with self._state.lock:
            removable, self._state.removable = self._state.removable, []
            return removable
