"""From a face on a camera's stream to an alert on a notifier's: who alerts, where, and how it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.recognition.crops import probe_jpeg
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import (
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    camera_pb2,
    capture_pb2,
    capture_service_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from tests.support.builders.portraits import astronaut, group
from tests.support.scenarios.server import (
    CaptureClient,
    face,
    jpeg,
    list_astronaut,
    order_in_force,
    reason_of,
    running,
    settings,
)

TODAY = datetime.now(UTC).date()
YEAR_AGO = datetime.now(UTC) - timedelta(365)


class Agent:
    """A notifier's subscription."""

    def __init__(self, channel: grpc.aio.Channel, **request: Any) -> None:
        self.stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        self.call: Any = self.stub.SubscribeAlerts(
            alert_service_pb2.SubscribeAlertsRequest(**{"agent_id": "pc-1"} | request)
        )

    async def subscribed(self) -> alert_service_pb2.Subscribed:
        """Read the first message."""
        message: alert_service_pb2.SubscribeAlertsResponse = await self.call.read()
        assert message.WhichOneof("message") == "subscribed"
        return message.subscribed

    async def event(self) -> alert_pb2.AlertEvent:
        """Read the next event, past signs of life."""
        async with asyncio.timeout(20):
            while True:
                message: alert_service_pb2.SubscribeAlertsResponse = await self.call.read()
                if message.WhichOneof("message") == "event":
                    return message.event

    async def acknowledge(self, sequence: int) -> None:
        """Move the position."""
        await self.stub.AcknowledgeAlerts(
            alert_service_pb2.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=sequence)
        )


@pytest.mark.slow
async def test_a_listed_traveller_alerts_with_facts_and_pictures(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        agent = Agent(server.channel)
        assert (await agent.subscribed()).freshness.active_subjects == 1
        camera = await CaptureClient.open(server.channel)
        probe = face()
        assert await camera.receipt(probe) == ("ACCEPTED", "")
        event = await agent.event()
        alert = event.alert
        assert event.type == alert_pb2.ALERT_EVENT_TYPE_RAISED
        assert event.capture_id == probe.capture_id
        assert (alert.subject.subject_id, alert.subject.name) == ("S-1", "Contoh Satu")
        assert (alert.camera.counter, alert.camera.direction) == ("D1", camera_pb2.DIRECTION_DEPARTURE)
        assert [order.status for order in alert.orders] == [watchlist_pb2.ORDER_STATUS_ACTIVE]
        assert alert.score > alert.threshold
        found = await agent.stub.GetAlert(
            alert_service_pb2.GetAlertRequest(alert_id=alert.alert_id, include_images=True)
        )
        assert found.images.probe_jpeg == probe_jpeg(probe.jpeg)
        assert found.images.references[0].jpeg.startswith(b"\xff\xd8")


@pytest.mark.slow
async def test_crops_of_one_passage_are_fused_into_one_alert(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        agent = Agent(server.channel)
        camera = await CaptureClient.open(server.channel)
        for scale in (0.6, 0.7, 0.8):
            assert await camera.receipt(face(astronaut(scale))) == ("ACCEPTED", "")
        events = [await agent.event() for _ in range(3)]
        assert len({event.alert.alert_id for event in events}) == 1
        assert [event.type for event in events] == [1, 2, 2]
        assert [sighting.fused_crops for sighting in events[-1].alert.sightings] == [1, 2, 3]
    with closing(Database(chosen.database_address)) as database:
        counted = FieldStore(database).passages(YEAR_AGO, datetime.now(UTC), None)
    assert [(one.camera_id, one.passages) for one in counted] == [("dep-1", 1)]


@pytest.mark.slow
async def test_a_listed_traveller_to_whom_the_track_of_an_innocent_goes_over_alerts_alone(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        agent = Agent(server.channel)
        camera = await CaptureClient.open(server.channel)
        probe = face()
        for one in (*(face(group()) for _ in range(4)), probe, face(group())):
            assert await camera.receipt(one) == ("ACCEPTED", "")
        event = await agent.event()
        assert (event.type, event.capture_id) == (alert_pb2.ALERT_EVENT_TYPE_RAISED, probe.capture_id)
        held = await agent.stub.GetAlert(alert_service_pb2.GetAlertRequest(alert_id=event.alert.alert_id))
        assert [(one.capture_id, one.fused_crops) for one in held.alert.sightings] == [(probe.capture_id, 1)]
    with closing(Database(chosen.database_address)) as database:
        counted = FieldStore(database).passages(YEAR_AGO, datetime.now(UTC), None)
    assert [one.passages for one in counted] == [2]


SILENT: dict[str, Callable[[], BanOrder]] = {
    "lapsed": lambda: order_in_force(valid_until=TODAY - timedelta(days=2)),
    "revoked": lambda: order_in_force(revoked_at=datetime.now(UTC) - timedelta(hours=1)),
    "not yet valid": lambda: order_in_force(valid_from=TODAY + timedelta(days=2)),
    "capped": lambda: order_in_force(
        valid_from=TODAY - timedelta(days=400),
        received_on=TODAY - timedelta(days=400),
        decree_date=TODAY - timedelta(days=401),
        valid_until=TODAY + timedelta(days=30),
    ),
    "for arrivals only": lambda: order_in_force(kind=OrderKind.TANGKAL),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", SILENT)
async def test_an_order_that_is_not_in_force_here_never_alerts(tmp_path: Path, what: str):
    chosen = settings(tmp_path)
    list_astronaut(chosen, SILENT[what]())
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ("ACCEPTED", "")
        status = await operations_service_pb2_grpc.OperationsServiceStub(server.channel).GetStatus(
            operations_service_pb2.GetStatusRequest()
        )
        assert (status.captures.accepted, status.captures.alerts_raised, status.head_sequence) == (1, 0, 0)
        searched = what in {"not yet valid", "for arrivals only"}
        assert (status.gallery.templates, status.gallery.subjects_left_out) == (searched, not searched)


async def test_an_order_for_arrivals_alerts_on_an_arrival_camera(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen, order_in_force(kind=OrderKind.TANGKAL), order_in_force(order_id="O-2"))
    async with running(chosen) as server:
        agent = Agent(server.channel)
        await (await CaptureClient.open(server.channel, "arr-1")).receipt(face())
        alert = (await agent.event()).alert
        assert [order.order_id for order in alert.orders] == ["O-1"]


@pytest.mark.slow
async def test_an_agent_resumes_after_what_it_acknowledged_even_over_a_restart(tmp_path: Path):
    chosen = settings(tmp_path, grouping_window_seconds=0)
    list_astronaut(chosen)
    async with running(chosen) as server:
        agent = Agent(server.channel)
        camera = await CaptureClient.open(server.channel)
        for track in "abc":
            await camera.receipt(face(track=track))
        first, second, third = [await agent.event() for _ in range(3)]
        await agent.acknowledge(first.sequence)
        assert [first.sequence, second.sequence] < [second.sequence, third.sequence]
    async with running(chosen) as server:
        resumed = Agent(server.channel)
        assert (await resumed.subscribed()).after_sequence == first.sequence
        assert [(await resumed.event()).sequence for _ in range(2)] == [second.sequence, third.sequence]
        fresh = Agent(server.channel, agent_id="pc-2", now=Empty())
        assert (await fresh.subscribed()).after_sequence == third.sequence
        whole = Agent(server.channel, agent_id="pc-3", from_start=Empty())
        assert (await whole.event()).sequence == first.sequence
        beyond = Agent(server.channel, after_sequence=third.sequence + 1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await beyond.call.read()
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason_of(caught.value) == "POSITION_UNKNOWN"


async def test_a_filter_brings_what_happens_at_an_officers_counter(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen, order_in_force(), order_in_force(order_id="O-2", kind=OrderKind.TANGKAL))
    async with running(chosen) as server:
        arrivals = Agent(server.channel, filter=alert_service_pb2.AlertFilter(direction=camera_pb2.DIRECTION_ARRIVAL))
        await arrivals.subscribed()
        await (await CaptureClient.open(server.channel, "dep-1")).receipt(face())
        await (await CaptureClient.open(server.channel, "arr-1")).receipt(face(track="2"))
        event = await arrivals.event()
        assert event.sequence == 2, "the departure's event is not for this agent"
        assert event.type == alert_pb2.ALERT_EVENT_TYPE_SIGHTED, "the sighting joins the alert of its site"


@pytest.mark.slow
async def test_a_capture_that_alerted_is_a_duplicate_after_a_restart(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    capture = face()
    async with running(chosen) as server:
        await (await CaptureClient.open(server.channel)).receipt(capture)
    async with running(chosen) as server:
        assert await (await CaptureClient.open(server.channel)).receipt(capture) == ("ACCEPTED", "")
        alerts = await alert_service_pb2_grpc.AlertServiceStub(server.channel).ListAlerts(
            alert_service_pb2.ListAlertsRequest()
        )
        assert [len(alert.sightings) for alert in alerts.alerts] == [1]


@pytest.mark.slow
async def test_an_import_over_grpc_takes_effect_while_cameras_stream(tmp_path: Path):
    chosen = settings(tmp_path)
    ban = order_in_force()
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face(track="before")) == ("ACCEPTED", "")
        photo = jpeg(astronaut(), 95)
        call: Any = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel).ImportWatchlist()
        request = watchlist_service_pb2.ImportWatchlistRequest
        await call.write(
            request(
                record=watchlist_service_pb2.ImportRecord(
                    subject=watchlist_pb2.Subject(subject_id="S-1", name="Contoh Satu", nationality="USA"),
                    order=watchlist_pb2.BanOrder(
                        order_id="O-1",
                        subject_id="S-1",
                        kind=watchlist_pb2.ORDER_KIND_CEGAH,
                        requesting_agency="Kejaksaan Agung",
                        valid_from=ban.valid_from.isoformat(),
                        valid_until=ban.valid_until.isoformat(),
                        received_on=ban.received_on.isoformat(),
                    ),
                    photo_names=["front.jpg", "missing.jpg"],
                )
            )
        )
        half = len(photo) // 2
        for data, last in ((photo[:half], False), (photo[half:], True)):
            chunk = watchlist_service_pb2.PhotoChunk(name="front.jpg", data=data, last=last)
            await call.write(request(photo_chunk=chunk))
        await call.write(request(finish=watchlist_service_pb2.ImportFinish()))
        report = (await call.read()).report
        assert report.outcome == watchlist_pb2.IMPORT_OUTCOME_STORED
        assert report.status == watchlist_pb2.ORDER_STATUS_ACTIVE
        assert [(photo.name, photo.outcome, photo.reason) for photo in report.photos] == [
            ("front.jpg", watchlist_pb2.PHOTO_OUTCOME_ENROLLED, ""),
            ("missing.jpg", watchlist_pb2.PHOTO_OUTCOME_REFUSED, "PHOTO_MISSING"),
        ]
        agent = Agent(server.channel)
        await agent.subscribed()
        async with asyncio.timeout(30):
            raised = asyncio.create_task(agent.event())
            number = 0
            while not raised.done():
                number += 1
                await camera.receipt(face(track=str(number)))
        assert raised.result().alert.subject.subject_id == "S-1"


@pytest.mark.slow
async def test_cameras_learn_that_the_server_stops(tmp_path: Path):
    async with running(settings(tmp_path)) as server:
        channel = grpc.aio.insecure_channel(server.address)
        camera = await CaptureClient.open(channel)
        assert await camera.receipt(face()) == ("ACCEPTED", "")
        reading = asyncio.create_task(camera.call.read())
    assert (await reading).WhichOneof("message") == "drain"
    await channel.close()


async def test_the_status_tells_cameras_agents_and_captures(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        heartbeat = capture_service_pb2.Heartbeat(
            frames_per_second=12.5, outbox_depth=3, view_state=capture_pb2.VIEW_STATE_OK
        )
        await camera.call.write(capture_service_pb2.StreamFacesRequest(heartbeat=heartbeat))
        agent = Agent(server.channel)
        await agent.subscribed()  # a new agent gets what comes from now on
        await camera.receipt(face())
        await agent.acknowledge((await agent.event()).sequence)
        status = await operations_service_pb2_grpc.OperationsServiceStub(server.channel).GetStatus(
            operations_service_pb2.GetStatusRequest()
        )
        by_id = {entry.camera.camera_id: entry for entry in status.cameras}
        assert (by_id["dep-1"].connected, by_id["arr-1"].connected) == (True, False)
        assert (by_id["dep-1"].frames_per_second, by_id["dep-1"].outbox_depth) == (12.5, 3)
        assert [(entry.agent_id, entry.connected, entry.acknowledged_sequence) for entry in status.agents] == [
            ("pc-1", True, 1)
        ]
        assert (status.gallery.model_pack, status.gallery.subjects, status.thread_budget) == ("light", 1, 2)
