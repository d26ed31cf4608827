"""What operators see of the server, what it does when it stops, and what a careless client costs others: nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.server.alerting.acknowledging import Acknowledgements
from cekalwatch.server.alerting.briefing import Briefer
from cekalwatch.server.alerting.census import Census
from cekalwatch.server.alerting.fanout import BriefedEvent, Fanout
from cekalwatch.server.alerting.freshness import FreshnessGauge
from cekalwatch.server.alerting.watch import Checkpoints
from cekalwatch.server.app import Server
from cekalwatch.server.domain.alerts import AlertEventType, AlertFilter
from cekalwatch.server.domain.clock import SystemClock
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.grpc_api.access import Access
from cekalwatch.server.grpc_api.alerts import AlertServicer
from cekalwatch.server.grpc_api.interceptors import CatalogueErrors
from cekalwatch.server.grpc_api.server import SERVICES
from cekalwatch.server.presence import Presence
from cekalwatch.server.security.gate import LoopbackGate
from cekalwatch.server.security.trail import AuditTrail
from cekalwatch.server.storage.alert_store import AlertStore
from cekalwatch.server.storage.alert_tables import AlertEventRow
from cekalwatch.server.storage.audit_store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist_store import WatchlistStore
from cekalwatch.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    capture_pb2,
    capture_service_pb2,
    capture_service_pb2_grpc,
    operations_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
)
from cekalwatch.wire.options import CLIENT_OPTIONS, SERVER_OPTIONS
from tests.support import adjudication
from tests.support.alerts import NOON, match
from tests.support.keys import keyring
from tests.support.people import Office
from tests.support.server import CaptureClient, Running, running, settings
from tests.support.watchlist import WIB, order, subject

Status = operations_service_pb2.GetStatusResponse


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings(tmp_path, handshake_s=0.2, keep_alive_period_s=0.1)) as opened:
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
    async with running(settings(tmp_path / "pack", threshold=None, wanted_fpir=1e-2)) as opened:
        gallery = (await status(opened.channel)).gallery
    assert gallery.threshold_source == operations_pb2.THRESHOLD_SOURCE_PACK
    assert 0 <= gallery.expected_fpir <= 1e-2
    async with running(settings(tmp_path / "set", threshold=0.7)) as opened:
        manual = (await status(opened.channel)).gallery
    assert manual.threshold_source == operations_pb2.THRESHOLD_SOURCE_SETTINGS
    assert manual.threshold == pytest.approx(0.7)
    assert manual.expected_fpir < gallery.expected_fpir + 1e-9


async def test_the_last_heartbeat_is_told_also_after_the_camera_went(server: Running):
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


async def test_a_view_that_fails_and_recovers_is_told_once_each_with_its_time(server: Running):
    stream = await CaptureClient.open(server.channel)
    seen = ["OK", "DARK", "DARK", "TURNED_AWAY", "DARK", "MOVED", "UNSPECIFIED", "OK", "OK"]
    for number, state in enumerate(seen):
        value = capture_pb2.ViewState.Value(f"VIEW_STATE_{state}")
        await stream.call.write(beat(view_state=value, dropped_total=number))
    found = await status_when(server.channel, lambda found: camera(found).dropped_total == len(seen) - 1)
    states = [capture_pb2.ViewState.Name(event.view_state) for event in found.view_events]
    assert states == ["VIEW_STATE_OK", "VIEW_STATE_MOVED", "VIEW_STATE_DARK"]
    assert {event.camera_id for event in found.view_events} == {"dep-1"}
    times = [event.event_time.ToDatetime() for event in found.view_events]
    assert times == sorted(times, reverse=True)
    assert times[-1] >= found.start_time.ToDatetime()


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


@pytest.mark.parametrize("ending", ["cancel", "deadline", "channel"])
async def test_an_agent_is_there_while_it_is_subscribed(server: Running, ending: str):
    async with grpc.aio.insecure_channel(server.address, options=CLIENT_OPTIONS) as channel:
        stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        call: Any = stub.SubscribeAlerts(
            alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1"), timeout=1 if ending == "deadline" else None
        )
        assert (await call.read()).HasField("subscribed")
        found = await status(server.channel)
        assert [(agent.agent_id, agent.connected) for agent in found.agents] == [("pc-1", True)]
        if ending == "cancel":
            call.cancel()
        if ending == "channel":
            await channel.close()
        # It never acknowledged, so nothing is left of it.
        await status_when(server.channel, lambda found: not found.agents)


async def test_a_camera_that_does_not_say_hello_is_told_so(server: Running):
    other = await CaptureClient.open(server.channel, "arr-1")
    mute = CaptureClient(capture_service_pb2_grpc.CaptureServiceStub(server.channel).StreamFaces())
    began = time.monotonic()
    assert await mute.error() == (grpc.StatusCode.INVALID_ARGUMENT, "HELLO_TIMEOUT")
    assert time.monotonic() - began < 5
    await other.call.write(beat(outbox_depth=5))
    await status_when(server.channel, lambda found: camera(found, "arr-1").outbox_depth == 5)


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
            patched.setattr(server._sessions, "drain", break_off)
            await server.__aexit__(None, None, None)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stopping = asyncio.create_task(server.__aexit__(None, None, None))
        assert (await stream.call.read()).HasField("drain")
    await stopping


PADDING = "x" * 8000
EVENTS = 3000
"""More than the fan-out keeps in memory, and more than fits a connection."""
STEP = 100
FIRST = 1
"""The sequence of the event that raises the alert."""


class CountingFanout(Fanout):
    """Counts the events that each subscription took; the filter's counter names it, and filters nothing."""

    def __init__(self, store: AlertStore, briefer: Briefer) -> None:
        super().__init__(store, briefer)
        self.taken: Counter[str] = Counter()

    async def follow(
        self, after: int, wanted: AlertFilter, quiet_s: float
    ) -> AsyncGenerator[BriefedEvent | None, None]:
        """As the real one."""
        (name,) = wanted.counters
        async with aclosing(super().follow(after, AlertFilter(), quiet_s)) as events:
            async for briefed in events:
                self.taken[name] += briefed is not None
                yield briefed


class AlertLog:
    """The alert service alone, in front of a real log of many events."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'test.sqlite3'}")
        self.database.upgrade()
        keys = keyring(self.database)
        store, watchlist = AlertStore(self.database, keys), WatchlistStore(self.database, keys)
        watchlist.put(subject(), order(reason=PADDING), [])
        checkpoints = Checkpoints(LegalParameters(), {"batam-center": WIB})
        clock = SystemClock()
        counter = adjudication.Counter(self.database, clock)
        briefer = counter.briefer
        freshness = FreshnessGauge(watchlist, Census(watchlist, checkpoints), clock, timedelta(hours=24))
        self.acknowledgements = Acknowledgements(store, clock)
        self.fanout = CountingFanout(store, briefer)
        self.trail = AuditTrail(AuditStore(self.database), clock)
        self.servicer = AlertServicer(
            self.fanout,
            self.acknowledgements,
            briefer,
            freshness,
            Presence(clock),
            self.trail,
            clock,
            10,
            counter.adjudicator,
            counter.handling,
            "batam-center",
        )
        first = store.record(match(), timedelta(0), NOON)
        assert first is not None
        self._first = first

    def grow(self, count: int) -> None:
        """Write so many events of one alert."""
        with self.database.session() as session:
            for _ in range(count):
                session.add(
                    AlertEventRow(
                        type=AlertEventType.SIGHTED,
                        occurred_at=NOON,
                        alert_id=str(self._first.alert_id),
                        capture_id=str(self._first.capture_id),
                    )
                )
            session.commit()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve it, and give its address."""
        access = Access(LoopbackGate(), Office(self.database).attendance)
        server = grpc.aio.server(interceptors=[access, CatalogueErrors()], options=SERVER_OPTIONS)
        alert_service_pb2_grpc.add_AlertServiceServicer_to_server(self.servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        yield f"127.0.0.1:{port}"
        await server.stop(None)
        self.trail.close()
        self.acknowledgements.close()
        self.fanout.close()
        self.database.close()


def subscribe(channel: grpc.aio.Channel, name: str) -> Any:
    request = alert_service_pb2.SubscribeAlertsRequest(
        agent_id=name, filter=alert_service_pb2.AlertFilter(counters=[name])
    )
    request.from_start.SetInParent()
    return alert_service_pb2_grpc.AlertServiceStub(channel).SubscribeAlerts(request)


async def test_a_subscriber_that_never_reads_delays_nobody_and_takes_no_more_than_fits_its_connection(tmp_path: Path):
    log = AlertLog(tmp_path)
    apart = (*CLIENT_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
    async with (
        log.served() as address,
        grpc.aio.insecure_channel(address, options=apart) as deaf,
        grpc.aio.insecure_channel(address, options=apart) as keen,
    ):
        calls = [subscribe(deaf, "deaf-1"), subscribe(deaf, "deaf-2"), subscribe(keen, "keen")]
        for call in calls:
            assert (await call.read()).HasField("subscribed")
        size = 0
        async with asyncio.timeout(60):
            for start in range(0, EVENTS, STEP):
                log.grow(STEP if start else STEP - FIRST)
                await log.fanout.catch_up()
                for number in range(start, start + STEP):
                    message = await calls[-1].read()
                    assert message.event.sequence == FIRST + number
                    size = message.ByteSize()
        assert log.fanout.taken["keen"] == EVENTS
        for name in ("deaf-1", "deaf-2"):
            # gRPC's window of 4 MB, and what is under way to it.
            assert log.fanout.taken[name] * size < 6_000_000 < EVENTS * size / 3
        # It may listen yet: what has left the memory meanwhile is in the log.
        for number in range(2 * log.fanout.taken["deaf-2"]):
            assert (await calls[1].read()).event.sequence == FIRST + number
