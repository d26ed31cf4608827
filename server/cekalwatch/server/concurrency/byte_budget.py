"""A memory budget in bytes that many calls share: a call that needs more than is free waits, in order of arrival.

It knows nothing of what the bytes are for. Taking never exceeds the total, so that no number of callers at once can use
more memory than that.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from cekalwatch.server.foundation.errors import CekalwatchError, Code


class ByteBudget:
    """At most `total` bytes taken at once; waiting longer than `wait_s` seconds raises SERVER_BUSY. Any thread."""

    def __init__(self, total: int, wait_s: float) -> None:
        self.total = total
        self._wait_s = wait_s
        self._free = total
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        """Bytes that are free."""
        return self._free

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Have `amount` bytes for the time of the block; the thread waits for its turn."""
        turn = self._ask(amount)
        try:
            turn.result(self._wait_s)
        except TimeoutError:
            self._withdraw(amount, turn)
            raise CekalwatchError(Code.SERVER_BUSY, f"{amount} bytes") from None
        try:
            yield
        finally:
            self.give_back(amount)

    async def take(self, amount: int) -> None:
        """Take `amount` bytes, which `give_back` returns; the event loop runs while the caller waits."""
        turn = self._ask(amount)
        try:
            async with asyncio.timeout(self._wait_s):
                # Shielded: a turn that comes in the same moment as the cancellation must not be lost.
                await asyncio.shield(asyncio.wrap_future(turn))
        except TimeoutError:
            self._withdraw(amount, turn)
            raise CekalwatchError(Code.SERVER_BUSY, f"{amount} bytes") from None
        except asyncio.CancelledError:
            self._withdraw(amount, turn)
            raise

    def give_back(self, amount: int) -> None:
        """Return `amount` bytes; the longest-waiting caller is next."""
        with self._lock:
            self._free += amount
            self._serve()

    def _ask(self, amount: int) -> Future[None]:
        if not 0 <= amount <= self.total:
            raise ValueError(f"{amount} bytes can never be taken of {self.total}")
        turn: Future[None] = Future()
        with self._lock:
            self._waiting.append((amount, turn))
            self._serve()
        return turn

    def _withdraw(self, amount: int, turn: Future[None]) -> None:
        with self._lock:
            if (amount, turn) in self._waiting:
                self._waiting.remove((amount, turn))
            else:
                self._free += amount
            self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            amount, turn = self._waiting.popleft()
            self._free -= amount
            turn.set_result(None)
