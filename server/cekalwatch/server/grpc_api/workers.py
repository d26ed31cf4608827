"""Some threads for long calls, so that recognition and other calls do not wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.errors import Context

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


_END: Any = object()


class LongCall:
    """One call. When its client is gone, `ended` tells the running work."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._stepping = threading.Lock()
        self._steps: Generator[Any, None, None] | None = None
        self.ended = False

    async def do(self, work: Callable[[], _T]) -> _T:
        """Return what blocking `work` does."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def each(self, steps: Generator[_T, None, None]) -> AsyncIterator[_T]:
        """Yield what a blocking generator does, a step at a time; it is closed when the call has ended."""
        self._steps = steps
        while (found := await self.do(self._step)) is not _END:
            yield found

    def end(self) -> None:
        """Let the work know, and close the generator; to be called from the event loop, once."""
        self.ended = True
        self._pool.submit(self._close)

    def _step(self) -> Any:  # noqa: ANN401  # whatever the generator yields
        with self._stepping:
            return _END if self._steps is None or self.ended else next(self._steps, _END)

    def _close(self) -> None:
        with self._stepping:
            if self._steps is not None:
                self._steps.close()


class LongCalls:
    """Bounds how many there are; only the event loop's thread uses it."""

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most + 1, name)  # one for closing
        self._most = most
        self._open: set[LongCall] = set()

    def begin(self, context: Context) -> LongCall:
        """Return a call that lasts as long as `context`; raises SERVER_BUSY when there are too many."""
        if len(self._open) >= self._most:
            raise CekalwatchError(Code.SERVER_BUSY, f"{self._most} long calls")
        call = LongCall(self._pool)
        self._open.add(call)

        # When a client vanishes, gRPC may not resume the method; only the call's done callback is sure to run.
        def ended(_: object) -> None:
            if call in self._open:
                self._open.remove(call)
                call.end()

        context.add_done_callback(ended)  # type: ignore[arg-type]  # the stub's protocol fits no function
        return call

    def close(self) -> None:
        """End the running work."""
        for call in self._open:
            call.end()
        self._open.clear()
        self._pool.shutdown()
