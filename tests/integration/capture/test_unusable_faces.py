"""A traveller without a usable face, from the camera's word to the counter's line (domain rule 17)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.codec.alerts import FILTER, STREAM
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusablePassage, UnusableReason
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.dialer import Dialer
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server import Running, running, settings

pytestmark = pytest.mark.slow
WAIT_S = 60.0


def without_a_face(reason: UnusableReason, *, sent: bool = False) -> UnusablePassage:
    return UnusablePassage(datetime.now(UTC), reason, 3.0, sent)


async def notices(server: Running, counter: str) -> AsyncGenerator[UnusableNotice, None]:
    """Subscribe as the PC of a counter; yield the notices that it gets."""
    stub: Any = AlertServiceStub(server.channel)
    wanted = FILTER.write(AlertFilter(counters=frozenset({counter})))
    request = alert_service_pb2.SubscribeAlertsRequest(agent_id=f"pc-{counter.lower()}", filter=wanted)
    async for message in stub.SubscribeAlerts(request):
        match STREAM.read(message):
            case UnusableNotice() as notice:
                yield notice


async def test_the_counter_is_told_in_seconds_and_no_other_counter(tmp_path: Path) -> None:
    chosen = settings(tmp_path, unusable_notice_seconds=5)
    async with (
        running(chosen) as server,
        ScriptedCamera("dep-1", Dialer(server.address, None)).connected() as camera,
        aclosing(notices(server, "D1")) as here,
        aclosing(notices(server, "A1")) as elsewhere,
    ):
        other, first = asyncio.ensure_future(anext(elsewhere)), asyncio.ensure_future(anext(here))
        covered = 0
        while not first.done():  # a notice before the subscription stands is not for it
            camera.unusable.append(without_a_face(UnusableReason.COVERED, sent=True))
            covered += 1
            await asyncio.wait({first}, timeout=5)
        told = await first
        assert (told.site, told.counter, told.reason) == ("batam-center", "D1", UnusableReason.COVERED)
        camera.unusable.extend(without_a_face(UnusableReason.TURNED) for _ in range(30))
        async with asyncio.timeout(WAIT_S):
            # Covered faces that were counted after the first notice have notices of their own.
            while (second := await anext(here)).reason is UnusableReason.COVERED:
                covered -= second.passages
        assert told.passages <= covered  # none was told twice
        assert second.passages >= 30
        assert second.reason is UnusableReason.TURNED
        assert not other.done()
        other.cancel()
        await asyncio.wait({other})
    database = Database(chosen.database_address)
    now = datetime.now(UTC)
    counts = FieldStore(database).unusable(now - timedelta(hours=2), now + timedelta(hours=1), None)
    database.close()
    turned = [one for one in counts if one.reason is UnusableReason.TURNED]
    assert sum(one.unsent for one in turned) == sum(one.passages for one in turned) == 30


async def test_a_server_of_before_is_told_nothing_and_keeps_its_stream() -> None:
    async with serving(CaptureServer()) as server:
        async with ScriptedCamera("gate-1", Dialer(server.address, None)).connected() as camera:
            camera.unusable.append(without_a_face(UnusableReason.DARK))
            await server.until(lambda heard: len(heard.heartbeats) > 3)
        await server.until(lambda heard: bool(heard.goodbyes))
        assert len(server.heard.hellos) == 1
        assert server.heard.unusable == []


async def test_what_is_left_is_told_before_the_camera_says_goodbye() -> None:
    async with serving(CaptureServer(takes_unusable=True)) as server:
        async with ScriptedCamera("gate-1", Dialer(server.address, None)).connected() as camera:
            await server.until(lambda heard: bool(heard.heartbeats))
            camera.unusable.extend(without_a_face(UnusableReason.BLURRED) for _ in range(3))
        await server.until(lambda heard: bool(heard.goodbyes))
        assert len(server.heard.unusable) == 3
        assert all(one.duration.seconds == 3 and not one.sent for one in server.heard.unusable)
