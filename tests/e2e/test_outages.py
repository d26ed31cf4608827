"""A server that is away, and power cuts at the capture host: what waits on its disk arrives late, once, and leaves it.

Server and camera run as processes and are ended by SIGKILL. The camera is the client's own without its pictures.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.repository import ROOT
from tests.support.scenarios import spooling_camera
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.scenarios.spooling_camera import LISTED, STRANGER
from tests.support.scenarios.spools import wait_until
from tests.support.tools.forked_async import PIPE, ForkedAsync
from tests.support.tools.packs import light_pack
from tests.support.tools.raw_files import JFIF, folder_bytes, shown

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_programs")]

CAMERA = "gate-1"
SPILL_AFTER_S = 0.2
SURE_AFTER_S = 3.0
"""What had waited for so long when the camera was killed cannot be lost: SPILL_AFTER_S, a round of the spooler, and the
disk of a busy machine."""
LATE_AFTER_S = 5.0
CAMERA_LIVES = 3
SERVER_LIVES = 2
PASSAGES = 6
MAX_CROPS = 3
END_S = 90.0


@dataclass
class CaptureHost:
    """The camera's machine: its disk, and the process that runs on it."""

    stack: Stack
    folder: Path
    taken: dict[str, float] = field(default_factory=dict)
    """When each capture was taken, by its id; seconds of the monotonic clock."""
    _process: ForkedAsync | None = None

    async def start(self) -> None:
        tls_dir = await asyncio.to_thread(self.stack.certificate, DeviceRole.CAMERA, CAMERA)
        self.stack.logs.mkdir(exist_ok=True)
        with (self.stack.logs / "camera.log").open("ab") as log:
            self._process = await ForkedAsync.started(
                spooling_camera.__name__,
                *(CAMERA, self.stack.address, str(tls_dir), str(self.folder), str(SPILL_AFTER_S)),
                environment=os.environ,
                folder=ROOT,
                stdin=PIPE,
                stderr=log,
            )

    async def see(self, track: str, score: float, person: str) -> str:
        """Let it take a crop; return the capture's id."""
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{track} {score} {person}\n".encode())
        async with asyncio.timeout(END_S):
            capture_id = (await self._process.stdout.readline()).decode().strip()
        assert capture_id, "the camera has ended"
        self.taken[capture_id] = time.monotonic()
        return capture_id

    async def kill(self) -> set[str]:
        """Cut its power; return the ids of what it may have lost."""
        assert self._process
        killed_s = time.monotonic()
        await self._process.close()
        return {key for key, taken_s in self.taken.items() if killed_s - taken_s < SURE_AFTER_S}

    async def end(self) -> None:
        assert self._process
        if self._process.returncode is None:
            await asyncio.wait_for(self._process.communicate(), 30)

    @property
    def on_disk(self) -> set[str]:
        return {file.stem for file in (self.folder / "spool" / CAMERA).glob("*.capture")}


@asynccontextmanager
async def site(folder: Path, **more: float) -> AsyncIterator[tuple[Stack, CaptureHost]]:
    """A server with one listed person, and a capture host that does not run yet."""
    list_astronaut(settings(folder / "server"))
    server: dict[str, float | str] = {
        "threshold": 0.45,
        "threads": 2,
        "inference": "onnxruntime",
        "heartbeat_period_seconds": 0.5,
        "session_idle_minutes": 480,
        "escalate_after_seconds": 3600,  # on a busy machine alerts would go up, which is no sighting
    }
    # Certificates have tests of their own, and each costs the start of a program.
    transport = Transport.PLAINTEXT
    config = StackConfig(
        folder,
        light_pack().parent,
        (CameraPlan(CAMERA),),
        model_pack="light",
        transport=transport,
        settings=server | more,
    )
    stack = Stack(config)
    await asyncio.to_thread(stack.__enter__)
    host = CaptureHost(stack, folder / "host")
    try:
        yield stack, host
    finally:
        if host._process:
            await host._process.close()
        await asyncio.to_thread(stack.__exit__, None, None, None)


async def all_sent(stack: Stack, host: CaptureHost) -> None:
    """Wait until the camera has told the server that nothing waits any more."""

    def told() -> bool:
        (camera,) = stack.status().cameras
        return camera.connected and not (camera.outbox_depth or camera.spool.depth or host.on_disk)

    await asyncio.to_thread(wait_until, told, END_S)


async def test_what_a_camera_saw_while_the_server_was_away_alerts_late_also_after_a_power_cut(tmp_path: Path) -> None:
    async with site(tmp_path, late_after_seconds=LATE_AFTER_S, grouping_window_seconds=0) as (stack, host):
        await host.start()
        first = await host.see("0", 0.8, LISTED)  # the server's first inference, and the connection, take their time
        await asyncio.to_thread(wait_until, lambda: stack.status().head_sequence == 1, END_S)
        in_time = await host.see("1", 0.8, LISTED)
        await asyncio.to_thread(wait_until, lambda: stack.status().head_sequence == 2, END_S)
        await all_sent(stack, host)  # receipts come after the alerts
        await asyncio.to_thread(stack.server.kill)
        seen_from = datetime.now(UTC)
        late = {await host.see("2", 0.6, LISTED), await host.see("2", 0.9, LISTED)}
        stranger = await host.see("3", 0.9, STRANGER)
        seen_until = datetime.now(UTC)
        await asyncio.to_thread(wait_until, lambda: host.on_disk == {*late, stranger}, END_S)
        assert shown(folder_bytes(host.folder), [JFIF]) == []
        await host.kill()
        await host.start()
        await asyncio.sleep(LATE_AFTER_S - (datetime.now(UTC) - seen_from).total_seconds())
        await asyncio.to_thread(stack.start_server)
        await all_sent(stack, host)
        (camera,) = stack.status().cameras
        assert camera.spool.state == capture_pb2.SPOOL_STATE_READY
        assert camera.dropped_total == 0
        events = stack.event_log()
        await host.end()
    assert {event.capture_id for event in events} == {first, in_time, *late}
    assert [event.alert.late for event in events[1:]] == [False, True, True]
    times = {one.capture_id: one.capture_time.ToDatetime(UTC) for one in events[-1].alert.sightings}
    assert times.keys() == late, "both crops of the second passage are of one alert"
    assert all(seen_from <= moment <= seen_until for moment in times.values())


async def test_kills_of_server_and_camera_lose_no_passage_and_alert_none_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("CEKALWATCH_TEST_SEED", secrets.randbelow(2**32)))
    print(f"CEKALWATCH_TEST_SEED={seed}")  # noqa: T201  # pytest shows it when the test fails
    chance = random.Random(seed)  # noqa: S311  # moments, no secrets
    listed: dict[str, set[str]] = defaultdict(set)
    strangers: set[str] = set()
    unsure: set[str] = set()
    async with site(tmp_path, grouping_window_seconds=0) as (stack, host):
        killing = asyncio.create_task(kill_server(stack, chance))
        for life in range(CAMERA_LIVES):
            if life:
                unsure |= await host.kill()
            await host.start()
            for number in range(PASSAGES):
                track = f"{number}"  # numbered anew in each life, as the client's tracks are
                if chance.random() < 0.2:
                    strangers.add(await host.see(track, 0.8, STRANGER))
                    continue
                for _ in range(chance.randint(1, MAX_CROPS)):
                    listed[f"{life}/{track}"].add(await host.see(track, chance.random(), LISTED))
                await asyncio.sleep(chance.uniform(0, 0.4))
            # The first life ends when all it took is safe, the others at any moment.
            await asyncio.sleep(SURE_AFTER_S if not life else chance.choice((0, chance.uniform(0, 2))))
        async with asyncio.timeout(END_S):
            await killing
        await all_sent(stack, host)
        (camera,) = stack.status().cameras
        assert camera.dropped_total == 0
        events = stack.event_log()
        await host.end()

    alerted = [event.capture_id for event in events]
    assert len(alerted) == len(set(alerted)), "a capture was recorded twice"
    assert not strangers & set(alerted)
    certain = set().union(*listed.values()) - unsure
    assert certain <= set(alerted), "captures were lost"
    assert len(certain) > len(host.taken) / 3, "nearly all were taken just before a kill: nothing was shown"
    alert_of = {event.capture_id: event.alert.alert_id for event in events}
    alerts = [{alert_of[key] for key in captures & alert_of.keys()} for captures in listed.values()]
    assert [found for found in alerts if len(found) > 1] == [], "a passage alerted twice"
    assert len(set().union(*alerts)) == sum(map(len, alerts)), "two passages were taken for one"


async def kill_server(stack: Stack, chance: random.Random) -> None:
    """Kill the server again and again; its last life goes on."""
    for _ in range(SERVER_LIVES - 1):
        await asyncio.sleep(chance.uniform(0, 3))
        await asyncio.to_thread(stack.server.kill)
        await asyncio.sleep(chance.uniform(0, 3))
        await asyncio.to_thread(stack.start_server)
