"""The side of an outbox that faces the disk: what is to be written, fetched and removed. The keeper uses it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from cekalwatch.camera.detection.face_capture import FaceCapture
from cekalwatch.camera.outbox.item import OutboxItem, SpooledItem
from cekalwatch.camera.outbox.send_policy import OLDEST_EVERY
from cekalwatch.camera.outbox.state import OutboxState
from cekalwatch.wire.vocabulary.capture import Drops

LOAD_AHEAD = 16
"""Captures that are fetched from the disk at once, before their turn."""
OLDEST_AHEAD = LOAD_AHEAD // OLDEST_EVERY


class DiskQueue:
    """All methods are safe on any thread; none of them touches the disk."""

    def __init__(self, stock: OutboxState) -> None:
        self._stock = stock

    def restore(self, found: Sequence[SpooledItem]) -> None:
        """Add what an earlier run left on the disk, oldest first."""
        stock = self._stock
        with stock.lock:
            now_s, now = stock.clock.monotonic_s(), stock.clock.now()
            restored = {
                one.capture_id: OutboxItem(
                    one.capture_id,
                    one.passage,
                    one.score,
                    order=number - len(found),
                    put_s=now_s - max(0.0, (now - one.captured_at).total_seconds()),
                    stored_bytes=one.stored_bytes,
                )
                for number, one in enumerate(found)
            }
            stock.entries = restored | stock.entries
            stock.parked = restored | stock.parked
            stock.on_disk |= {one.capture_id: one.stored_bytes for one in found}
            stock.changed()

    def without_receipt(self, for_s: float) -> list[FaceCapture]:
        """Return the captures that are in memory alone, also under way, for so long; the oldest first."""
        with self._stock.lock:
            until_s = self._stock.clock.monotonic_s() - for_s
            in_memory = (one for one in self._stock.entries.values() if not one.stored_bytes and one.put_s <= until_s)
            return [one.capture for one in in_memory if one.capture]

    def stored(self, capture_id: str, size: int) -> None:
        """Note that a capture is on the disk, in so many bytes; one that is not wanted any more is to be removed."""
        stock = self._stock
        with stock.lock:
            entry = stock.entries.get(capture_id)
            if entry is None:
                stock.gone.append(capture_id)
                return
            entry.stored_bytes = stock.on_disk[capture_id] = size
            if stock.held.pop(capture_id, None):
                stock.hold_or_park(entry)
            stock.changed()

    def wanted(self) -> list[str]:
        """Return the parked captures that are to be in memory now, since the server can have them."""
        stock = self._stock
        with stock.lock:
            if not stock.hungry:
                return []
            stock.hungry = False
            now_s = stock.clock.monotonic_s()
            newest = (key for key, one in reversed(stock.parked.items()) if one.not_before_s <= now_s)
            oldest = (key for key, one in stock.parked.items() if one.not_before_s <= now_s)
            chosen = [*islice(newest, LOAD_AHEAD - OLDEST_AHEAD), *islice(oldest, OLDEST_AHEAD)]
            return list(dict.fromkeys(chosen))

    def loaded(self, capture: FaceCapture) -> None:
        """Have a parked capture in memory."""
        with self._stock.lock:
            entry = self._stock.parked.pop(capture.capture_id, None)
            if entry is not None:
                entry.capture, entry.size = capture, len(capture.jpeg)
                self._stock.held[entry.capture_id] = entry
                self._stock.changed()

    def not_now(self, capture_id: str, pause_s: float) -> None:
        """Let a parked capture be wanted only after a pause: the disk does not give it now."""
        with self._stock.lock:
            if entry := self._stock.parked.get(capture_id):
                entry.not_before_s = self._stock.clock.monotonic_s() + pause_s

    def unreadable(self, capture_id: str) -> None:
        """Count a capture that cannot be read from the disk, and hold it no more."""
        stock = self._stock
        with stock.lock:
            stock.drops += Drops(unreadable=1)
            if entry := stock.parked.get(capture_id):
                stock.forget(entry)
            stock.changed()

    def make_room(self, size: int, easily_held: int) -> bool:
        """Let what is worth least give way, wherever it is, until so many bytes of the disk are free.

        Nothing needs to, and it returns False, when no more than `easily_held` captures wait in memory alone.
        """
        stock = self._stock
        with stock.lock:
            too_many = len(stock.in_memory_alone()) - easily_held
            if too_many <= 0:
                return False
            for entry in stock.least_first(stock.entries.values()):
                if size <= 0 or too_many <= 0:
                    break
                size -= entry.stored_bytes
                too_many -= not entry.stored_bytes
                stock.drop(entry, Drops(no_room=1))
            stock.changed()
            return size <= 0

    def holds(self, capture_id: str) -> bool:
        """Whether a capture is waited for still."""
        with self._stock.lock:
            return capture_id in self._stock.entries

    @property
    def easily_held(self) -> int:
        """How many captures may wait in memory alone before memory counts as full."""
        return self._stock.size * 3 // 4

    def give_up_older_than(self, age_s: float) -> None:
        """Drop what has waited for longer, except what is under way."""
        stock = self._stock
        with stock.lock:
            until_s = stock.clock.monotonic_s() - age_s
            old = [one for one in stock.entries.values() if one.put_s < until_s]
            for entry in old:
                if entry.capture_id not in stock.under_way:
                    stock.drop(entry, Drops(too_old=1))
            if old:
                stock.changed()

    def gone(self) -> list[str]:
        """Return what is to be removed from the disk, once."""
        with self._stock.lock:
            gone, self._stock.gone = self._stock.gone, []
            return gone
