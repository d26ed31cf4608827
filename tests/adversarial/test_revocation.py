"""Revocation must not fail open: neither by file handles that are used up, nor by a list that cannot be read."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from cekalwatch.program.secret_files import write_private
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.pki.site_pki import REVOKED_FILE, SitePki
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import RETRY_PERIOD_S, FollowedTls
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.server import CaptureClient, running
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site, now
from tests.support.tools.file_handles import no_file_handles

WAIT_S = 60.0
CAMERA = Identity(DeviceRole.CAMERA, SITE, "dep-1")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def list_with_the_camera_revoked(site: Site) -> Path:
    """The site's next revocation list, which is not in its place yet."""
    copy = site.folder / "copy"
    shutil.copytree(site.folder / "pki", copy)
    SitePki.load(copy).revoke(CAMERA, now())
    return copy / REVOKED_FILE


async def test_a_list_that_came_while_no_file_could_be_opened_is_read_afterwards(site: Site) -> None:
    async with (
        running(site.settings(), site.diagnostics()) as server,
        site.dialer(server.address, site.device(DeviceRole.CAMERA, "dep-1")).aio_channel() as channel,
        asyncio.timeout(WAIT_S),
    ):
        stream = await CaptureClient.open(channel)
        fresh = list_with_the_camera_revoked(site)
        with capture_logs() as logs, no_file_handles():
            fresh.replace(site.folder / "pki" / REVOKED_FILE)
            await becomes(lambda: said(logs, "revocations_unreadable"))
        assert not stream.call.done()
        assert await stream.error() == (grpc.StatusCode.UNAUTHENTICATED, Code.CERTIFICATE_REVOKED)


async def said(logs: list[Any], event: str) -> bool:
    return any(entry["event"] == event for entry in logs)


async def health(server: Any) -> int:
    stub = health_pb2_grpc.HealthStub(server.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest())).status)


async def revocations(server: Any) -> Any:
    stub: Any = OperationsServiceStub(server.channel)
    return (await stub.GetStatus(operations.GetStatusRequest())).revocations


@pytest.mark.slow
async def test_revocations_that_cannot_be_read_for_long_are_an_alarm_and_the_server_is_not_ready(site: Site) -> None:
    file = site.folder / "pki" / REVOKED_FILE
    sound = file.read_bytes()
    serving = health_pb2.HealthCheckResponse.SERVING
    async with (
        running(site.settings(revocations_limit_seconds=1, cameras=()), site.diagnostics()) as server,
        Watcher(server.channel).watching() as watcher,
        asyncio.timeout(WAIT_S),
    ):
        assert await health(server) == serving
        told = await revocations(server)
        assert (told.stale, told.certificates, told.HasField("issue_time")) == (False, 0, True)
        write_private(file, b"nonsense")
        await watcher.until(lambda one: any(kind.startswith("REVOCATIONS_STALE") for kind in one.kinds))
        told = await revocations(server)
        assert (told.stale, told.unconfirmed.ToTimedelta().total_seconds() >= 1) == (True, True)

        async def unready() -> bool:
            return bool(await health(server) != serving)

        await becomes(unready)
        write_private(file, sound)
        await watcher.until(lambda one: not any(kind.startswith("REVOCATIONS_STALE") for kind in one.kinds))
        assert not (await revocations(server)).stale

        async def ready() -> bool:
            return bool(await health(server) == serving)

        await becomes(ready)


def test_a_renewal_that_came_while_no_file_could_be_opened_is_read_afterwards(site: Site) -> None:
    moment = [0.0]
    files = site.device(DeviceRole.CAMERA, "dep-1")
    followed = FollowedTls(files, site.problems.append, lambda: moment[0])
    before = followed.current()
    fresh = files.folder / "fresh.pem"
    write_private(fresh, site.pki.chain(site.pki.renew(CAMERA, now())))
    with no_file_handles():
        fresh.replace(files.certificate)
        assert [followed.current() for _ in range(3)] == [before] * 3
    assert len(site.problems) == 1
    moment[0] = RETRY_PERIOD_S
    assert followed.current() == files.read() != before
