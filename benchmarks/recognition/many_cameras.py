"""How late alerts are with a hundred cameras of a face a second each and with more, and what idle streams cost.

    python -m benchmarks.recognition.many_cameras [SECONDS]

A real server process in plaintext on loopback, pack `standard`, 10,000 listed; this process plays the cameras and the
agent. One camera sees a listed person each second, and each of these passages makes an alert, which another process
settles. The delay is from the writing of the crop to the event at the agent. Beginning and end are compared at the same
pace of the machine (`soak/pace.py`).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import grpc
import psutil
import uuid6

from benchmarks.recognition.learning.settling import settled_all_along
from benchmarks.recognition.server_throughput import CHOICE, PACK, database_with_gallery
from benchmarks.security.receipts import OTHER, OWN_CONNECTION, Camera, crop, fresh
from benchmarks.soak.pace import MachinePace
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import alert_service_pb2, capture_pb2, capture_service_pb2, capture_service_pb2_grpc
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.vision.manifest import load_pack
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.portraits import astronaut, group
from tests.support.builders.watchlist import subject
from tests.support.scenarios.server import jpeg, order_in_force

CAMERAS = 100
SECONDS = 600
CROWDS = (200, 300, 400)
CROWD_S = 60.0
"""How many cameras more a server of this machine may have, and how long each number is tried."""
ENDS_S = 120.0
"""How much of the beginning and of the end is compared."""
LATE_S = 5.0
"""How long the last events may take."""
LOOK_S = 2.0
IDLE = 1_000
IDLE_S = 30.0


class Passages:
    """When listed people's crops were sent, and how much later their alerts came."""

    def __init__(self) -> None:
        self.sent_s: dict[str, float] = {}
        self.delays_ms: dict[float, float] = {}
        """By the moment of sending."""

    async def listen(self, address: str, ready: asyncio.Event) -> None:
        """Read the events as an agent."""
        async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as channel:
            # The generated stubs are typed for one kind of channel only.
            stub: Any = AlertServiceStub(channel)
            call = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1"))
            while True:
                message = await call.read()
                if message.HasField("subscribed"):
                    ready.set()
                for sighting in message.event.alert.sightings:
                    sent_s = self.sent_s.pop(sighting.capture_id, None)
                    if sent_s is not None:
                        self.delays_ms[sent_s] = (time.perf_counter() - sent_s) * 1000


async def play(stack: Stack, seconds: float) -> Passages:
    """Let all cameras see a face a second, and return what became of the listed ones."""
    passages, ready = Passages(), asyncio.Event()
    listening = asyncio.create_task(passages.listen(stack.address, ready))
    await ready.wait()
    listed, other = crop(astronaut(0.8)), crop(group())
    count = len(stack.config.cameras)
    begun = time.perf_counter()

    async def see(number: int, face: capture_pb2.FaceCapture) -> None:
        async with Camera.connected(stack.address, stack.config.cameras[number].camera_id) as camera:
            for second in range(round(seconds)):
                await asyncio.sleep(max(0.0, begun + second + number / count - time.perf_counter()))
                made = fresh(face)
                if face is listed:
                    passages.sent_s[made.capture_id] = time.perf_counter()
                await camera.send([(OTHER, made)], 0.0, 0)

    await asyncio.gather(*(see(number, other if number else listed) for number in range(count)))
    await asyncio.wait([listening], timeout=LATE_S)
    listening.cancel()
    return passages


async def idle(stack: Stack, plans: Sequence[CameraPlan], process: psutil.Process) -> float:
    """Return the megabytes that the server grows by with a stream of each camera open."""
    before = process.memory_info().rss
    async with AsyncExitStack() as streams:
        calls = []
        for plan in plans:
            channel = await streams.enter_async_context(
                grpc.aio.insecure_channel(stack.address, options=OWN_CONNECTION)
            )
            call: Any = capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces()
            hello = capture_service_pb2.Hello(
                camera_id=plan.camera_id, client_version="bench", run_id=str(uuid6.uuid7())
            )
            await call.write(capture_service_pb2.StreamFacesRequest(hello=hello))
            welcome = (await call.read()).welcome
            calls.append(call)
            if len(calls) % 100 == 0:
                await beat(calls)
        period_s = welcome.heartbeat_period.ToTimedelta().total_seconds()
        until = time.perf_counter() + IDLE_S
        while time.perf_counter() < until:
            await beat(calls)
            await asyncio.sleep(period_s / 2)
        connected = sum(camera.connected for camera in stack.status().cameras)
        if connected != len(plans):
            raise RuntimeError(f"{connected} of {len(plans)} streams are open")
        return (process.memory_info().rss - before) / 1e6


async def beat(calls: Sequence[Any]) -> None:
    """Send a heartbeat on each stream."""
    message = capture_service_pb2.StreamFacesRequest(heartbeat=capture_service_pb2.Heartbeat(frames_per_second=15))
    message.client_time.FromDatetime(datetime.now(UTC))
    await asyncio.gather(*(call.write(message) for call in calls))


@dataclass(frozen=True)
class Look:
    """The server and the machine at a moment."""

    memory_mb: float
    """RSS."""
    used_s: float
    """Processor time since it began."""
    loop_ms: float
    """What the same loop takes the machine; see `MachinePace`."""


@contextmanager
def watched(process: psutil.Process, pace: MachinePace) -> Iterator[list[Look]]:
    """Look at a process and at the machine each LOOK_S for the time of the block."""
    over, seen = threading.Event(), list[Look]()

    def look() -> None:
        while not over.wait(LOOK_S):
            used_s = sum(process.cpu_times()[:2])
            seen.append(Look(process.memory_info().rss / 1e6, used_s, pace.take().loops.p50_ms))

    looking = threading.Thread(target=look)
    pace.start()
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()
        pace.close()


def growth(seen: Sequence[float]) -> float:
    """Return by what share the median of the last quarter is above that of the second one."""
    quarter = len(seen) // 4
    return median(seen[-quarter:]) / median(seen[quarter : 2 * quarter]) - 1


def cores(seen: Sequence[Look]) -> float:
    """Return how many cores the server took."""
    return (seen[-1].used_s - seen[0].used_s) / (LOOK_S * (len(seen) - 1))


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return sorted(values)[int(0.95 * len(values))]


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """Return the figures `server.…_100_cameras`, `server.p95_ms_…_cameras` and `server.rss_1000_idle_streams_mb`."""
    engine = open_engine(load_pack(PACK), 1, CHOICE)
    cameras = tuple(CameraPlan(f"camera-{number}", f"C{number}") for number in range(IDLE))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database, keys = database_with_gallery(folder, engine)
        photo = jpeg(astronaut(1.0), 95)
        enrolled = Enroller(engine.detector, engine.recogniser).enrol(photo)
        reference = NewReference.of(enrolled, photo, engine.recogniser.model_version, enrolled.template)
        WatchlistStore(database, keys).put(subject(nationality="USA"), order_in_force(), [reference])
        database.close()

        def site(count: int) -> StackConfig:
            return StackConfig(
                folder,
                PACK.parent,
                cameras[:count],
                model_pack=PACK.name,
                transport=Transport.PLAINTEXT,
                settings={
                    "grouping_window_seconds": 0,
                    "escalate_after_seconds": 3600,
                    "connections_per_address": 2 * IDLE,
                },
            )

        with Stack(site(CAMERAS)) as stack, settled_all_along(folder / "server"):
            process = psutil.Process(stack.server.pid)
            asyncio.run(play(stack, 10.0))  # warm
            with watched(process, MachinePace(folder / "pace")) as seen:
                passages = asyncio.run(play(stack, seconds))
        crowds = {count: crowd(site(count)) for count in CROWDS}
        with Stack(site(IDLE)) as stack:
            idle_mb = asyncio.run(idle(stack, cameras, psutil.Process(stack.server.pid)))
    memory_mb, moments, end = [one.memory_mb for one in seen], sorted(passages.delays_ms), round(ENDS_S / LOOK_S)
    ends = [
        [passages.delays_ms[one] for one in moments if one <= moments[0] + ENDS_S],
        [passages.delays_ms[one] for one in moments if one >= moments[-1] - ENDS_S],
    ]
    return {
        "server.p95_ms_100_cameras": round(p95(list(passages.delays_ms.values())), 1),
        "server.p50_ms_100_cameras": round(sorted(passages.delays_ms.values())[len(moments) // 2], 1),
        "server.first_p95_ms_100_cameras": round(p95(ends[0]), 1),
        "server.last_p95_ms_100_cameras": round(p95(ends[1]), 1),
        "server.missing_100_cameras": len(passages.sent_s),
        "server.alerts_100_cameras": len(moments),
        "server.cores_100_cameras": round(cores(seen), 2),
        "server.first_cores_100_cameras": round(cores(seen[:end]), 2),
        "server.last_cores_100_cameras": round(cores(seen[-end:]), 2),
        "server.first_pace_ms_100_cameras": round(median(one.loop_ms for one in seen[:end]), 2),
        "server.last_pace_ms_100_cameras": round(median(one.loop_ms for one in seen[-end:]), 2),
        "server.growth_mb_100_cameras": round(memory_mb[-1] - memory_mb[0], 1),
        "server.growth_100_cameras": round(growth(memory_mb), 4),
        "server.rss_1000_idle_streams_mb": round(idle_mb, 1),
        **{f"server.p95_ms_{count}_cameras": p95_ms for count, p95_ms in crowds.items()},
    }


def crowd(site: StackConfig) -> float:
    """Return the 95th percentile of how late alerts are with the site's cameras, milliseconds."""
    with Stack(site) as stack:  # too short for nobody to settle alerts to matter
        asyncio.run(play(stack, 10.0))  # warm
        return round(p95(list(asyncio.run(play(stack, CROWD_S)).delays_ms.values())), 1)


if __name__ == "__main__":
    print(measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
