"""The events that the integrator has not acknowledged yet, held in memory and bounded.

One subscription fills it, without a person: so what it holds names nobody. The server keeps what is acknowledged;
after a restart what was held comes again.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from cekalwatch.client.alert_stream import AlertStream
from cekalwatch.gateway.messages import Event

MAX_HELD: Final = 1000
"""When as many wait, no more are read: the server keeps the others."""


class PositionError(Exception):
    """A cursor or an acknowledgement beyond all that there is."""


class HeldEvents:
    """Any thread may read and acknowledge; one fills it."""

    def __init__(self, stream: AlertStream) -> None:
        self.stream = stream
        self._held: deque[Event] = deque()
        self._last = -1
        """The last one that was put in or acknowledged."""
        self._changed = threading.Condition()
        self._stopped = False

    @property
    def count(self) -> int:
        """How many wait to be acknowledged."""
        return len(self._held)

    def fill(self) -> bool:
        """Read the subscription until `stop`; for `LOOPS.keep_here`."""
        for event in self.stream.events():
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or len(self._held) < MAX_HELD)
                if self._stopped:
                    break
                if event.sequence <= self._last:  # another log
                    self._held.clear()
                self._last = event.sequence
                self._held.append(Event.of(event))
                self._changed.notify_all()
        return not self._stopped

    def after(self, cursor: int | None, limit: int, wait_s: float) -> list[Event]:
        """Return at most `limit` events after `cursor`, or after the acknowledged ones; raises PositionError.

        While there is none, it waits for `wait_s` seconds at most.
        """

        def found() -> list[Event]:
            return [one for one in self._held if cursor is None or one.sequence > cursor][:limit]

        with self._changed:
            if cursor is not None and cursor > max(self._last, self.stream.head_sequence):
                raise PositionError
            self._changed.wait_for(lambda: self._stopped or found(), wait_s)
            return found()

    def acknowledge(self, sequence: int) -> None:
        """Note that all up to `sequence` are handled, and tell the server; raises PositionError for what never came."""
        with self._changed:
            if sequence > self._last:
                raise PositionError
            while self._held and self._held[0].sequence <= sequence:
                self._held.popleft()
            self._changed.notify_all()
        self.stream.acknowledge(sequence)

    def stop(self) -> None:
        """End `fill`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.stream.stop()
