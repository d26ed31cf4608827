"""The catalogue of errors: complete, in use, and all that a client ever learns of a failure."""

from __future__ import annotations

import ast
import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_status import rpc_status
from structlog.testing import capture_logs

from cekalwatch.server.app import Server
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code, Kind
from cekalwatch.server.grpc_api.errors import STATUS_OF_KIND
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.wire.options import CLIENT_OPTIONS
from tests.support.repository import ROOT
from tests.support.scenarios.server import hello, list_astronaut, reason_of, settings

SECRET = "password=rahasia of Budi"


def names_in_use(enumeration: str) -> set[str]:
    """Members of an enumeration that the server's code names, apart from the file that defines it."""
    texts = {file: file.read_text("utf-8") for file in (ROOT / "server").rglob("*.py")}
    return {
        node.attr
        for file, text in texts.items()
        if f"{enumeration}." in text and (file.name != "errors.py" or file.parent.name != "domain")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == enumeration
    }


def test_each_code_has_its_name_as_value() -> None:
    assert all(code.value == code.name for code in Code)


def test_each_kind_is_used_and_has_a_status_of_its_own() -> None:
    assert {code.kind for code in Code} == set(Kind) == set(STATUS_OF_KIND)
    names = {status.value[0]: status.name for status in grpc.StatusCode}
    assert {kind: names[status] for kind, status in STATUS_OF_KIND.items()} == {kind: kind.value for kind in Kind}


def test_each_code_is_used() -> None:
    assert names_in_use("Code") == {code.name for code in Code}


@pytest.mark.parametrize("code", Code)
def test_messages_are_sentences_and_no_two_are_the_same(code: Code) -> None:
    message = code.message
    assert message[0].isupper()
    assert message.endswith(".")
    assert len(message) <= 100
    assert [other.message for other in Code].count(message) == 1


def test_an_errors_detail_is_not_what_a_client_is_told() -> None:
    error = CekalwatchError(Code.ARGUMENT_INVALID, SECRET)
    assert SECRET in str(error)
    assert SECRET not in error.public_message


class FailingClock(SystemClock):
    """A clock that tells the time until the test breaks it."""

    def __init__(self) -> None:
        self.broken = False

    def now(self) -> datetime:
        """Return the time, or raise an error whose text nobody may see."""
        if self.broken:
            raise RuntimeError(SECRET)
        return datetime.now(UTC)


class Broken:
    """A server of which a part has failed since it started."""

    def __init__(self, channel: grpc.aio.Channel, chosen: ServerSettings, clock: FailingClock) -> None:
        self.channel = channel
        self.settings = chosen
        self.clock = clock

    def spoil_database(self) -> None:
        """Take the tables away."""
        with sqlite3.connect(self.settings.data_dir / "cekalwatch.sqlite3") as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            database.execute("PRAGMA foreign_keys = OFF")
            for name in names:
                if not name.startswith("sqlite_"):
                    database.execute(f'DROP TABLE "{name}"')
        database.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Broken]:
    chosen, clock = settings(tmp_path), FailingClock()
    list_astronaut(chosen)
    async with (
        Server(chosen, clock) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}", options=CLIENT_OPTIONS) as channel,
    ):
        yield Broken(channel, chosen, clock)
        clock.broken = False


async def subscribe(channel: grpc.aio.Channel) -> None:
    stub = alert_service_pb2_grpc.AlertServiceStub(channel)
    async for _ in stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1")):
        pass


async def acknowledge(channel: grpc.aio.Channel) -> None:
    stub = alert_service_pb2_grpc.AlertServiceStub(channel)
    await stub.AcknowledgeAlerts(alert_service_pb2.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=0))


async def list_alerts(channel: grpc.aio.Channel) -> None:
    await alert_service_pb2_grpc.AlertServiceStub(channel).ListAlerts(alert_service_pb2.ListAlertsRequest())


async def send(channel: grpc.aio.Channel, method: str, message: Message) -> None:
    """Send one message to a method that takes a stream of them, and read the answers.

    It goes in one piece with the end of the messages: grpc.aio ends a call of which a write fails as INTERNAL without
    details, though the server has ended it with others, and a server that is broken may end it before it reads.
    """
    ask: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(f"/cekalwatch.v1.{method}")
    call = ask(message.SerializeToString())
    while await call.read() is not grpc.aio.EOF:
        pass


async def stream(channel: grpc.aio.Channel) -> None:
    await send(channel, "CaptureService/StreamFaces", hello())


async def import_order(channel: grpc.aio.Channel) -> None:
    record = watchlist_service_pb2.ImportRecord(
        subject=watchlist_pb2.Subject(subject_id="S-2", name="Contoh Dua"),
        order=watchlist_pb2.BanOrder(
            order_id="O-2",
            subject_id="S-2",
            kind=watchlist_pb2.ORDER_KIND_CEGAH,
            requesting_agency="Kejaksaan Agung",
            valid_from="2026-01-01",
            valid_until="2026-06-30",
            received_on="2026-01-01",
        ),
    )
    request = watchlist_service_pb2.ImportWatchlistRequest(record=record)
    await send(channel, "WatchlistService/ImportWatchlist", request)


async def get_subject(channel: grpc.aio.Channel) -> None:
    stub = watchlist_service_pb2_grpc.WatchlistServiceStub(channel)
    await stub.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="S-1"))


async def get_status(channel: grpc.aio.Channel) -> None:
    stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
    await stub.GetStatus(operations_service_pb2.GetStatusRequest())


Call = Callable[[grpc.aio.Channel], Any]


async def failure(call: Call, channel: grpc.aio.Channel) -> tuple[grpc.StatusCode, str]:
    """Return the status and the code that the call ends with; nothing of the failure's own words is among them."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(20):
            await call(channel)
    error = caught.value
    reason = reason_of(error)
    assert error.details() == Code(reason).message
    metadata = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
    everything = f"{error.details()} {metadata} {rpc_status.from_call(error)} {error.debug_error_string()}"
    for words in ("rahasia", "RuntimeError", "Traceback", "sqlite", "no such table", "SELECT"):
        assert words not in everything
    return error.code(), reason


@pytest.mark.slow
@pytest.mark.parametrize("call", [subscribe, acknowledge, stream, import_order, get_subject, get_status])
async def test_an_unexpected_error_is_internal_and_its_words_stay_in_the_log(server: Broken, call: Call) -> None:
    server.clock.broken = True
    with capture_logs() as logs:
        assert await failure(call, server.channel) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert [str(entry["exc_info"]) for entry in logs if entry["event"] == "call_failed"] == [SECRET]
    server.clock.broken = False
    await get_status(server.channel)


@pytest.mark.slow
@pytest.mark.parametrize(
    "call", [subscribe, acknowledge, list_alerts, import_order, get_subject, get_status], ids=lambda call: call.__name__
)
async def test_a_database_that_fails_is_unavailable_and_its_words_stay_here(server: Broken, call: Call) -> None:
    server.spoil_database()
    assert await failure(call, server.channel) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")


async def test_an_unknown_method_is_unimplemented(server: Broken) -> None:
    for path in ("/cekalwatch.v1.AlertService/ForgetAlerts", "/cekalwatch.v2.AlertService/ListAlerts"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(path)
            await method(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
