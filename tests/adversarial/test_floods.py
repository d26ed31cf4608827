"""Floods of every kind at once, small ones: a camera's captures get their receipts meanwhile.

What they cost is measured by `benchmarks/security/floods.py`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.address import split_address
from cekalwatch.wire.identity import DeviceRole
from tests.support.repository import ROOT
from tests.support.scenarios.server import CaptureClient, Running, face, running
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site
from tests.support.tools.floods import Flood, Flooded, pour

WAIT_S = 120.0
SECONDS = 3.0
STRANGERS = (Flood.IDLE, Flood.HALF_OPEN_TLS, Flood.HANDSHAKES)


async def flooding(kind: Flood, address: str, site: Site) -> dict[str, int]:
    """Flood from a process of its own; return what came of it.

    Strangers come from the camera's own address. Each who pours has another one, since it is barred for two seconds:
    at the same address, it would keep out the floods that begin later.
    """
    origin = "127.0.0.1" if kind in STRANGERS else f"127.0.0.{10 + list(Flood).index(kind)}"
    folder = site.device(DeviceRole.CAMERA, "arr-1").folder
    command = ("-m", "tests.support.tools.floods", kind.value, address, str(folder), str(SECONDS), origin)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    told, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found: dict[str, int] = json.loads(told)
    return found


async def ended_by(server: Running) -> int:
    """Return how many connections the server has ended."""
    stub: Any = OperationsServiceStub(server.channel)
    answer = await stub.GetStatus(operations.GetStatusRequest(), timeout=WAIT_S)
    return int(answer.connections.closed)


@pytest.mark.slow
async def test_a_camera_gets_its_receipts_beside_floods_of_every_kind(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    async with (
        running(site.settings(connections_per_address=50), site.diagnostics()) as server,
        site.dialer(server.address, site.device(DeviceRole.CAMERA, "dep-1")).aio_channel() as channel,
        asyncio.timeout(WAIT_S),
    ):
        stream = await CaptureClient.open(channel)
        site.device(DeviceRole.CAMERA, "arr-1")
        floods = {kind: asyncio.create_task(flooding(kind, server.address, site)) for kind in Flood}
        while not all(one.done() for one in floods.values()):
            assert await stream.receipt(face()) == ("ACCEPTED", "")
        figures = {kind: one.result() for kind, one in floods.items()}
        assert all(one["connections"] for one in figures.values()), figures
        assert await ended_by(server), figures
        assert await stream.receipt(face()) == ("ACCEPTED", "")


@pytest.mark.slow
async def test_headers_that_never_end_end_their_connection(tmp_path: Path) -> None:
    site, figures = Site(tmp_path / "site"), Flooded()
    stolen = site.device(DeviceRole.CAMERA, "arr-1")
    async with running(site.settings(), site.diagnostics()) as server:
        until = time.monotonic() + WAIT_S
        await asyncio.to_thread(pour, Flood.CONTINUATION, split_address(server.address), stolen, until, figures)

        async def ended() -> bool:
            return await ended_by(server) == 1

        await becomes(ended)  # for what came on it: gRPC itself takes a gigabyte first
    assert (figures.connections, figures.dropped) == (1, 1)
