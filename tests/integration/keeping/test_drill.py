"""The drill: a backup of a running server, another machine, and work goes on where it was at that moment."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from cekalwatch.server.app import Server
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.making import make_backup
from cekalwatch.server.backup.restoring import restore
from cekalwatch.server.settings.storage import BackupTerms
from cekalwatch.v1 import adjudication_pb2, operations_service_pb2, operations_service_pb2_grpc
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.port_office import WAIT_S, Seat, events_until, port_office, sign_in
from tests.support.scenarios.server import CaptureClient, face, reason_of
from tests.support.scenarios.site_pki import Site

NOTE = "paspor dan wajah sesuai"


async def status(site: Site, address: str) -> tuple[operations_service_pb2.GetStatusResponse, bool]:
    """The status as a technician asks for it, and whether the server's health says SERVING."""
    async with site.dialer(address, site.device(DeviceRole.DIAGNOSTICS, "laptop")).aio_channel() as channel:
        stub: Any = operations_service_pb2_grpc.OperationsServiceStub(channel)
        health: Any = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        answer = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
        return answer, health.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.slow
async def test_a_restored_server_recognises_faces_and_has_the_adjudications(tmp_path: Path) -> None:
    identity = AgeIdentity.new()
    terms = BackupTerms((identity.public,), tmp_path)
    port = port_office(tmp_path / "first", {"budi": ()}, backup=terms, grouping_window_seconds=0)
    site = port.site
    async with port.open():
        officer = await port.sign_in("budi")
        judged = await port.raise_alert("1")
        await officer.judge(await officer.claim(judged), note=NOTE)
        now = datetime.now(UTC)
        made = await asyncio.to_thread(make_backup, port.settings, None, tmp_path, with_keys=True, now=now)
        lost = await port.raise_alert("2")
        head = (await status(site, port.address))[0].head_sequence
        acknowledged = await officer.call("AcknowledgeAlerts", agent_id=officer.agent_id, sequence=head)
        assert acknowledged.acknowledged_sequence == head
    target = port.settings.model_copy(update={"data_dir": tmp_path / "second"})
    signers = frozenset({made.manifest.signer})
    found = await asyncio.to_thread(
        restore, made.file, identity, target, keys_from=None, signers=signers, kept=(), now=datetime.now(UTC)
    )
    assert (found.problems, found.lacking) == ((), ())

    with capture_logs() as logs:
        async with Server(target) as server, AsyncExitStack() as calls:
            address = f"127.0.0.1:{server.port}"
            files = site.device(DeviceRole.NOTIFIER, officer.agent_id)
            channel = await calls.enter_async_context(site.dialer(address, files).aio_channel())
            seat = Seat(channel, officer.agent_id)
            seat.token = await sign_in(channel, "budi")

            kept = await seat.get(judged)
            assert kept.handling.findings[-1].note == NOTE
            assert kept.handling.findings[-1].outcome == adjudication_pb2.OUTCOME_REFERRED
            assert await seat.refusal("GetAlert", alert_id=lost) == "ALERT_NOT_FOUND"

            beyond = seat.subscribe(after_sequence=head)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await beyond.read()
            assert reason_of(caught.value) == "POSITION_UNKNOWN", "the agent hears that this is another log"
            events = seat.subscribe(named=True)
            assert (await events.read()).HasField("subscribed")
            camera_files = site.device(DeviceRole.CAMERA, "dep-1")
            camera_channel = await calls.enter_async_context(site.dialer(address, camera_files).aio_channel())
            camera = await CaptureClient.open(camera_channel)
            assert (await camera.receipt(face(track="3")))[0] == "ACCEPTED"
            async with asyncio.timeout(WAIT_S):
                came = await events_until(events, lambda event: event.alert.alert_id not in {judged, lost})
            assert (await seat.look(came[-1].alert)).subject.subject_id == "S-1"
            events.cancel()

            answer, serving = await status(site, address)
            assert serving
            told = answer.restored_backup
            assert told.backup_time.ToDatetime(UTC) == made.manifest.made_at
            assert told.restore_time.ToDatetime(UTC) > made.manifest.made_at
    assert [one["log_level"] for one in logs if one["event"] == "restored_from_backup"] == ["warning"]
