"""Importing over the network: many records under way at once, reports in their order, and room that is given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.server.foundation.errors import Code
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2, watchlist_service_pb2_grpc
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import Running, jpeg, reason_of, running, settings

Request = watchlist_service_pb2.ImportWatchlistRequest
STORED, REFUSED = watchlist_pb2.IMPORT_OUTCOME_STORED, watchlist_pb2.IMPORT_OUTCOME_REFUSED
WAIT_S = 30.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def portrait() -> bytes:
    return jpeg(astronaut())


def record(number: int, *photographs: str, **facts: Any) -> Request:
    """An order of a subject of its own."""
    message = Request()
    message.record.subject.subject_id = message.record.order.subject_id = f"S-{number}"
    message.record.subject.name = "Contoh Satu"
    order = message.record.order
    order.order_id, order.kind, order.requesting_agency = f"O-{number}", watchlist_pb2.ORDER_KIND_CEGAH, "Contoh"
    order.valid_from = order.received_on = facts.get("valid_from", "2026-01-01")
    order.valid_until = "2026-06-30"
    message.record.photo_names.extend(photographs)
    return message


def chunk(name: str, data: bytes) -> Request:
    return Request(photo_chunk=watchlist_service_pb2.PhotoChunk(name=name, data=data, last=True))


def sent(portrait: bytes, *numbers: int) -> Iterator[Request]:
    """Records with a photograph each, as a client sends them."""
    for number in numbers:
        yield record(number, "1.jpg")
        yield chunk("1.jpg", portrait + b"\0" * number)


def called(server: Running) -> Any:
    return watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel).ImportWatchlist()


async def reports(call: Any, count: int) -> list[watchlist_pb2.ImportReport]:
    async with asyncio.timeout(WAIT_S):
        return [(await call.read()).report for _ in range(count)]


async def ending(call: Any) -> str:
    """The reason with which the call ends, after whatever it still tells."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(WAIT_S):
            while await call.read() is not grpc.aio.EOF:
                pass
    return reason_of(caught.value)


@pytest.mark.slow
async def test_a_client_that_waits_for_each_report_gets_it(server: Running, portrait: bytes) -> None:
    call = called(server)
    for number in range(3):
        for request in sent(portrait, number):
            await call.write(request)
        (report,) = await reports(call, 1)
        assert (report.order_id, report.outcome) == (f"O-{number}", STORED)


@pytest.mark.slow
async def test_many_records_are_reported_on_in_their_order_with_those_that_cannot_be_read(
    server: Running, portrait: bytes
) -> None:
    call = called(server)
    for number in range(60):
        wrong = number % 20 == 7
        await call.write(record(number, "1.jpg", valid_from="yesterday" if wrong else "2026-01-01"))
        await call.write(chunk("1.jpg", portrait + b"\0" * number))
    await call.write(Request(finish=watchlist_service_pb2.ImportFinish()))
    told = await reports(call, 60)
    assert [report.order_id for report in told] == [f"O-{number}" for number in range(60)]
    assert [number for number, report in enumerate(told) if report.outcome == REFUSED] == [7, 27, 47]
    enrolled = {photo.outcome for report in told for photo in report.photos}
    assert enrolled == {watchlist_pb2.PHOTO_OUTCOME_ENROLLED}
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.slow
async def test_what_came_before_a_mistake_is_stored_and_reported_on(server: Running, portrait: bytes) -> None:
    call = called(server)
    for request in sent(portrait, *range(10)):
        await call.write(request)
    await call.write(chunk("not announced", b"anything"))
    told = await reports(call, 10)
    assert [report.outcome for report in told] == [STORED] * 10
    assert await ending(call) == Code.RECORD_EXPECTED


async def test_a_date_that_cannot_be_true_is_told_with_what_was_probably_meant(server: Running) -> None:
    request = record(1)
    request.record.order.decree_number, request.record.order.decree_date = "KEP-1", "2027-01-01"
    call = called(server)
    await call.write(request)
    (report,) = await reports(call, 1)
    doubt = watchlist_pb2.DateDoubt(field="decree_date", oddity="AFTER", other="received_on", meant="2026-01-01")
    assert (report.outcome, list(report.doubts), "CHECK_DECREE_DATE" in report.flags) == (STORED, [doubt], True)


async def test_a_record_without_the_photographs_that_it_announced_is_stored_with_the_others(
    server: Running, portrait: bytes
) -> None:
    call = called(server)
    await call.write(record(1, "1.jpg", "2.jpg"))
    await call.write(chunk("1.jpg", portrait))
    await call.write(record(2))
    first, second = await reports(call, 2)
    assert [photo.reason for photo in first.photos] == ["", Code.PHOTO_MISSING]
    assert (first.outcome, second.outcome) == (STORED, STORED)


@pytest.mark.slow
async def test_room_is_free_again_when_a_client_vanishes_with_records_under_way(
    server: Running, portrait: bytes
) -> None:
    for _ in range(3):
        call = called(server)
        for request in sent(portrait, *range(30)):
            await call.write(request)
        await call.write(record(30, *map(str, range(10))))
        await reports(call, 1)
        call.cancel()
    # The last one needs all the room that there is.
    call = called(server)
    for request in sent(portrait, *range(5)):
        await call.write(request)
    await reports(call, 5)
    await call.write(record(31, *map(str, range(10))))
    for name in map(str, range(10)):
        await call.write(chunk(name, portrait))
    (report,) = await reports(call, 1)
    assert [photo.outcome for photo in report.photos] == [
        watchlist_pb2.PHOTO_OUTCOME_ENROLLED,
        *[watchlist_pb2.PHOTO_OUTCOME_UNCHANGED] * 9,
    ]
