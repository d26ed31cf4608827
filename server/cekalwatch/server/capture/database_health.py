"""Whether the database takes alerts now: one answer for all captures, whether they alerted or not (domain rule 13)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

TryWrite = Callable[[bool], Awaitable[None]]
"""Commits something; something as large as an alert when it is given True. Raises when it cannot."""


class DatabaseHealth:
    """What the last writes said; only the event loop's thread uses it. Moments are the loop's seconds."""

    def __init__(self, try_write: TryWrite, period_s: float) -> None:
        """`period_s`: minimum time between the beginnings of two of its own writes.

        Beside a camera that never pauses, a capture waits for the rest of one write and the whole of the next.
        """
        self._try_write = try_write
        self._period_s = period_s
        self._expected: deque[float] = deque()
        self._called = asyncio.Event()
        self._ended = asyncio.Event()
        """Set when the present write ends, and replaced."""
        self._sound_s = float("-inf")
        """When the last write began that succeeded."""
        self._failed_s = float("-inf")
        self.well = True
        """False from a failed write until one succeeds that is as large as an alert."""

    def expect(self, moment_s: float) -> None:
        """Request a write at `moment_s` or soon after; `moment_s` is not before earlier requests."""
        self._expected.append(moment_s)
        self._called.set()

    def expect_soon(self) -> None:
        """Request a write now, unless one is expected already, so that the state is known even without travellers."""
        if not self._expected:
            self.expect(asyncio.get_running_loop().time())

    async def written_since(self, moment_s: float) -> bool:
        """Request a write, and return whether one that began at `moment_s` or later succeeded, and not failed."""
        self.expect_soon()
        while not self.sound_since(moment_s):
            if self.failed_since(moment_s):
                return False
            ended = self._ended
            await ended.wait()
        return True

    def sound_since(self, moment_s: float) -> bool:
        """Whether a write that began at `moment_s` or later has succeeded."""
        return self._sound_s >= moment_s

    def failed_since(self, moment_s: float) -> bool:
        """Whether a write has failed at `moment_s` or later."""
        return self._failed_s >= moment_s

    def note_failure(self, problem: str) -> None:
        """Note that something could not be committed."""
        self._failed_s = asyncio.get_running_loop().time()
        if self.well:
            log.error("database_unwell", problem=problem)
        self.well = False
        self._called.set()

    async def write_expected(self) -> None:
        """Wait until a write is due, which is always so while the database is not well, and write."""
        loop = asyncio.get_running_loop()
        while not self._expected and self.well:
            self._called.clear()
            await self._called.wait()
        moment_s = self._expected[0] if self._expected and self.well else loop.time()
        await asyncio.sleep(max(0.0, moment_s - loop.time()))
        begun_s = loop.time()
        await self._write(begun_s)
        self._ended.set()
        self._ended = asyncio.Event()
        while self._expected and self._expected[0] <= begun_s:
            self._expected.popleft()
        await asyncio.sleep(begun_s + self._period_s - loop.time())

    async def _write(self, begun_s: float) -> None:
        was_well = self.well
        try:
            await self._try_write(not was_well)
        except Exception as error:  # noqa: BLE001  # whatever it is, an alert could not be committed either
            self.note_failure(str(error) or type(error).__name__)
            return
        self._sound_s = begun_s
        if not was_well and not self.failed_since(begun_s):
            self.well = True
            log.info("database_well")
