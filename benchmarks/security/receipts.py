"""What receipts reveal of the list: captures of a listed person and of another one through the real stream.

    python -m benchmarks.security.receipts [captures of each]

Both kinds come in random order from one camera, with the same size in pixels and bytes, each as a passage of its own.
The figure of a phase is the largest difference between their distributions of outcome and delay (Kolmogorov and
Smirnov): 0 reveals nothing, 1 everything; for 1,000 of each chance alone gives 0.04. Phases: database well; the same
captures again; after a restart; disk full in turns; as fast as the credits allow.
"""

from __future__ import annotations

import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import uuid6

from cekalwatch.contract.values.captures import LANDMARKS
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import capture_pb2, capture_service_pb2_grpc
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.options import CLIENT_OPTIONS
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.portraits import astronaut, group
from tests.support.scenarios.server import face, jpeg, list_astronaut, settings
from tests.support.tools.packs import light_pack

EACH = 1_000
PACE_S = 0.05
"""Mean pause between two captures, except as fast as possible."""
SIDE = 160
"""Pixels of a crop's sides."""
CROP_BYTES = 16_000
AWAY_S, THERE_S = 6.0, 6.0
LISTED, OTHER = "listed", "other"
OWN_CONNECTION = (*CLIENT_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
SEED = 13


@dataclass(frozen=True)
class Answer:
    """What a camera saw of one capture."""

    outcome: capture_pb2.CaptureOutcome.ValueType
    delay_s: float


Answers = dict[str, list[Answer]]


def crop(picture: Picture) -> capture_pb2.FaceCapture:
    """Return a capture of the picture's face, as large as every other one."""
    made = face(picture)
    found = cv2.imdecode(np.frombuffer(made.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    height, width = found.shape[:2]
    for name in LANDMARKS:
        point = getattr(made.landmarks, name)
        point.x, point.y = point.x * SIDE / width, point.y * SIDE / height
    small = jpeg(np.asarray(cv2.resize(found, (SIDE, SIDE)), np.uint8))
    missing = CROP_BYTES - len(small) - 4
    comment = b"\xff\xfe" + (missing + 2).to_bytes(2, "big") + bytes(missing)
    made.jpeg = small[:2] + comment + small[2:]
    return made


def fresh(template: capture_pb2.FaceCapture) -> capture_pb2.FaceCapture:
    """Return a capture of a passage of its own."""
    made = capture_pb2.FaceCapture()
    made.CopyFrom(template)
    made.capture_id = str(uuid6.uuid7())
    made.track_id = made.capture_id
    return made


def advantage(answers: Answers) -> float:
    """Return the largest difference between the distributions of the two kinds."""
    ordered = sorted((one.outcome, one.delay_s, kind) for kind, found in answers.items() for one in found)
    shares = dict.fromkeys(answers, 0.0)
    most = 0.0
    for _, _, kind in ordered:
        shares[kind] += 1 / len(answers[kind])
        most = max(most, abs(shares[LISTED] - shares[OTHER]))
    return most


class Camera:
    """One camera's stream, and what came back on it."""

    def __init__(self, call: Any) -> None:  # noqa: ANN401  # grpc's calls have no public type
        self._call = call
        self._credits = asyncio.Semaphore(0)
        self._sent: dict[str, tuple[str, float]] = {}
        self._left = 0
        self._all_read = asyncio.Event()
        self.answers: Answers = {LISTED: [], OTHER: []}

    @classmethod
    @asynccontextmanager
    async def connected(cls, address: str, camera_id: str = "dep-1") -> AsyncIterator[Camera]:
        """Shake hands on a connection of its own; read for the time of the block."""
        async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as channel:
            camera = cls(capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces())
            hello = pb.Hello(camera_id=camera_id, client_version="bench", run_id=str(uuid6.uuid7()))
            await camera._call.write(pb.StreamFacesRequest(hello=hello))
            welcome = (await camera._call.read()).welcome
            camera._give(welcome.credits)
            reading = asyncio.create_task(camera._read())
            try:
                yield camera
            finally:
                reading.cancel()

    async def send(self, items: Sequence[tuple[str, capture_pb2.FaceCapture]], pace_s: float, seed: int) -> None:
        """Send captures with the kind of each, and wait for all receipts."""
        pauses = random.Random(seed)  # noqa: S311  # no secret
        self._left = len(items)
        for kind, capture in items:
            await self._credits.acquire()
            capture.capture_time.FromDatetime(datetime.now(UTC))
            self._sent[capture.capture_id] = kind, time.perf_counter()
            await self._call.write(pb.StreamFacesRequest(face=capture))
            if pace_s:
                await asyncio.sleep(pauses.expovariate(1 / pace_s))
        await self._all_read.wait()

    def _give(self, count: int) -> None:
        for _ in range(count):
            self._credits.release()

    async def _read(self) -> None:
        while (message := await self._call.read()) is not grpc.aio.EOF:
            now_s = time.perf_counter()
            self._give(message.receipts.credits)
            for receipt in message.receipts.receipts:
                kind, sent_s = self._sent.pop(receipt.capture_id)
                self.answers[kind].append(Answer(receipt.outcome, now_s - sent_s))
                self._left -= 1
            if not self._left:
                self._all_read.set()


async def phase(address: str, items: Sequence[tuple[str, capture_pb2.FaceCapture]], pace_s: float = PACE_S) -> Answers:
    """Send all, and return what came back."""
    async with Camera.connected(address) as camera:
        # A server sends nothing by itself, so heartbeats are what keeps a quiet stream up; this one is never quiet.
        await camera.send(items, pace_s, SEED)
        return camera.answers


async def with_full_disk(address: str, items: Sequence[tuple[str, capture_pb2.FaceCapture]], pid: int) -> Answers:
    """The same, while the server's disk takes nothing and something in turns."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    async def in_turns() -> None:
        while True:
            await asyncio.sleep(THERE_S)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
            await asyncio.sleep(AWAY_S)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    turning = asyncio.create_task(in_turns())
    try:
        return await phase(address, items)
    finally:
        turning.cancel()
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def measure(each: int = EACH) -> dict[str, float]:
    """Return `receipts.advantage`, the largest of the phases, and what is behind it."""
    templates = {LISTED: crop(astronaut(0.8)), OTHER: crop(group())}

    def items() -> list[tuple[str, capture_pb2.FaceCapture]]:
        made = [(kind, fresh(template)) for kind, template in templates.items() for _ in range(each)]
        random.Random(SEED).shuffle(made)  # noqa: S311
        return made

    found: dict[str, Answers] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        list_astronaut(settings(folder / "server"))
        config = StackConfig(
            folder,
            light_pack().parent,
            (CameraPlan("dep-1"),),
            model_pack="light",
            transport=Transport.PLAINTEXT,
            settings={"threshold": 0.45, "grouping_window_seconds": 0},
        )
        first = items()
        run: Callable[[Any], Answers] = asyncio.run
        with Stack(config) as stack:
            found["well"] = run(phase(stack.address, first))
            found["repeated"] = run(phase(stack.address, first))
            found["away"] = run(with_full_disk(stack.address, items(), stack.server.pid))
            time.sleep(2 * AWAY_S)
            found["busy"] = run(phase(stack.address, items(), pace_s=0.0))
            alerts = stack.status().captures.alerts_raised
        with Stack(config) as stack:
            found["restarted"] = run(phase(stack.address, first))
    delay_s = ServerSettings.model_fields["receipt_delay_seconds"].default
    well = sorted(one.delay_s for answers in found["well"].values() for one in answers)
    figures = {f"receipts.advantage_{name}": round(advantage(answers), 4) for name, answers in found.items()}
    away = [one.outcome for answers in found["away"].values() for one in answers]
    for name, answers in found.items():
        for kind, ones in answers.items():
            delays = sorted(one.delay_s for one in ones)
            outcomes = Counter(capture_pb2.CaptureOutcome.Name(one.outcome) for one in ones)
            print(f"{name} {kind}: {dict(outcomes)}, median {statistics.median(delays) * 1000:.0f} ms")
    return {
        "receipts.advantage": max(figures.values()),
        **figures,
        "receipts.alerts": alerts,
        "receipts.away_retry_share": round(
            sum(one == capture_pb2.CAPTURE_OUTCOME_RETRY for one in away) / len(away), 3
        ),
        "receipts.delay_p50_ms": round(statistics.median(well) * 1000, 1),
        "receipts.delay_p99_ms": round(well[int(0.99 * len(well))] * 1000, 1),
        "receipts.late_share": round(sum(one > 1.5 * delay_s for one in well) / len(well), 4),
    }


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else EACH))
