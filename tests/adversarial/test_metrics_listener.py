"""Whoever reaches the listener for metrics can neither hold it up nor get from it what is not theirs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import pytest
from structlog.testing import capture_logs

from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.health.monitoring import listener
from cekalwatch.server.health.monitoring.listener import MonitoringListener, Request, Response
from tests.support.scenarios.sign_in import becomes

WAIT_S = 30.0
LARGE = 32_000_000
"""Bytes that no socket's buffers take."""


def answer(request: Request) -> Response:
    if request.target == "/defect":
        raise RuntimeError("a defect")
    return Response.text(HTTPStatus.OK, "x" * LARGE if request.target == "/large" else "fine")


@asynccontextmanager
async def listening(refused: list[Code] | None = None) -> AsyncIterator[int]:
    """The port of a listener in plaintext."""

    def note(code: Code, _: str) -> None:
        (refused if refused is not None else []).append(code)

    opened = MonitoringListener(socket.create_server(("127.0.0.1", 0)), None, lambda _: None, answer, note)
    opened.start()
    try:
        async with asyncio.timeout(WAIT_S):
            yield opened.port
    finally:
        await asyncio.to_thread(opened.close)


async def sent(port: int, request: bytes) -> bytes:
    """Return what comes for that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def asked(target: str = "/", *headers: str, method: str = "GET", host: str = "localhost") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


async def works(port: int) -> bool:
    return (await sent(port, asked())).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(method="POST"), 405),
        (asked(method="TRACE"), 405),
        (asked("/", "Content-Length: 5", method="PUT") + b"hello", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (asked("/" + "a" * 20_000), 431),
        (asked("/", *(f"X-{number}: {'b' * 100}" for number in range(200))), 431),
        (asked(host="attacker.example"), 421),
        (asked(host="localhost.attacker.example:80"), 421),
        (asked("/", "X-Forwarded-For: 192.0.2.1"), 403),
        (asked("/defect"), None),
    ],
)
async def test_what_is_no_sound_request_is_refused_and_the_next_one_is_answered(
    request_: bytes, status: int | None
) -> None:
    async with listening() as port:
        came = await sent(port, request_)
        assert came.startswith(f"HTTP/1.1 {status} ".encode()) if status else came == b""
        assert await works(port)


async def test_a_defect_is_told_by_its_kind_alone(caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as lines:
        async with listening() as port:
            await sent(port, asked("/defect"))
    assert [(line["event"], line["error"]) for line in lines] == [("request_failed", "RuntimeError")]
    assert "a defect" not in caplog.text


async def test_who_looks_whether_somebody_listens_and_goes_is_no_defect() -> None:
    with capture_logs() as lines:
        async with listening() as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            assert await works(port)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []


async def test_a_caller_behind_a_proxy_is_told_to_who_keeps_count() -> None:
    refused: list[Code] = []
    async with listening(refused) as port:
        await sent(port, asked("/", "Via: 1.1 proxy"))
    assert refused == [Code.PROXY_NOT_ALLOWED]


async def test_one_address_has_few_connections_and_gets_them_back() -> None:
    async with listening() as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(listener.MAX_CONNECTIONS_OF_ADDRESS)]
        assert await sent(port, asked()) == b""
        for _, writer in held:
            writer.close()
        await becomes(partial(works, port))


@pytest.mark.parametrize("drip", [b"", b"GET / HTTP/1.1\r\nX-Endless: "])
async def test_a_request_that_does_not_come_ends_in_time(drip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTION_S", 0.5)
    async with listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(drip)

        async def drips() -> None:
            while drip:
                writer.write(b"z")
                await writer.drain()
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drips())
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1)
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        writer.close()
        assert await works(port)


@pytest.mark.slow
async def test_who_does_not_read_holds_nobody_up_and_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTION_S", 1.0)
    async with listening() as port:
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(asked("/large"))
            assert await works(port)
            slow.setblocking(False)
            loop, came = asyncio.get_running_loop(), 0
            await asyncio.sleep(2 * listener.CONNECTION_S)  # it is cut off meanwhile: nothing tells a client that
            try:
                while piece := await loop.sock_recv(slow, 65_536):
                    came += len(piece)
            except ConnectionError:
                pass
            assert came < LARGE
