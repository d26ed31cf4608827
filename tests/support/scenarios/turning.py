"""A camera that can be turned, with a key for each of two presets, and its monitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from pathlib import Path

from cekalwatch.camera.ptz.monitor import ANSWER_HOLDS_S, PtzMonitor
from cekalwatch.camera.ptz.tour import ManualTurn, write_turn
from cekalwatch.camera.settings import Turnable
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.wire.backoff import Backoff
from tests.support.builders.camera import ManualClock
from tests.support.fakes.alert_server import wait_for
from tests.support.fakes.onvif_device import PASSWORD, USER, OnvifDevice

UNKNOWN, NOT_REACHED = PresetStatus.UNKNOWN, PresetStatus.NOT_REACHED
AT_PRESET, AWAY = PresetStatus.AT_PRESET, PresetStatus.AWAY
DEPARTURES, ARRIVALS = (-0.5, 0.1, 0.2), (0.5, 0.1, 0.2)


def at(device: OnvifDevice, preset: str = "departures") -> Turnable:
    return Turnable(address=device.address, user=USER, preset=preset)


class Losses(Backoff):
    """Counts how often the monitor lost its camera."""

    count = 0

    def next_delay_s(self) -> float:
        self.count += 1
        return super().next_delay_s()


class Mount:
    """A device with two keys, a clock that the test sets, and a monitor."""

    def __init__(self, device: OnvifDevice, folder: Path) -> None:
        self.device = device
        self.folder = folder
        self.clock = ManualClock()
        self.passing: set[str] = set()
        self.losses = Losses(first_s=0.05, most_s=0.1)

    @asynccontextmanager
    async def followed(self, *, arr_hours: tuple[str, ...] = (), **options: object) -> AsyncIterator[None]:
        """Run the monitor; `options` are settings of both keys."""
        presets: dict[str, dict[str, object]] = {
            "dep": {"preset": "departures"},
            "arr": {"preset": "arrivals", "hours": arr_hours},
        }
        common = {"address": self.device.address, "user": USER, "settle_seconds": 0, **options}
        self.monitor = PtzMonitor(
            {key: Turnable.model_validate(common | own) for key, own in presets.items()},
            PASSWORD,
            self.clock,
            turns_folder=self.folder,
            under_way=lambda key: key in self.passing,
            zone=UTC,
            period_s=0.02,
            backoff=self.losses,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(self.monitor.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)

    @property
    def statuses(self) -> tuple[PresetStatus, PresetStatus]:
        return self.monitor.preset_status("dep"), self.monitor.preset_status("arr")

    async def until(self, dep: PresetStatus, arr: PresetStatus) -> None:
        await until(lambda: self.statuses == (dep, arr))

    async def is_away(self) -> None:
        """Let it not answer for too long, and answer again."""
        self.device.stop()
        self.clock.passed_s += ANSWER_HOLDS_S + 0.1
        await self.until(dep=UNKNOWN, arr=UNKNOWN)
        await until(lambda: self.losses.count > 0)
        self.device.start()

    async def passes(self, seconds: float) -> None:
        """Let time pass once the monitor has noted what it did: its clock must not jump in the middle of a step."""
        await self.answers()
        self.clock.passed_s += seconds

    async def answers(self) -> None:
        """Wait until the monitor has asked, and acted, twice."""
        asked = self.device.asked.count("GetStatus")
        await until(lambda: self.device.asked.count("GetStatus") >= asked + 3)

    def person_turns_it_to(self, preset: str, minutes: float | None = None) -> None:
        now = self.clock.now()
        until = None if minutes is None else now + timedelta(minutes=minutes)
        write_turn(self.folder, self.device.address.removeprefix("http://"), ManualTurn(preset, now, until))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other tasks and threads bring about."""
    await asyncio.to_thread(wait_for, condition)
