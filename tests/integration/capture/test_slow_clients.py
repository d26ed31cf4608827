"""Clients that connect and say nothing, stop in the middle, or never read, are dropped in the time that is stated."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.server.auth.certificate import LoopbackAuthentication
from cekalwatch.server.auth.limits import MAX_OPEN, REFUSAL_DELAY_S
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor
from cekalwatch.server.grpc_api.messages import REQUEST_S
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    capture_service_pb2_grpc,
    operations_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.options import HANDSHAKE_TIMEOUT_MS, KEEPALIVE_PERIOD_MS, KEEPALIVE_TIMEOUT_MS
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.server import CaptureClient, Running, reason_of, running, settings
from tests.support.scenarios.site_pki import Site
from tests.support.tools.http2_frames import HEADERS, PREFACE, SETTINGS, frame

SHAKEN_S = HANDSHAKE_TIMEOUT_MS / 1000
ALIVE_S = (KEEPALIVE_PERIOD_MS + KEEPALIVE_TIMEOUT_MS) / 1000
SLACK_S = 6.0
WAIT_S = 40.0
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20)
"""The beginning of one that promises 512 bytes."""


HALF_A_MESSAGE = frame(0, 0, 1, b"\x00" + struct.pack(">I", 200_000) + b"half")

PLAINTEXT: dict[str, tuple[bytes, float]] = {
    "silence": (b"", SHAKEN_S),
    "half a preface": (PREFACE[:9], SHAKEN_S),
    "a preface and no settings": (PREFACE, SHAKEN_S),
    "settings and no answer to pings": (PREFACE + SETTINGS, ALIVE_S),
    "headers that do not end": (PREFACE + SETTINGS + frame(1, 0, 1, HEADERS[:40]), ALIVE_S),
    "a call that stops in its first message": (PREFACE + SETTINGS + frame(1, 4, 1, HEADERS) + HALF_A_MESSAGE, ALIVE_S),
}
TLS: dict[str, tuple[bytes, float]] = {
    "silence before TLS": (b"", SHAKEN_S),
    "half a hello of TLS": (CLIENT_HELLO, SHAKEN_S),
    "plaintext where TLS is wanted": (PREFACE + SETTINGS, SHAKEN_S),
}


async def seconds_until_dropped(address: str, said: bytes) -> float:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    begun = time.monotonic()
    try:
        writer.write(said)
        async with asyncio.timeout(WAIT_S):
            while await reader.read(65536):
                pass
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
    return time.monotonic() - begun


async def each_is_dropped(address: str, cases: dict[str, tuple[bytes, float]]) -> None:
    took = await asyncio.gather(*(seconds_until_dropped(address, said) for said, _ in cases.values()))
    found = dict(zip(cases, took, strict=True))
    assert {what: found[what] for what, (_, most_s) in cases.items() if found[what] > most_s + SLACK_S} == {}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings(tmp_path, import_stall_seconds=0.5, handshake_seconds=1)) as opened:
        yield opened


@pytest.mark.slow
async def test_half_open_connections_are_dropped_and_others_go_on(server: Running) -> None:
    stream = await CaptureClient.open(server.channel)
    await each_is_dropped(server.address, PLAINTEXT)
    await stream.call.done_writing()
    assert await stream.call.read() is grpc.aio.EOF


@pytest.mark.slow
async def test_half_open_tls_connections_are_dropped(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    async with running(site.settings(), site.diagnostics()) as server:
        await each_is_dropped(server.address, TLS)


async def how_it_ends(call: Any) -> tuple[grpc.StatusCode, str]:
    try:
        async with asyncio.timeout(WAIT_S):
            while await call.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError as error:
        return error.code(), reason_of(error)
    raise AssertionError("the call ended well")


async def test_a_stream_that_is_opened_without_hello_ends(server: Running) -> None:
    call = capture_service_pb2_grpc.CaptureServiceStub(server.channel).StreamFaces()
    assert await how_it_ends(call) == (grpc.StatusCode.INVALID_ARGUMENT, Code.HELLO_TIMEOUT)


def record(*photographs: str) -> watchlist_service_pb2.ImportWatchlistRequest:
    message = watchlist_service_pb2.ImportWatchlistRequest()
    message.record.subject.subject_id = message.record.order.subject_id = "S-1"
    message.record.subject.name = "Contoh Satu"
    order = message.record.order
    order.order_id, order.kind, order.requesting_agency = "O-1", watchlist_pb2.ORDER_KIND_CEGAH, "Kejaksaan Agung"
    order.valid_from = order.received_on = "2026-01-01"
    order.valid_until = "2026-06-30"
    message.record.photo_names.extend(photographs)
    return message


async def test_an_upload_that_stalls_ends_and_the_next_one_gets_its_room(server: Running) -> None:
    stub = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel)
    # Each takes all the room that uploads have, so that the second begins when the first has ended.
    for _ in range(2):
        call = stub.ImportWatchlist()
        await call.write(record(*map(str, range(10))))
        chunk = watchlist_service_pb2.PhotoChunk(name="0", data=b"the first bytes")
        await call.write(watchlist_service_pb2.ImportWatchlistRequest(photo_chunk=chunk))
        assert await how_it_ends(call) == (grpc.StatusCode.UNAVAILABLE, Code.UPLOAD_STALLED)


@pytest.mark.slow
async def test_an_upload_that_drips_ends_too(tmp_path: Path) -> None:
    async with running(settings(tmp_path, import_stall_seconds=5, import_record_seconds=1)) as server:
        assert await asyncio.to_thread(how_a_drip_ends, server.address) == (
            grpc.StatusCode.UNAVAILABLE,
            Code.UPLOAD_STALLED,
        )


def how_a_drip_ends(address: str) -> tuple[grpc.StatusCode, str]:
    """Send a photograph drop by drop until the server ends the call.

    Without asyncio: there, a write at the moment of the end hides the server's status.
    """
    ended = threading.Event()

    def drip() -> Iterator[watchlist_service_pb2.ImportWatchlistRequest]:
        yield record("0")
        while not ended.wait(0.1):
            drop = watchlist_service_pb2.PhotoChunk(name="0", data=b"drop")
            yield watchlist_service_pb2.ImportWatchlistRequest(photo_chunk=drop)

    with grpc.insecure_channel(address) as channel:
        call = watchlist_service_pb2_grpc.WatchlistServiceStub(channel).ImportWatchlist(drip(), timeout=WAIT_S)
        try:
            for _ in call:
                pass
        except grpc.RpcError as error:
            return error.code(), reason_of(error)
        finally:
            ended.set()
    raise AssertionError("the call ended well")


@pytest.mark.slow
async def test_a_request_that_does_not_come_ends_its_call(server: Running) -> None:
    """As a stream, a client can open the call and keep its one request back."""
    begun = time.monotonic()
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = server.channel.stream_stream(
        "/cekalwatch.v1.OperationsService/GetStatus"
    )
    assert await how_it_ends(method()) == (grpc.StatusCode.UNAVAILABLE, Code.REQUEST_STALLED)
    assert time.monotonic() - begun < REQUEST_S + SLACK_S
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    await stub.GetStatus(GetStatusRequest(), timeout=WAIT_S)


async def test_a_client_that_never_reads_is_dropped(tmp_path: Path) -> None:
    closed = asyncio.Event()
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()

    async def endless(_: bytes, __: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(100_000)
        finally:
            closed.set()

    server = grpc.aio.server(
        interceptors=[
            AuthenticationInterceptor(LoopbackAuthentication(), Office(database).attendance, reader_stall_s=0.5)
        ]
    )
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(endless)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Deaf", {"Listen": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, asyncio.timeout(WAIT_S):
        listen: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Deaf/Listen")
        call = listen(b"")
        await call.read()
        await closed.wait()
        assert await how_it_ends(call) == (grpc.StatusCode.UNAVAILABLE, Code.READER_STALLED)
    await server.stop(None)
    database.close()


@pytest.mark.slow
async def test_a_device_that_asks_without_a_pause_is_refused_late_and_others_are_answered(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    async with running(with_an_officer(site), site.diagnostics()) as server, asyncio.timeout(WAIT_S):
        greedy = site.dialer(server.address, site.device(DeviceRole.NOTIFIER, "desk-1")).aio_channel()
        modest = site.dialer(server.address, site.device(DeviceRole.NOTIFIER, "desk-2")).aio_channel()
        request = alert_service_pb2.ListAlertsRequest(page_size=100)
        async with greedy, modest:
            signed_in, other_desk = await token(greedy), await token(modest)
            begun = time.monotonic()
            many = range(2 * MAX_OPEN[DeviceRole.NOTIFIER])
            ends = await asyncio.gather(*(how_a_list_ends(greedy, signed_in) for _ in many))
            assert (grpc.StatusCode.RESOURCE_EXHAUSTED, Code.CALLS_TOO_MANY) in ends
            assert time.monotonic() - begun >= REFUSAL_DELAY_S
            other: Any = alert_service_pb2_grpc.AlertServiceStub(modest)
            await other.ListAlerts(request, metadata=bearer(other_desk), timeout=REFUSAL_DELAY_S)


def with_an_officer(site: Site) -> ServerSettings:
    """Return settings of a server that knows an officer."""
    chosen = site.settings()
    database = Database(chosen.database_address)
    database.upgrade()
    Office(database).hire(person("budi"))
    database.close()
    return chosen


async def token(channel: grpc.aio.Channel) -> str:
    """Sign the officer in."""
    proof = session_service_pb2.PasswordProof(sign_in_name="budi", password=PASSWORD)
    stub: Any = session_service_pb2_grpc.SessionServiceStub(channel)
    purpose = session_pb2.SESSION_PURPOSE_CALLS
    answer = await stub.SignIn(session_service_pb2.SignInRequest(purpose=purpose, password=proof))
    return str(answer.token)


async def how_a_list_ends(channel: grpc.aio.Channel, signed_in: str) -> tuple[grpc.StatusCode, str]:
    stub: Any = alert_service_pb2_grpc.AlertServiceStub(channel)
    try:
        await stub.ListAlerts(alert_service_pb2.ListAlertsRequest(page_size=100), metadata=bearer(signed_in))
    except grpc.aio.AioRpcError as error:
        return error.code(), reason_of(error)
    return grpc.StatusCode.OK, ""


@pytest.mark.slow
async def test_a_device_that_lists_many_pages_is_held_back_and_gets_them_all(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    async with (
        asyncio.timeout(WAIT_S),
        running(with_an_officer(site), site.diagnostics()) as server,
        site.dialer(server.address, site.device(DeviceRole.NOTIFIER, "desk-1")).aio_channel() as channel,
    ):
        signed_in = await token(channel)
        begun = time.monotonic()
        for _ in range(6):
            assert await how_a_list_ends(channel, signed_in) == (grpc.StatusCode.OK, "")
        assert time.monotonic() - begun > 1


@pytest.mark.slow
async def test_a_camera_has_so_many_streams_open_and_no_more(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    async with (
        asyncio.timeout(WAIT_S),
        running(site.settings(), site.diagnostics()) as server,
        site.dialer(server.address, site.device(DeviceRole.CAMERA, "dep-1")).aio_channel() as channel,
    ):
        held = [await CaptureClient.open(channel) for _ in range(MAX_OPEN[DeviceRole.CAMERA])]
        one_more = capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces()
        assert await how_it_ends(one_more) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Code.CALLS_TOO_MANY)
        await held[0].call.done_writing()
        assert await held[0].call.read() is grpc.aio.EOF
        await CaptureClient.open(channel)
