"""Connections without a certificate take neither the server's file handles nor the place of devices."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.transport.process import MIN_CONNECTIONS, RESERVED, connection_bound
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.options import HANDSHAKE_TIMEOUT_MS
from tests.support.scenarios.server import CaptureClient, running
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site, now
from tests.support.tools.held_connections import CLIENT_HELLO, held, still_open
from tests.support.tools.other_addresses import relayed_from

WAIT_S = 60.0
FLOOD = 400


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


async def connections(channel: grpc.aio.Channel) -> Any:
    stub: Any = OperationsServiceStub(channel)
    return (await stub.GetStatus(operations.GetStatusRequest(), timeout=WAIT_S)).connections


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", CLIENT_HELLO], ids=["silent", "half a handshake"])
async def test_one_address_has_so_many_connections_and_devices_go_on(site: Site, said: bytes) -> None:
    most = 20
    camera = site.device(DeviceRole.CAMERA, "dep-1")
    async with (
        running(site.settings(connections_per_address=most), site.diagnostics()) as server,
        site.dialer(server.address, camera).aio_channel() as channel,
        asyncio.timeout(WAIT_S),
    ):
        port = int(server.address.rpartition(":")[2])
        stream = await CaptureClient.open(channel)
        with held(port, FLOOD, said) as flood:

            async def few() -> bool:
                return still_open(flood) <= most

            await becomes(few)
            # Whoever was let in stays, and a device gets in beside the flood from its own address.
            assert not stream.call.done()
            laptop = site.dialer(server.address, site.device(DeviceRole.DIAGNOSTICS, "laptop-2"))
            async with laptop.aio_channel() as other:
                told = await connections(other)
            assert told.closed >= FLOOD - most
            assert 0 < told.open <= most + 1
            assert not stream.call.done()


async def test_other_addresses_are_not_counted_with_it(site: Site) -> None:
    async with running(site.settings(connections_per_address=2), site.diagnostics()) as server:
        port = int(server.address.rpartition(":")[2])
        await connections(server.channel)  # one of 127.0.0.1
        async with relayed_from("127.0.0.9", port) as address, asyncio.timeout(WAIT_S):
            names = ("laptop-1", "laptop-2")
            dialers = [site.dialer(address, site.device(DeviceRole.DIAGNOSTICS, name)) for name in names]
            async with dialers[0].aio_channel() as one, dialers[1].aio_channel() as two:
                await connections(one)

                async def three() -> bool:
                    return bool((await connections(two)).open == 3)

                await becomes(three)
            assert (await connections(server.channel)).closed == 0


SERVER = """
import asyncio, resource, sys
from pathlib import Path
from tests.support.scenarios.server import settings
from cekalwatch.program.logs import configure_logs
from cekalwatch.server.app import Server

async def serve() -> None:
    async with Server(settings(Path(sys.argv[1]))) as server:
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)

configure_logs("info")  # to standard error
resource.setrlimit(resource.RLIMIT_NOFILE, (100, int(sys.argv[2])))
asyncio.run(serve())
"""


@contextmanager
def served_with(site: Site, open_files: int) -> Iterator[str]:
    """Run a server in a process of its own that may open so many files; give its address."""
    command = [sys.executable, "-c", SERVER, str(site.folder), str(open_files)]
    log = site.folder / "server.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            assert port, log.read_text("utf-8")[-2000:]
            yield f"127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(WAIT_S)


@pytest.mark.slow
async def test_a_flood_takes_no_handle_that_a_revocation_needs(site: Site) -> None:
    camera = site.device(DeviceRole.CAMERA, "dep-1")
    with served_with(site, RESERVED + 2 * MIN_CONNECTIONS) as address:
        async with site.dialer(address, camera).aio_channel() as channel, asyncio.timeout(WAIT_S):
            stream = await CaptureClient.open(channel)
            with held(int(address.rpartition(":")[2]), FLOOD):
                await asyncio.to_thread(site.pki.revoke, Identity(DeviceRole.CAMERA, SITE, "dep-1"), now())
                # Before the flood's handshakes time out, and give all handles back.
                async with asyncio.timeout(HANDSHAKE_TIMEOUT_MS / 2_000):
                    assert await stream.error() == (grpc.StatusCode.UNAUTHENTICATED, Code.CERTIFICATE_REVOKED)


async def test_a_first_call_that_brings_much_is_waited_for_by_a_busy_server(site: Site) -> None:
    """gRPC takes in what its windows hold before the server lets the call in."""
    padding = b"\x7a\xc0\x9a\x0c" + bytes(200_000)  # a field that nobody knows
    async with running(site.settings(), site.diagnostics()) as server:
        files = site.device(DeviceRole.DIAGNOSTICS, "laptop")
        async with site.dialer(server.address, files).aio_channel() as channel, asyncio.timeout(WAIT_S):
            ask: Any = channel.unary_unary(
                "/cekalwatch.v1.OperationsService/GetStatus",
                request_serializer=bytes,
                response_deserializer=operations.GetStatusResponse.FromString,
            )
            call = ask(padding, wait_for_ready=True)
            for _ in range(10):
                await asyncio.sleep(0)
                time.sleep(0.1)  # noqa: ASYNC251  # the server's event loop is busy; the watch is not
            answer = await call
    assert answer.connections.closed == 0


def test_an_account_that_may_open_too_few_files_is_told_so() -> None:
    assert connection_bound(2000, 20_000) == 2000
    assert connection_bound(2000, 1024) == 1024 - RESERVED
    with pytest.raises(ProgramError, match="LimitNOFILE") as refused:
        connection_bound(2000, RESERVED + MIN_CONNECTIONS - 1)
    assert refused.value.exit_code is Exit.CONFIG


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a process its sockets on Linux")
def test_the_kernel_tells_how_many_handles_there_are() -> None:
    """Where it does not, each look reads them all."""
    assert os.stat("/proc/self/fd").st_size in {0, len(os.listdir("/proc/self/fd")) - 1}  # noqa: PTH116, PTH208
