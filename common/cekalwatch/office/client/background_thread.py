"""A thread that works for the time of a `with` block."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from cekalwatch.program.loops import LOOPS


class BackgroundThread(ABC):
    """What it does is `_round`, again and again, also after it failed; the end of the block waits for the last one."""

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
