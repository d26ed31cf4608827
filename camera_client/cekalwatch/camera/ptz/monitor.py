"""Follows where a camera that can be turned looks, and whether that is the preset of this camera key."""

from __future__ import annotations

import asyncio

import structlog

from cekalwatch.camera.clock import set_within
from cekalwatch.camera.ptz.onvif import OnvifCamera, OnvifError, Preset, PtzStatus, opened
from cekalwatch.camera.settings import Turnable
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.wire.backoff import Backoff

PERIOD_S = 0.5
"""How often the camera is asked where it looks."""

log = structlog.get_logger()


class PtzMonitor:
    """Of one camera key. `run` belongs to the event loop; `preset_status` may be read on any thread."""

    def __init__(
        self, turnable: Turnable, password: str, *, period_s: float = PERIOD_S, backoff: Backoff | None = None
    ) -> None:
        self.preset_status = PresetStatus.NOT_ASKED
        self._turnable = turnable
        self._password = password
        self._period_s = period_s
        self._backoff = backoff or Backoff(first_s=1.0, most_s=60.0)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the camera until `stop`; whatever fails is tried again."""
        while not stop.is_set():
            try:
                async with opened(self._turnable, self._password) as camera:
                    await self._follow(camera, stop)
            except OnvifError as error:
                self.preset_status = PresetStatus.UNKNOWN
                delay_s = self._backoff.next_delay_s()
                log.warning("mount_lost", problem=str(error), retry_in_s=round(delay_s, 1))
                await set_within(stop, delay_s)

    async def _follow(self, camera: OnvifCamera, stop: asyncio.Event) -> None:
        preset = await camera.preset(self._turnable.preset)
        log.info("mount_connected", preset=self._turnable.preset)
        self._backoff.reset()
        while True:
            status = preset_status(await camera.status(), preset)
            if status is not self.preset_status:
                log.info("mount_turned", preset_status=status.name.lower())
                self.preset_status = status
            if await set_within(stop, self._period_s):
                return


async def arrive(camera: OnvifCamera, preset: Preset, period_s: float = PERIOD_S) -> None:
    """Turn to a preset, and return when the camera rests there. Raises OnvifError."""
    await camera.turn_to(preset)
    while True:
        now = await camera.status()
        if not now.moves and preset_status(now, preset) is not PresetStatus.AWAY:
            return
        await asyncio.sleep(period_s)


def preset_status(now: PtzStatus, preset: Preset) -> PresetStatus:
    """Return whether a camera that looks like this `now` is at `preset`."""
    if now.moves:
        return PresetStatus.AWAY
    if now.position is None or preset.position is None:
        return PresetStatus.UNKNOWN
    return PresetStatus.AT_PRESET if now.position.is_near(preset.position) else PresetStatus.AWAY
