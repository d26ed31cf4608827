"""What a camera and an agent notice of others at the same server that take all they can get.

    python -m benchmarks.alerts.starvation

A server process with certificates, 10,000 templates and 200 alerts; the camera sends a face, and the agent asks for the
newest alert, each 200 ms. First they are alone; then a camera with four streams sends as fast as its credits allow;
then an agent with eight open calls lists whole pages of alerts.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import uuid6

from benchmarks.recognition.server_throughput import PACK, captures, database_with_gallery, stream
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.domain.alerts.match import Candidate, Match
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc, capture_pb2
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.v1.capture_service_pb2_grpc import CaptureServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from deploy.demo.stack import CameraPlan, Stack, StackConfig

GOOD, GREEDY = "departure-1", "departure-2"
MODEST, GREEDY_DESK = "desk-1", "desk-2"
ALERTS = 200
SECONDS = 10.0
PERIOD_S = 0.2
GREEDY_STREAMS, GREEDY_LISTS = 4, 8

Faces = Sequence[capture_pb2.FaceCapture]


def raise_alerts(database: Database, keyring: Keyring) -> None:
    """Put alerts about subjects of the gallery into the database."""
    store, now = AlertStore(database, keyring), datetime.now(UTC)
    camera = Camera(GOOD, "batam-center", "D1", Direction.DEPARTURE)
    for number in range(ALERTS):
        capture = Capture(str(uuid6.uuid7()), camera, f"old/{number}", now, b"\xff\xd8", ((1.0, 1.0),) * 5, 0.5)
        candidate = Candidate(f"S-{number}", 0.7, order_ids=(f"S-{number}",))
        found = Match(
            capture=capture,
            probe_jpeg=capture.jpeg,
            candidates=(candidate,),
            fused_crops=1,
            threshold=0.5,
            model_version="bench",
            template=np.eye(1, 8, dtype=np.float32)[0],
        )
        store.record(found, timedelta(minutes=10), now)


async def camera_latencies(dialer: Dialer, faces: Faces, end: float) -> list[float]:
    """Send a face each PERIOD_S as a new passage; return the seconds to each receipt."""
    found: list[float] = []
    async with dialer.aio_channel() as channel:
        call: Any = CaptureServiceStub(channel).StreamFaces()
        hello = pb.Hello(camera_id=GOOD, client_version="bench", run_id=str(uuid6.uuid7()))
        await call.write(pb.StreamFacesRequest(hello=hello))
        await call.read()
        while time.perf_counter() < end:
            message = pb.StreamFacesRequest(face=faces[len(found) % len(faces)])
            message.face.capture_id = str(uuid6.uuid7())
            message.face.track_id = str(len(found))
            message.face.capture_time.FromDatetime(datetime.now(UTC))
            begun = time.perf_counter()
            await call.write(message)
            await call.read()
            found.append(time.perf_counter() - begun)
            await asyncio.sleep(PERIOD_S)
        await call.done_writing()
    return found


async def agent_latencies(dialer: Dialer, token: str, end: float) -> list[float]:
    """Ask for the newest alert each PERIOD_S; return the seconds to each answer."""
    found: list[float] = []
    async with dialer.aio_channel() as channel:
        stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            await stub.ListAlerts(alert_service_pb2.ListAlertsRequest(page_size=1), metadata=bearer(token))
            found.append(time.perf_counter() - begun)
            await asyncio.sleep(PERIOD_S)
    return found


async def greedy_lists(dialer: Dialer, token: str) -> None:
    """List whole pages without a pause, until cancelled; refusals do not stop it."""
    async with dialer.aio_channel() as channel:
        stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await stub.ListAlerts(alert_service_pb2.ListAlertsRequest(page_size=100), metadata=bearer(token))


async def beside(stack: Stack, faces: Faces, others: Sequence[Callable[[], Awaitable[None]]]) -> tuple[float, float]:
    """Return the 95th percentiles, in milliseconds, of the camera and the agent with `others` beside them."""
    camera, agent = stack.dialer(DeviceRole.CAMERA, GOOD), stack.dialer(DeviceRole.NOTIFIER, MODEST)
    running = [asyncio.ensure_future(other()) for other in others]
    await asyncio.sleep(1.0)
    end = time.perf_counter() + SECONDS
    found = await asyncio.gather(camera_latencies(camera, faces, end), agent_latencies(agent, stack.token(MODEST), end))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    worst = [float(np.percentile(latencies, 95)) * 1000 for latencies in found]
    return round(worst[0], 1), round(worst[1], 1)


def measure() -> dict[str, float]:
    """Return the latencies, by who was there besides."""
    engine = open_engine(load_pack(PACK), threads=1)
    faces = captures(engine)
    cameras = (CameraPlan(GOOD), CameraPlan(GREEDY, "D2"))
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database, keyring = database_with_gallery(folder, engine)
        raise_alerts(database, keyring)
        database.close()
        with Stack(StackConfig(folder=folder, models=PACK.parent, cameras=cameras, settings={"threads": 2})) as stack:
            greedy = stack.dialer(DeviceRole.CAMERA, GREEDY)
            reader = stack.dialer(DeviceRole.NOTIFIER, GREEDY_DESK)
            for desk in (MODEST, GREEDY_DESK):
                stack.sign_in(desk)
            token = stack.token(GREEDY_DESK)
            cases: dict[str, list[Callable[[], Awaitable[None]]]] = {
                "alone": [],
                "greedy_camera": [lambda: stream(greedy, GREEDY, faces, 10**6)] * GREEDY_STREAMS,
                "greedy_agent": [lambda: greedy_lists(reader, token)] * GREEDY_LISTS,
            }
            for name, others in cases.items():
                camera_ms, agent_ms = asyncio.run(beside(stack, faces, others))
                figures[f"security.camera_p95_ms_{name}"] = camera_ms
                figures[f"security.agent_p95_ms_{name}"] = agent_ms
    return figures


if __name__ == "__main__":
    print(measure())
