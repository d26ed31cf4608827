"""A thread that works for the time of a `with` block."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class BackgroundThread(ABC):
    """What it does is `_run`, which returns soon after `_end` was called; the end of the block waits for that."""

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """Work, in the thread."""

    @abstractmethod
    def _end(self) -> None:
        """Let `_run` return; called from another thread."""
