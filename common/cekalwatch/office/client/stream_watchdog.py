"""Ends a call that has gone silent. It knows nothing of alerts.

A synchronous gRPC stream blocks until a message comes, and TCP does not tell for minutes that the other side is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cekalwatch.office.client.background_thread import BackgroundThread


class StreamWatchdog(BackgroundThread):
    """Calls `cancel` once, from its own thread, when what was expected did not come in time."""

    def __init__(self, cancel: Callable[[], object]) -> None:
        super().__init__("silence-watch")
        self._cancel = cancel
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._fired = False

    @property
    def fired(self) -> bool:
        """Whether the call was ended for its silence."""
        with self._changed:
            return self._fired

    def expect_within(self, seconds: float) -> None:
        """Expect a message within `seconds` from now; an earlier expectation is replaced."""
        self._set(time.monotonic() + seconds)

    def pause(self) -> None:
        """Expect nothing, while this side is busy with a message."""
        self._set(None)

    def _set(self, deadline: float | None) -> None:
        with self._changed:
            self._deadline = deadline
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _round(self) -> bool:
        with self._changed:
            while not self._ended.is_set():
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is not None and left <= 0:
                    self._fired = True
                    break
                self._changed.wait(left)
        if self._fired:
            self._cancel()
        return False
