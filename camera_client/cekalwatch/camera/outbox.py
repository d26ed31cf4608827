"""Captures that have no receipt yet. It knows neither gRPC nor pictures; where captures are kept is its own affair.

Bounded: when it is full, the best shot of each track stays and worse ones are dropped first, and counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from cekalwatch.camera.capture import Capture
from cekalwatch.camera.clock import Clock

OLDEST_EVERY = 4
"""After an outage the newest go first, for travellers still at the counter; each so manieth is the oldest, lest it
starve."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class _State(Enum):
    UNSENT = "unsent"
    IN_FLIGHT = "in flight"


@dataclass
class _Entry:
    capture: Capture
    put_s: float
    state: _State = _State.UNSENT
    not_before_s: float = 0.0
    retries: int = 0
    sent_s: float = 0.0


@dataclass(frozen=True)
class OutboxFigures:
    """What the outbox holds, and what it lost."""

    depth: int
    in_flight: int
    oldest_s: float
    """Age of the oldest capture; 0 when there is none."""
    oldest_in_flight_s: float
    """For how long the oldest capture under way has been waiting for its receipt; 0 when there is none."""
    waiting_s: float
    """For how long captures have been waiting without a single receipt; 0 when there is none."""
    dropped_total: int
    settled_total: int


class Outbox:
    """Filled by the vision thread, emptied by the uplink's; all methods are safe on any thread."""

    def __init__(self, size: int, clock: Clock) -> None:
        """`size`: captures that it holds at most, at least 1."""
        if size < 1:
            raise ValueError("an outbox needs room for at least one capture")
        self._size = size
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        """By capture id, oldest first."""
        self._lock = threading.Condition()
        self._closed = False
        self._takes = 0
        self._dropped = 0
        self._settled = 0
        self._last_settled_s = clock.monotonic_s()
        self._listeners: list[Callable[[], object]] = []

    def listen(self, on_change: Callable[[], object]) -> Callable[[], None]:
        """Have `on_change` called, on any thread, after each change; return what ends that."""
        with self._lock:
            self._listeners.append(on_change)

        def end() -> None:
            with self._lock:
                self._listeners.remove(on_change)

        return end

    def put(self, capture: Capture) -> None:
        """Add a capture; drop the least useful one if there is no room."""
        with self._lock:
            self._entries[capture.capture_id] = _Entry(capture, self._clock.monotonic_s())
            if len(self._entries) > self._size:
                del self._entries[self._least_useful()]
                self._dropped += 1
            self._changed()

    def wait_for_room(self) -> None:
        """Block until a capture can be added without a loss, or the outbox is closed."""
        with self._lock:
            self._lock.wait_for(lambda: self._closed or len(self._entries) < self._size)

    def close(self) -> None:
        """Let nobody wait for room any more."""
        with self._lock:
            self._closed = True
            self._changed()

    def take(self) -> Capture | None:
        """Return the next capture to send, which is then in flight; None when none can be sent now."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            ready = [e for e in self._entries.values() if e.state is _State.UNSENT and e.not_before_s <= now_s]
            if not ready:
                return None
            self._takes += 1
            entry = ready[0] if self._takes % OLDEST_EVERY == 0 else ready[-1]
            entry.state = _State.IN_FLIGHT
            entry.sent_s = now_s
            return entry.capture

    def next_ready_s(self) -> float | None:
        """Return in how many seconds the next unsent capture can be taken; None when there is none."""
        with self._lock:
            pauses = [e.not_before_s for e in self._entries.values() if e.state is _State.UNSENT]
            return max(0.0, min(pauses) - self._clock.monotonic_s()) if pauses else None

    def settle(self, capture_id: str) -> None:
        """Forget a capture: the server has dealt with it for good. An unknown one changes nothing."""
        with self._lock:
            if self._entries.pop(capture_id, None) is not None:
                self._settled += 1
                self._last_settled_s = self._clock.monotonic_s()
                self._changed()

    def retry_later(self, capture_id: str) -> None:
        """Make a capture unsent again after a pause that doubles each time. An unknown one changes nothing."""
        with self._lock:
            entry = self._entries.get(capture_id)
            if entry is not None and entry.state is _State.IN_FLIGHT:
                entry.state = _State.UNSENT
                pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(entry.retries, 30))
                entry.not_before_s = self._clock.monotonic_s() + pause_s
                entry.retries += 1
                self._changed()

    def return_in_flight(self) -> None:
        """Make all that is in flight unsent again: the connection is gone, and what the server got is unknown."""
        with self._lock:
            for entry in self._entries.values():
                entry.state = _State.UNSENT
            self._changed()

    def figures(self) -> OutboxFigures:
        """Return the state now."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            entries = list(self._entries.values())
            sent = [entry.sent_s for entry in entries if entry.state is _State.IN_FLIGHT]
            oldest_put_s = entries[0].put_s if entries else now_s
            return OutboxFigures(
                depth=len(entries),
                in_flight=len(sent),
                oldest_s=now_s - oldest_put_s,
                oldest_in_flight_s=now_s - min(sent, default=now_s),
                waiting_s=now_s - max(oldest_put_s, self._last_settled_s) if entries else 0.0,
                dropped_total=self._dropped,
                settled_total=self._settled,
            )

    def _least_useful(self) -> str:
        """Return what to drop: the worst of those that are not the best of their track, else the oldest."""
        best: dict[str, Capture] = {}
        for entry in self._entries.values():
            held = best.get(entry.capture.track_id)
            if held is None or entry.capture.quality.score > held.quality.score:
                best[entry.capture.track_id] = entry.capture
        others = [e for e in self._entries.values() if best[e.capture.track_id] is not e.capture]
        if not others:
            return next(iter(self._entries))
        # What is under way has probably arrived: dropping it would make no room on the server, but lose its receipt.
        return min(others, key=lambda e: (e.state is _State.IN_FLIGHT, e.capture.quality.score)).capture.capture_id

    def _changed(self) -> None:
        self._lock.notify_all()
        for listener in self._listeners:
            listener()
