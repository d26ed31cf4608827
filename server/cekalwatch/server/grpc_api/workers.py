"""Threads for calls that take long, few at once, so that recognition need not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cekalwatch.server.domain.errors import CekalwatchError, Code

PASSWORDS_AT_ONCE = 2
"""Each takes 64 MiB and a core for a tenth of a second, and recognition must not wait."""
MAX_WAITING = 32

_T = TypeVar("_T")


class Workers:
    """Workers with a queue of bounded length; only the event loop's thread uses it."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._inside = 0

    async def do(self, work: Callable[[], _T]) -> _T:
        """Run blocking `work` and return its result; raises SIGN_IN_BUSY when too many wait."""
        if self._inside >= MAX_WAITING:
            raise CekalwatchError(Code.SIGN_IN_BUSY)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1

    def close(self) -> None:
        """Wait for running work."""
        self._pool.shutdown()
