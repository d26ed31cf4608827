"""An urgent order that a source sends again as somebody else's: the server knows the person by their numbers."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.server.domain.orders.agencies import Agency
from cekalwatch.v1 import (
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    operations_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import CaptureClient, Running, face, jpeg, running, settings
from tests.support.scenarios.two_models import until
from tests.support.tools.programs import server_command

ONE, OTHER = "2171013101800001", "2171013101800002"
ACCEPTED = ("ACCEPTED", "")
TODAY = datetime.now(UTC).date()


async def imported(
    server: Running, number: int, nik: str, received: date, agency: str = "Kejaksaan Agung"
) -> watchlist_pb2.ImportReport:
    """Import an undecided urgent order with the portrait, under a key of its own."""
    message = watchlist_service_pb2.ImportWatchlistRequest()
    subject, order = message.record.subject, message.record.order
    subject.subject_id = order.subject_id = f"S-{number}"
    subject.name, subject.nik = f"Contoh {number}", nik
    order.order_id, order.kind = f"U-{number}", watchlist_pb2.ORDER_KIND_CEGAH
    order.requesting_agency, order.urgent = agency, True
    order.valid_from = order.received_on = str(received)
    order.valid_until = str(received + timedelta(days=150))
    message.record.photo_names.append("portrait.jpg")
    # The generated stubs are typed for one kind of channel only.
    call: Any = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel).ImportWatchlist()
    await call.write(message)
    photo = watchlist_service_pb2.PhotoChunk(name="portrait.jpg", data=jpeg(astronaut()), last=True)
    await call.write(watchlist_service_pb2.ImportWatchlistRequest(photo_chunk=photo))
    await call.done_writing()
    report: watchlist_pb2.ImportReport = (await call.read()).report
    return report


async def gallery(server: Running) -> operations_pb2.GalleryStatus:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    return (await stub.GetStatus(operations_service_pb2.GetStatusRequest())).gallery


async def alerts_after_a_passage(server: Running, track: str) -> list[alert_pb2.Alert]:
    camera = await CaptureClient.open(server.channel)
    assert await camera.receipt(face(track=track)) == ACCEPTED
    camera.call.cancel()
    stub = alert_service_pb2_grpc.AlertServiceStub(server.channel)
    return list((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts)


@pytest.mark.slow
async def test_an_urgent_order_sent_again_as_another_subject_is_reported_and_never_alerts(tmp_path: Path) -> None:
    async with asyncio.timeout(60), running(settings(tmp_path)) as server:
        first = await imported(server, 1, ONE, TODAY - timedelta(days=30))
        again = await imported(server, 2, ONE, TODAY)
        assert (first.status, list(first.broken_rules)) == (watchlist_pb2.ORDER_STATUS_LAPSED, [])
        assert (again.status, list(again.broken_rules)) == (watchlist_pb2.ORDER_STATUS_INVALID, ["URGENT_RESUBMITTED"])
        (photo,) = again.photos
        assert photo.outcome == watchlist_pb2.PHOTO_OUTCOME_ENROLLED
        await until(lambda: _left_out(server, 2))
        assert await alerts_after_a_passage(server, "1") == []

        # It was the number of somebody else: now the order is the first one of this person.
        assert (await imported(server, 2, OTHER, TODAY)).status == watchlist_pb2.ORDER_STATUS_ACTIVE
        await until(lambda: _left_out(server, 1))
        (alert,) = await alerts_after_a_passage(server, "2")
        assert [candidate.subject_id for candidate in alert.candidates] == ["S-2"]


async def _left_out(server: Running, subjects: int) -> bool:
    return (await gallery(server)).subjects_left_out == subjects


@pytest.mark.slow
async def test_two_spellings_are_one_agency_as_soon_as_the_list_of_agencies_says_so(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    async with asyncio.timeout(60), running(chosen) as server:
        await imported(server, 1, ONE, TODAY - timedelta(days=30), "Dinas Contoh")
        again = await imported(server, 2, ONE, TODAY, "Dinas Umpama")
        assert again.status == watchlist_pb2.ORDER_STATUS_ACTIVE
        await until(lambda: _left_out(server, 1))
        command = ["agencies", "put", "DINAS", "Dinas Contoh", "--also", "Dinas Umpama"]
        done = await server_command("watchlist", *command, data=chosen.data_dir)
        assert done.returncode == 0, done.stderr
        await until(lambda: _left_out(server, 2))
        assert await alerts_after_a_passage(server, "1") == []
        stub = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel)
        found = (await stub.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="S-2"))).subject.orders[0]
        assert list(found.broken_rules) == ["URGENT_RESUBMITTED"]
        mark = Agency("DINAS", "Dinas Contoh", ("Dinas Umpama",)).mark
        await server_command("watchlist", "agencies", "remove", "DINAS", "--seen", mark, data=chosen.data_dir)
        await until(lambda: _left_out(server, 1))
        assert len(await alerts_after_a_passage(server, "2")) == 1
