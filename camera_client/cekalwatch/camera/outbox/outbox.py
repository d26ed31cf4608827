"""Captures that have no receipt yet. It knows neither gRPC nor pictures nor files.

Bounded: when it is full, the best shot of each passage stays and worse ones are dropped first, and counted. Those that
wait for long may be parked on a disk: that is the keeper's work, through `parking`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.detection.face_capture import FaceCapture
from cekalwatch.camera.outbox.disk_queue import DiskQueue
from cekalwatch.camera.outbox.item import OutboxItem
from cekalwatch.camera.outbox.send_policy import SendPolicy
from cekalwatch.camera.outbox.state import OutboxState
from cekalwatch.wire.vocabulary.capture import Drops

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 30.0


@dataclass(frozen=True)
class OutboxStatistics:
    """What the outbox holds, and what it lost."""

    depth: int
    in_flight: int
    oldest_s: float
    """Age of the oldest capture; 0 when there is none."""
    oldest_in_flight_s: float
    """For how long the oldest capture under way has been waiting for its receipt; 0 when there is none."""
    waiting_s: float
    """For how long captures have been waiting without a single receipt; 0 when there is none."""
    settled_total: int
    drops: Drops
    stored: int
    """Captures on the disk."""
    stored_bytes: int
    stored_oldest_s: float
    """Age of the oldest capture on the disk; 0 when there is none."""


class Outbox:
    """Filled by the vision thread, emptied by the uplink's; all methods are safe on any thread."""

    def __init__(self, size: int, clock: Clock) -> None:
        """`size`: captures that wait in memory alone, at most; at least 1."""
        self._stock = OutboxState(size, clock)
        self.parking = DiskQueue(self._stock)
        self._clock = clock
        self._turns = SendPolicy()
        self._closed = False
        self._count = 0
        self._settled = 0
        self._last_settled_s = clock.monotonic_s()

    def listen(self, on_change: Callable[[], object]) -> Callable[[], None]:
        """Have `on_change` called, on any thread, after each change; return what ends that."""
        return self._stock.listen(on_change)

    def put(self, capture: FaceCapture) -> None:
        """Add a capture; drop the least useful one if there is no room."""
        stock = self._stock
        with stock.lock:
            self._count += 1
            entry = OutboxItem(
                capture.capture_id,
                (capture.run_id, capture.track_id),
                capture.quality.score,
                order=self._count,
                put_s=self._clock.monotonic_s(),
                size=len(capture.jpeg),
                capture=capture,
                clock_offset=stock.clock_offset,
            )
            stock.entries[entry.capture_id] = stock.held[entry.capture_id] = entry
            in_memory = stock.in_memory_alone()
            if len(in_memory) > stock.size:
                least = stock.least_first(stock.entries.values())[0]
                if least.stored_bytes and len(in_memory) > stock.size + stock.size // 4:
                    # Dropping what is on the disk makes room there; a disk that takes nothing makes none here.
                    least = stock.least_first(in_memory)[0]
                stock.drop(least, Drops(no_room=1))
            stock.changed()

    def wait_for_room(self) -> None:
        """Block until a capture can be added without a loss, or the outbox is closed."""
        stock = self._stock
        with stock.lock:
            stock.lock.wait_for(lambda: self._closed or len(stock.in_memory_alone()) < stock.size)

    def close(self) -> None:
        """Let nobody wait for room any more."""
        with self._stock.lock:
            self._closed = True
            self._stock.changed()

    def take(self, credit: int = 1) -> FaceCapture | None:
        """Return the next capture to send, which is then in flight; None when none can be sent now.

        `credit`: how many the server would take now, at least 1.
        """
        stock = self._stock
        with stock.lock:
            now_s = self._clock.monotonic_s()
            if not stock.hungry and stock.loaded() <= 1 and any(e.not_before_s <= now_s for e in stock.parked.values()):
                stock.hungry = True
                stock.changed()
            entry = self._turns.next(stock.held.values(), stock.under_way.values(), now_s, credit)
            if entry is None or entry.capture is None:
                return None
            stock.under_way[entry.capture_id] = stock.held.pop(entry.capture_id)
            entry.sent_s = now_s
            return entry.timed(entry.capture, stock.clock_offset, stock.began_at, self._clock.now())

    def next_ready_s(self) -> float | None:
        """Return in how many seconds the pause of one that is to be sent again is over; None when there is none."""
        with self._stock.lock:
            now_s = self._clock.monotonic_s()
            pauses = (entry.not_before_s - now_s for entry in self._stock.held.values())
            return min((pause_s for pause_s in pauses if pause_s > 0), default=None)

    def settle(self, capture_id: str) -> None:
        """Forget a capture: the server has dealt with it for good. An unknown one changes nothing."""
        with self._stock.lock:
            if entry := self._stock.entries.get(capture_id):
                self._stock.note_arrival(entry)
                self._stock.forget(entry)
                self._settled += 1
                self._last_settled_s = self._clock.monotonic_s()
                self._stock.changed()

    def retry_later(self, capture_id: str) -> None:
        """Make a capture unsent again after a pause that doubles each time. An unknown one changes nothing."""
        with self._stock.lock:
            entry = self._stock.under_way.pop(capture_id, None)
            if entry is not None:
                pause_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** min(entry.retries, 30))
                entry.not_before_s = self._clock.monotonic_s() + pause_s
                entry.retries += 1
                self._stock.hold_or_park(entry)
                self._stock.changed()

    def return_in_flight(self) -> None:
        """Make all that is in flight unsent again: the connection is gone, and what the server got is unknown."""
        stock = self._stock
        with stock.lock:
            loose = [*stock.held.values(), *stock.under_way.values()]
            stock.held.clear()
            stock.under_way.clear()
            for entry in loose:
                stock.hold_or_park(entry)
            stock.parked = dict(sorted(stock.parked.items(), key=lambda item: item[1].order))
            stock.changed()

    def figures(self) -> OutboxStatistics:
        """Return the state now."""
        stock = self._stock
        with stock.lock:
            now_s = self._clock.monotonic_s()
            oldest_put_s = next((entry.put_s for entry in stock.entries.values()), now_s)
            stored = (entry.put_s for entry in stock.entries.values() if entry.stored_bytes)
            return OutboxStatistics(
                depth=len(stock.entries),
                in_flight=len(stock.under_way),
                oldest_s=now_s - oldest_put_s,
                oldest_in_flight_s=now_s - min((entry.sent_s for entry in stock.under_way.values()), default=now_s),
                waiting_s=now_s - max(oldest_put_s, self._last_settled_s) if stock.entries else 0.0,
                settled_total=self._settled,
                drops=stock.drops,
                stored=len(stock.on_disk),
                stored_bytes=sum(stock.on_disk.values()),
                stored_oldest_s=now_s - next(stored, now_s),
            )
