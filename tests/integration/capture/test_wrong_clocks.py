"""A camera whose clock is wrong loses nobody, and its captures have the right time (domain rule 14)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.camera.clock import SystemClock
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import capture_service_pb2, capture_service_pb2_grpc, operations_pb2, operations_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.camera import capture_of
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server import CaptureClient, Running, face, hello, list_astronaut, running, settings

AHEAD = {"6 s ahead": timedelta(seconds=6), "2 h ahead": timedelta(hours=2), "3 years ahead": timedelta(days=1095)}
BEHIND = {"2 h behind": -timedelta(hours=2), "since 1970": datetime(1970, 1, 2, tzinfo=UTC) - datetime.now(UTC)}


class WrongClock(SystemClock):
    """The clock of a capture host that nobody has set."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead


async def camera_status(server: Running) -> operations_pb2.CameraStatus:
    request = operations_service_pb2.GetStatusRequest()
    answer: operations_service_pb2.GetStatusResponse = await OperationsServiceStub(server.channel).GetStatus(request)
    return next(one for one in answer.cameras if one.camera.camera_id == "dep-1")


@pytest.mark.parametrize("name", [*AHEAD, *BEHIND])
@pytest.mark.slow
async def test_a_listed_traveller_alerts_on_time_whatever_the_cameras_clock_shows(tmp_path: Path, name: str) -> None:
    ahead = {**AHEAD, **BEHIND}[name]
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    clock = WrongClock(ahead)
    async with running(chosen) as server:
        camera = ScriptedCamera("dep-1", Dialer(server.address, None), clock=clock)
        before = datetime.now(UTC)
        camera.outbox.put(capture_of("1", captured_at=clock.now(), picture=astronaut()))
        async with camera.connected():
            await camera.until_settled(1)
            told = await camera_status(server)
        after = datetime.now(UTC)
    assert camera.outbox.statistics().drops.total == 0
    database = Database(chosen.database_address)
    (alert,) = AlertStore(database, keyring(database, chosen.master_key_source)).list_alerts(AlertFilter(), None, 10)
    database.close()
    assert before - timedelta(seconds=1) <= alert.sightings[0].captured_at <= after
    assert not alert.late
    assert told.clock_ahead.ToTimedelta().total_seconds() == pytest.approx(ahead.total_seconds(), abs=1)


async def test_a_cameras_clock_that_is_set_right_by_a_little_is_right_at_the_next_message(tmp_path: Path) -> None:
    clock = WrongClock(timedelta(seconds=15))
    async with running(settings(tmp_path, heartbeat_period_seconds=0.2)) as server:
        camera = ScriptedCamera("dep-1", Dialer(server.address, None), clock=clock)
        async with camera.connected(), asyncio.timeout(12):  # less than it takes without the uptime
            while (await camera_status(server)).clock_ahead.ToTimedelta() < timedelta(seconds=14):
                pass
            clock.ahead = timedelta()
            while (await camera_status(server)).clock_ahead.ToTimedelta() > timedelta(seconds=1):
                pass


async def test_what_cannot_be_placed_in_time_is_refused_and_said_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(settings(tmp_path)) as server:
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face(capture_time=Timestamp(seconds=1))) == ("REJECTED", "CAPTURE_TIME_UNPLACEABLE")
        answer = await OperationsServiceStub(server.channel).GetStatus(operations_service_pb2.GetStatusRequest())
    assert answer.captures.unplaceable == 1
    assert "capture_unplaceable" in capsys.readouterr().out


Request = capture_service_pb2.StreamFacesRequest
NO_TIME: dict[str, Callable[[], Request]] = {
    "after the last year": lambda: Request(client_time=Timestamp(seconds=2**62)),
    "before the first": lambda: Request(client_time=Timestamp(seconds=-(2**62))),
    "too long up": lambda: Request(client_time=Timestamp(seconds=2**30), client_uptime=Duration(seconds=2**62)),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", NO_TIME)
async def test_a_heartbeat_with_an_impossible_clock_ends_its_stream_with_a_code(tmp_path: Path, what: str) -> None:
    async with running(settings(tmp_path)) as server:
        stream = CaptureClient(capture_service_pb2_grpc.CaptureServiceStub(server.channel).StreamFaces())
        await stream.call.write(hello())
        await stream.call.read()
        request = NO_TIME[what]()
        request.heartbeat.CopyFrom(capture_service_pb2.Heartbeat())
        await stream.call.write(request)
        assert await stream.error() == (grpc.StatusCode.INVALID_ARGUMENT, "CLIENT_TIME_INVALID")
