"""Who holds a certificate and sends more messages than anybody needs is read no faster, and everybody else goes on.

Faces are bounded by credits, and calls by tokens; on open streams there are other messages as well.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import uuid6
from structlog.testing import capture_logs

from cekalwatch.contract.values.federation import PortHello, SignOfLife
from cekalwatch.server.alerts import report_receiver
from cekalwatch.server.capture import session
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.concurrency.token_bucket import RateLimiter
from cekalwatch.server.domain.ports import Port
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.clients.report_stream import MAX_PICTURES, PictureGiver
from cekalwatch.server.grpc_api.servicers import port_reports
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.store import PortStore
from cekalwatch.v1 import capture_service_pb2 as captures
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.jpegs import plain_jpeg
from tests.support.builders.keys import KEEPER, keyring
from tests.support.scenarios.centre import PORT_NAME, Centre
from tests.support.scenarios.reporting_port import ReportingPort
from tests.support.scenarios.server import CaptureClient, face, running, settings
from tests.support.scenarios.site_pki import SITE
from tests.support.tools.counted_calls import counted_calls

WAIT_S = 60.0
FLOOD_S = 2.0
SLACK = 20.0


@asynccontextmanager
async def flooded(call: Any, message: Any) -> AsyncIterator[None]:
    """Send a message again and again, as fast as it is taken, for the time of the block."""

    async def flood() -> None:
        with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            while True:
                await call.write(message)

    flooding = asyncio.create_task(flood())
    try:
        yield
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)


@pytest.fixture
def dealt_with(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many messages the server has dealt with."""
    return counted_calls(monkeypatch, (Presence, "heartbeat_received"), (port_reports, "read_plain_jpeg"))


HEARTBEAT = captures.StreamFacesRequest(heartbeat=captures.Heartbeat(frames_per_second=25))


@pytest.mark.slow
async def test_a_camera_is_read_no_faster_than_it_needs_to_be(tmp_path: Path, dealt_with: Counter[str]) -> None:
    chosen = settings(tmp_path)
    async with running(chosen) as server, asyncio.timeout(WAIT_S):
        hostile = await CaptureClient.open(server.channel, "arr-1")
        other = await CaptureClient.open(server.channel, "dep-1")
        begun_s = time.monotonic()
        async with flooded(hostile.call, HEARTBEAT):
            while time.monotonic() < begun_s + FLOOD_S:
                assert await other.receipt(face()) == ("ACCEPTED", "")
        seconds = time.monotonic() - begun_s
        per_s = session.MESSAGES_PER_S + session.SIGNS_A_PERIOD / chosen.heartbeat_period_seconds
        most = session.MAX_MESSAGES + per_s * seconds + SLACK
        assert session.MAX_MESSAGES <= dealt_with["heartbeat_received"] <= most
        hostile.call.cancel()


@pytest.mark.slow
async def test_captures_that_cannot_be_placed_are_one_line_of_the_log(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as server, asyncio.timeout(WAIT_S):
        camera = await CaptureClient.open(server.channel)
        with capture_logs() as logs:
            for _ in range(50):
                timeless = face()
                timeless.ClearField("capture_time")
                assert await camera.receipt(timeless) == ("REJECTED", Code.CAPTURE_TIME_UNPLACEABLE)
        assert [one["event"] for one in logs].count("capture_unplaceable") == 1


@pytest.mark.slow
async def test_a_port_is_read_no_faster_than_it_needs_to_be(tmp_path: Path, dealt_with: Counter[str]) -> None:
    centre = Centre(tmp_path / "centre")
    picture = port_pb2.PortPicture(request_id=1, probe_jpeg=plain_jpeg(64, 64))
    async with centre.open() as rina, asyncio.timeout(WAIT_S):
        files = centre.site.device(DeviceRole.PORT, PORT_NAME)
        async with centre.site.dialer(centre.address, files).aio_channel() as channel:
            port = await ReportingPort.open(channel)
            begun_s = time.monotonic()
            async with flooded(port.call, pb.ReportAlertsRequest(picture=picture)):
                await asyncio.sleep(FLOOD_S)
                assert await rina.alerts() == []
            seconds = time.monotonic() - begun_s
            per_s = (
                report_receiver.MESSAGES_PER_S
                + report_receiver.SIGNS_A_PERIOD / report_receiver.ReportTerms().heartbeat_period_s
            )
            most = report_receiver.MAX_MESSAGES + per_s * seconds + SLACK
            assert report_receiver.MAX_MESSAGES <= dealt_with["read_plain_jpeg"] <= most
            port.call.cancel()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'port.sqlite3'}")
    opened.upgrade()
    yield opened
    opened.close()


async def test_a_ports_signs_of_life_are_read_no_faster_than_they_need_to_be(database: Database) -> None:
    trail = AuditTrail(AuditStore(database), SystemClock())
    store = PortStore(database, keyring(database))
    receiver = report_receiver.ReportReceiver(store, trail, SystemClock(), KEEPER, report_receiver.ReportTerms())
    read, at_bound = Counter[str](), asyncio.Event()

    async def flood() -> AsyncIterator[report_receiver.Inbound]:
        while read["signs"] < 10 * report_receiver.MAX_MESSAGES:
            read["signs"] += 1
            if read["signs"] == report_receiver.MAX_MESSAGES:
                at_bound.set()
            yield SignOfLife(0)

    async def serve() -> None:
        async for _ in receiver.run(Port(SITE, PORT_NAME), PortHello("test"), flood()):
            pass

    begun_s, serving = time.monotonic(), asyncio.create_task(serve())
    async with asyncio.timeout(WAIT_S):
        await at_bound.wait()
    await asyncio.sleep(0.1)
    per_s = (
        report_receiver.MESSAGES_PER_S
        + report_receiver.SIGNS_A_PERIOD / report_receiver.ReportTerms().heartbeat_period_s
    )
    assert read["signs"] <= report_receiver.MAX_MESSAGES + per_s * (time.monotonic() - begun_s) + SLACK
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    trail.close()


async def test_a_centre_that_asks_for_pictures_without_end_is_one_line_of_the_log(database: Database) -> None:
    trail = AuditTrail(AuditStore(database), SystemClock())
    giver = PictureGiver(AlertStore(database, keyring(database)), trail)
    asked = port_pb2.PictureRequest(request_id=1, alert_id=str(uuid6.uuid7()), asked_by="person:x")
    with capture_logs() as logs:
        answers = [(await giver.answer(asked)).picture.refusal for _ in range(10 * int(MAX_PICTURES))]
    trail.close()
    assert answers.count(port_pb2.PICTURE_REFUSAL_NOT_NOW) >= 8 * MAX_PICTURES
    assert [one["event"] for one in logs].count("centre_asks_too_often") == 1


async def test_a_pace_holds_up_what_comes_too_fast() -> None:
    pace, begun_s = RateLimiter(per_s=20.0, at_once=5.0), time.monotonic()
    for _ in range(10):
        await pace.keep()
    assert 0.2 <= time.monotonic() - begun_s < WAIT_S
