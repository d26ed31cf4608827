"""The side of an outbox that faces the disk: what is to be written, loaded and removed. The spooler uses it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from cekalwatch.camera.outbox.item import OutboxItem
from cekalwatch.camera.outbox.send_policy import OLDEST_EVERY
from cekalwatch.camera.outbox.state import OutboxState
from cekalwatch.contract.values.cameras import Drops
from cekalwatch.contract.values.captures import FaceCapture

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
        """Drop what is worth least, in memory or on the disk, until `size` bytes of the disk are free.

        Nothing is dropped, and it returns False, while no more than `max_in_memory` captures wait in memory alone.
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
        """Drop what has waited for longer, except what is in flight."""
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
        """Return what is to be removed from the disk, once."""
        with self._state.lock:
            removable, self._state.removable = self._state.removable, []
            return removable
