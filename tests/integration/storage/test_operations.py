"""What operators see of the server and its clients, and what it says when it stops."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.server.app import Server
from cekalwatch.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    capture_pb2,
    capture_service_pb2,
    capture_service_pb2_grpc,
    operations_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    trouble_pb2,
)
from cekalwatch.wire.options import CLIENT_OPTIONS
from tests.support.repository import ROOT
from tests.support.scenarios.server import CaptureClient, Running, running, settings

Status = operations_service_pb2.GetStatusResponse
SERVICES = sorted(
    f"cekalwatch.v1.{name}"
    for file in ROOT.glob("protos/cekalwatch/v1/*.proto")
    for name in re.findall(r"^service (\w+)", file.read_text(), re.MULTILINE)
    if name != "EnrolmentService"
)
"""All of the contract but the one that has a port of its own."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings(tmp_path, handshake_seconds=0.2, keep_alive_period_seconds=0.1)) as opened:
        yield opened


async def status(channel: grpc.aio.Channel) -> Status:
    stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
    found: Status = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return found


async def status_when(channel: grpc.aio.Channel, condition: Callable[[Status], bool]) -> Status:
    """Ask until the condition holds, as an operator would."""
    async with asyncio.timeout(20):
        while True:
            if condition(found := await status(channel)):
                return found


def camera(found: Status, camera_id: str = "dep-1") -> operations_pb2.CameraStatus:
    (entry,) = (entry for entry in found.cameras if entry.camera.camera_id == camera_id)
    return entry


def beat(**figures: Any) -> capture_service_pb2.StreamFacesRequest:
    return capture_service_pb2.StreamFacesRequest(heartbeat=capture_service_pb2.Heartbeat(**figures))


async def test_a_camera_that_never_came_was_never_heard_of(server: Running):
    entry = camera(await status(server.channel))
    assert not entry.connected
    assert not entry.HasField("last_heard_time")
    assert entry.view_state == capture_pb2.VIEW_STATE_UNSPECIFIED


async def test_the_status_says_where_the_threshold_comes_from(tmp_path: Path):
    async with running(settings(tmp_path / "pack", threshold=None, target_fpir=1e-2)) as opened:
        gallery = (await status(opened.channel)).gallery
    assert gallery.threshold_source == operations_pb2.THRESHOLD_SOURCE_PACK
    assert 0 <= gallery.expected_fpir <= 1e-2
    async with running(settings(tmp_path / "set", threshold=0.7)) as opened:
        manual = (await status(opened.channel)).gallery
    assert manual.threshold_source == operations_pb2.THRESHOLD_SOURCE_SETTINGS
    assert manual.threshold == pytest.approx(0.7)
    assert manual.expected_fpir < gallery.expected_fpir + 1e-9


async def test_the_last_heartbeat_is_told_also_after_the_camera_disconnected(server: Running):
    stream = await CaptureClient.open(server.channel)
    sent = {
        "frames_per_second": 24.5,
        "dropped_total": 7,
        "outbox_depth": 2,
        "spool": capture_pb2.SpoolStatus(
            state=capture_pb2.SPOOL_STATE_DISK_FULL, depth=1, bytes=20_000, age=Duration(seconds=2)
        ),
        "drops": capture_pb2.DropCounts(no_room=4, too_old=2, unreadable=1),
    }
    await stream.call.write(beat(**sent, outbox_age=Duration(seconds=3), view_state=capture_pb2.VIEW_STATE_NO_FRAMES))
    present = camera(await status_when(server.channel, lambda found: camera(found).dropped_total == 7))
    assert present.connected
    await stream.call.write(
        capture_service_pb2.StreamFacesRequest(goodbye=capture_service_pb2.Goodbye(reason="the client stops"))
    )
    assert await stream.call.read() is grpc.aio.EOF
    gone = camera(await status_when(server.channel, lambda found: not camera(found).connected))
    for entry in (present, gone):
        assert {name: getattr(entry, name) for name in sent} == sent
        assert (entry.outbox_age.seconds, entry.view_state) == (3, capture_pb2.VIEW_STATE_NO_FRAMES)
    assert gone.last_heard_time == present.last_heard_time


@pytest.mark.slow
async def test_the_status_tells_what_is_wrong_with_a_camera_as_long_as_it_is(server: Running):
    stream = await CaptureClient.open(server.channel)
    await stream.call.write(beat(view_state=capture_pb2.VIEW_STATE_DARK, frames_per_second=12))
    found = await status_when(server.channel, lambda found: any(one.about == "dep-1" for one in found.troubles))
    (alarm,) = (one for one in found.troubles if one.about == "dep-1")
    assert (alarm.kind, alarm.about) == (trouble_pb2.TROUBLE_KIND_CAMERA_DARK, "dep-1")
    assert alarm.begin_time.ToDatetime() >= found.start_time.ToDatetime()
    await stream.call.write(beat(view_state=capture_pb2.VIEW_STATE_OK, frames_per_second=12))
    await status_when(server.channel, lambda found: all(one.about != "dep-1" for one in found.troubles))


async def test_absurd_figures_of_a_camera_do_not_spoil_the_status(server: Running):
    stream = await CaptureClient.open(server.channel)
    await stream.call.write(
        beat(
            frames_per_second=float("nan"),
            dropped_total=2**64 - 1,
            outbox_depth=2**32 - 1,
            outbox_age=Duration(seconds=2**63 - 1, nanos=2**31 - 1),
            view_state=99,
        )
    )
    entry = camera(await status_when(server.channel, lambda found: camera(found).dropped_total > 0))
    assert (entry.frames_per_second, entry.view_state) == (0, capture_pb2.VIEW_STATE_UNSPECIFIED)


async def test_a_camera_with_two_streams_is_there_until_both_end(server: Running):
    first, second = await CaptureClient.open(server.channel), await CaptureClient.open(server.channel)
    first.call.cancel()
    await second.call.write(beat(outbox_depth=1))
    assert camera(await status_when(server.channel, lambda found: camera(found).outbox_depth == 1)).connected
    second.call.cancel()
    await status_when(server.channel, lambda found: not camera(found).connected)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["cancel", "deadline", "channel"])
async def test_an_agent_is_there_while_it_is_subscribed(server: Running, ending: str):
    async with grpc.aio.insecure_channel(server.address, options=CLIENT_OPTIONS) as channel:
        stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        call: Any = stub.SubscribeAlerts(
            alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1"), timeout=3 if ending == "deadline" else None
        )
        assert (await call.read()).HasField("subscribed")
        found = await status(server.channel)
        assert [(agent.agent_id, agent.connected) for agent in found.agents] == [("pc-1", True)]
        if ending == "cancel":
            call.cancel()
        if ending == "channel":
            await channel.close()
        # Its position is kept from the first subscription on.
        await status_when(server.channel, lambda found: [agent.connected for agent in found.agents] == [False])


async def test_a_camera_that_does_not_say_hello_is_told_so(server: Running):
    other = await CaptureClient.open(server.channel, "arr-1")
    mute = CaptureClient(capture_service_pb2_grpc.CaptureServiceStub(server.channel).StreamFaces())
    began = time.monotonic()
    assert await mute.error() == (grpc.StatusCode.INVALID_ARGUMENT, "HELLO_TIMEOUT")
    assert time.monotonic() - began < 5
    await other.call.write(beat(outbox_depth=5))
    await status_when(server.channel, lambda found: camera(found, "arr-1").outbox_depth == 5)


@pytest.mark.slow
async def test_a_camera_that_ends_without_hello_is_told_so(server: Running):
    mute = CaptureClient(capture_service_pb2_grpc.CaptureServiceStub(server.channel).StreamFaces())
    await mute.call.done_writing()
    assert await mute.error() == (grpc.StatusCode.INVALID_ARGUMENT, "HELLO_EXPECTED")


async def test_signs_of_life_carry_head_and_freshness(server: Running):
    stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
    call: Any = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1"))
    await call.read()
    for _ in range(2):
        alive = (await call.read()).keep_alive
        assert alive.head_sequence == 0
        assert alive.freshness.stale, "nothing was ever imported"
        assert alive.HasField("server_time")


@pytest.mark.slow
@pytest.mark.parametrize("service", ["", *SERVICES])
async def test_health_turns_to_not_serving_before_cameras_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
):
    """Two streams have no order among themselves, so the end is broken off where cameras are told."""
    server = Server(settings(tmp_path))
    await server.__aenter__()

    def break_off() -> None:
        raise InterruptedError

    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=CLIENT_OPTIONS) as channel,
        asyncio.timeout(20),
    ):
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stream = await CaptureClient.open(channel)
        with monkeypatch.context() as patched, pytest.raises(InterruptedError):
            patched.setattr(server._capture.sessions, "drain", break_off)
            await server.__aexit__(None, None, None)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stopping = asyncio.create_task(server.__aexit__(None, None, None))
        assert (await stream.call.read()).HasField("drain")
    await stopping
