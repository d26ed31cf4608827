"""Detects a hanging vision thread, and reports to the service manager that the program works while none hangs.

A thread that hangs in native code cannot be ended from outside, and its resources are lost. So the program ends, with
an exit code that says why, and is started again; captures wait on the disk. A source without frames never ends the
program: it is reopened again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from cekalwatch.camera.clock import set_within
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.service import ServiceManager

HANGS_AFTER_S = 30.0
"""No frame takes so long: detection takes some milliseconds, and a JPEG one."""
PERIOD_S = 5.0

log = structlog.get_logger()


class Watched(Protocol):
    """A camera that may hang."""

    @property
    def camera_id(self) -> str:
        """Its key."""

    @property
    def busy_s(self) -> float:
        """For how long it has been at one frame; 0 while it waits for one."""

    @property
    def summary(self) -> str:
        """Its state in a few words."""


async def watch_over(
    cameras: Callable[[], Iterable[Watched]],
    service: ServiceManager,
    stop: asyncio.Event,
    *,
    hangs_after_s: float = HANGS_AFTER_S,
    period_s: float = PERIOD_S,
) -> None:
    """Watch until `stop`; raises ProgramError when a camera hangs."""
    period_s = min(period_s, service.watchdog_s / 3) if service.watchdog_s else period_s
    hanging: list[Watched] = []

    async def look() -> bool:
        hanging.extend(camera for camera in cameras() if camera.busy_s > hangs_after_s)
        if hanging:
            return False
        service.alive("; ".join(f"{camera.camera_id} {camera.summary}" for camera in cameras()))
        return not await set_within(stop, period_s)

    await LOOPS.keep("watch over cameras", look)
    for camera in hanging:
        log.error("vision_hangs", camera_id=camera.camera_id, busy_s=round(camera.busy_s, 1))
        raise ProgramError(
            f"The vision thread of {camera.camera_id} hangs; the program ends to be started again", Exit.HANGS
        )
