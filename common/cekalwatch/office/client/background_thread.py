"""A thread that works for the time of a `with` block, and one that ends a call that has gone silent."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from cekalwatch.program.loops import LOOPS


class BackgroundThread(ABC):
    """It repeats `_round`, also after failures; the end of the block waits for the last round."""

    def __init__(self, name: str) -> None:
        self._ended = threading.Event()
        """Set when the block ends."""
        self._thread = threading.Thread(
            target=LOOPS.keep_here, args=(name, self._work, self._ended.wait), name=name, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._wake()
        self._thread.join()

    def _work(self) -> bool:
        return not self._ended.is_set() and self._round()

    @abstractmethod
    def _round(self) -> bool:
        """Work, in the thread, and return whether there is more; False soon after `_ended` was set."""

    def _wake(self) -> None:  # noqa: B027  # not every thread waits for something else than `_ended`
        """Let a round notice that `_ended` is set; called from another thread."""


class StreamWatchdog(BackgroundThread):
    """Calls `cancel` once, from its own thread, when an expected message does not arrive in time.

    A synchronous gRPC stream blocks until a message comes, and TCP does not tell for minutes that the other side is
    gone.
    """

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
