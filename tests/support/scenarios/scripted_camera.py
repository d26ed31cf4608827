"""A camera whose frames show nobody: the client's own outbox and uplink, and captures that a test puts into them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import uuid6

from cekalwatch.camera.clock import Clock, SystemClock
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd
from cekalwatch.camera.uplink.uplink import Link, Uplink
from cekalwatch.contract.values.captures import CameraHello, FaceCapture
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer

MAX_PAUSE_S = 1.0
"""Between two attempts to connect; a test has less time than a camera."""
FRAMES_EVERY_S = 0.5
FRAMES_AT_ONCE = 10


class ScriptedCamera:
    """The camera; `connected` runs it."""

    def __init__(self, camera_id: str, dialer: Dialer, size: int = 10_000, clock: Clock | None = None) -> None:
        self.camera_id = camera_id
        self.run_id = str(uuid6.uuid7())
        clock = clock or SystemClock()
        self.outbox = Outbox(size, clock)
        self.unusable: deque[UnusablePassage] = deque()
        self._statistics = CameraStatistics(self.outbox, clock)
        self._uplink = Uplink(
            Link(dialer, CameraHello(camera_id, self.run_id, "test")),
            CameraEnd(self.outbox, self._statistics, unusable=self.unusable),
            lambda _: None,
            Backoff(most_s=MAX_PAUSE_S),
        )

    def put(self, captures: Iterable[FaceCapture]) -> None:
        """Let them be sent."""
        for capture in captures:
            self.outbox.put(capture)

    async def until_settled(self, total: int, within_s: float = 120.0) -> None:
        """Wait until `total` captures have had their receipt since the beginning."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        end = self.outbox.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            async with asyncio.timeout(within_s):
                while self.outbox.statistics().settled_total < total:
                    await changed.wait()
                    changed.clear()
        finally:
            end()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[ScriptedCamera]:
        """Keep its stream up for the time of the block; a refusal of the server ends the block."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._uplink.run(stop))
            watching = tasks.create_task(self._watch())
            try:
                yield self
            finally:
                watching.cancel()
                stop.set()

    async def _watch(self) -> None:
        """Count frames, as a camera that works does: one that has none is a problem after three seconds."""
        while True:
            for _ in range(FRAMES_AT_ONCE):
                self._statistics.count_frame(passages_total=0)
            await asyncio.sleep(FRAMES_EVERY_S)
