"""What a camera's receipts cost while somebody floods the server's transport, and what is dropped.

    python -m benchmarks.security.floods [seconds of each]

A server process uses certificates, and a camera sends it a face every 200 ms. At the same time attackers try one thing
after another: a thousand idle connections, half-open handshakes, handshakes without a certificate; then, with another
camera's certificate, calls that are cancelled at once, endless headers, settings and pings. The figures are 95th
percentiles of the receipts' delay beyond `receipt_delay_seconds`, and the time that a new device takes to connect.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import uuid6

from benchmarks.alerts.starvation import GOOD, GREEDY
from benchmarks.recognition.server_throughput import PACK, captures
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.capture_service_pb2_grpc import CaptureServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from tests.support.tools.floods import Flood

SECONDS = 10.0
PERIOD_S = 0.2
BEGUN_S = 1.0
"""After which a flood is in full swing."""

Faces = Sequence[capture_pb2.FaceCapture]


async def receipts(call: Any, faces: Faces, until: float) -> list[float]:  # noqa: ANN401  # grpc's calls have no public type
    """Send a face each PERIOD_S as a new passage; return the seconds to each receipt."""
    found: list[float] = []
    while not found or time.perf_counter() < until:
        message = pb.StreamFacesRequest(face=faces[len(found) % len(faces)])
        message.face.capture_id = message.face.track_id = str(uuid6.uuid7())
        message.face.capture_time.FromDatetime(datetime.now(UTC))
        begun = time.perf_counter()
        await call.write(message)
        while not (await call.read()).receipts.receipts:
            pass  # a credit, or another policy
        found.append(time.perf_counter() - begun)
        await asyncio.sleep(PERIOD_S)
    return found


async def connecting(dialer: Dialer) -> float:
    """Return the seconds in which a device connects and gets an answer."""
    begun = time.perf_counter()
    async with dialer.aio_channel() as channel:
        stub: Any = OperationsServiceStub(channel)
        await stub.GetStatus(operations.GetStatusRequest(), wait_for_ready=True)
    return time.perf_counter() - begun


async def beside_floods(stack: Stack, faces: Faces, seconds: float) -> dict[str, float]:
    """Return the figures of each flood, and of none."""
    figures: dict[str, float] = {}
    delay_s = ServerSettings.model_fields["receipt_delay_seconds"].default
    attacker = str(stack.certificate(DeviceRole.CAMERA, GREEDY))
    laptop = stack.dialer(DeviceRole.DIAGNOSTICS, "laptop")
    async with stack.dialer(DeviceRole.CAMERA, GOOD).aio_channel() as channel:
        call: Any = CaptureServiceStub(channel).StreamFaces()
        await call.write(pb.StreamFacesRequest(hello=pb.Hello(camera_id=GOOD, run_id=str(uuid6.uuid7()))))
        await call.read()
        for kind in (None, *Flood):
            name, process = kind.value if kind else "nobody", None
            if kind:
                command = ("-m", "tests.support.tools.floods", name, stack.address, attacker, str(seconds + BEGUN_S))
                process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
                await asyncio.sleep(BEGUN_S)
            found, connected_s = await asyncio.gather(
                receipts(call, faces, time.perf_counter() + seconds), connecting(laptop)
            )
            beyond = (np.asarray(found) - delay_s) * 1000
            figures[f"security.flood_{name}_camera_p95_ms"] = round(float(np.percentile(beyond, 95)), 1)
            figures[f"security.flood_{name}_connect_s"] = round(connected_s, 2)
            if process:
                came = json.loads((await process.communicate())[0])
                figures[f"security.flood_{name}_connections"] = came["connections"]
                figures[f"security.flood_{name}_dropped"] = came["dropped"]
                figures[f"security.flood_{name}_sent_mb"] = round(came["bytes_sent"] / 1e6, 1)
        await call.done_writing()
    return figures


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """Return `security.flood_camera_p95_ms`, the worst of all, and what is behind it."""
    faces = captures(open_engine(load_pack(PACK), threads=1))
    cameras = (CameraPlan(GOOD), CameraPlan(GREEDY, "D2"))
    with tempfile.TemporaryDirectory() as temporary:
        config = StackConfig(folder=Path(temporary), models=PACK.parent, cameras=cameras, settings={"threads": 2})
        with Stack(config) as stack:
            figures = asyncio.run(beside_floods(stack, faces, seconds))
            figures["security.flood_connections_closed"] = stack.status().connections.closed
    worst = max(value for name, value in figures.items() if name.endswith("_camera_p95_ms"))
    return {"security.flood_camera_p95_ms": worst, **figures}


if __name__ == "__main__":
    print(measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
