"""Whoever reaches the web console can hold it up neither by connections that say nothing, nor by slow ones."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from cekalwatch.console.serving import HEADERS_BYTES
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program import web_connections as connections
from cekalwatch.program.web_connections import MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ADDRESS, uvicorn_config
from cekalwatch.program.web_serving import web_context
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site, now
from tests.support.tools.held_connections import CLIENT_HELLO, held, still_open

WAIT_S = 60.0
LARGE = 32_000_000
"""Bytes that no socket's buffers take."""
PIECE = 1_000_000
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """Pages that read what comes, and answer; that of /large does so at length, /pieces without end, /broken not."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/broken":
        raise ValueError("Siti Rahma")
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/pieces":
        for _ in range(LARGE // PIECE):
            await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
        await receive()  # there is more, until the browser has gone
    await send({"type": "http.response.body", "body": bytes(LARGE if scope["path"] == "/large" else 4)})


@asynccontextmanager
async def serving(folder: Path, *, tls: bool = False) -> AsyncIterator[int]:
    """The port of a console's pages."""
    settings = ConsoleSettings.load(None, listen="127.0.0.1:0", tls_dir=folder / "none")
    context = None
    if tls:
        site = Site(folder / "site")
        site.pki.issue(Identity(DeviceRole.CONSOLE, SITE, "console"), ("localhost",), folder / "console", now())
        context = web_context((folder / "console" / "certificate.pem", folder / "console" / "key.pem"))
    config = uvicorn_config(pages, settings.listen, context, HEADERS_BYTES)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(WAIT_S):
            while not server.started:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)
            yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console's patience in tenths of seconds."""
    for name in ("HANDSHAKE_S", "REQUEST_S", "KEEP_ALIVE_S", "BODY_S", "READING_S"):
        monkeypatch.setattr(connections, name, 0.3)
    monkeypatch.setattr(connections, "LOOK_S", 0.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that ends nothing because it takes long: what it holds is bounded all the same."""
    for name in ("HANDSHAKE_S", "REQUEST_S"):
        monkeypatch.setattr(connections, name, 10 * WAIT_S)


async def bounded(flood: Sequence[socket.socket], most: int) -> None:
    """Wait until the console holds no more of these connections than so many."""

    async def few() -> bool:
        return still_open(flood) <= most

    await becomes(few)


async def works(port: int, context: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> bool:
    """Whether a browser gets a page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(source, 0))
    try:
        writer.write(ASKED)
        return (await reader.read()).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
    finally:
        writer.close()


async def ended_after(port: int, *pieces: bytes, pause_s: float = 0.05) -> float:
    """Send pieces, the last again and again, until the console ends the connection; return the seconds to that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun_s = time.monotonic()
    ending = asyncio.create_task(reader.read())
    try:
        for piece in pieces:
            writer.write(piece)
        while not ending.done():
            await asyncio.wait([ending], timeout=pause_s)
            if pieces:
                writer.write(pieces[-1])
        return time.monotonic() - begun_s
    finally:
        ending.exception()
        writer.close()


@pytest.mark.usefixtures("patient")
async def test_connections_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        with capture_logs() as logs, held(port, MAX_CONNECTIONS_OF_ADDRESS + 50) as flood:
            await bounded(flood, MAX_CONNECTIONS_OF_ADDRESS)
            assert await works(port), "at the same address"
            assert await works(port, source="127.0.0.2")
        assert [one["event"] for one in logs] == ["web_connections_closed"]


@pytest.mark.slow
@pytest.mark.usefixtures("patient")
async def test_connections_of_many_addresses_keep_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        with ExitStack() as stack:
            flood = list[socket.socket]()
            for number in range(10, 10 + 2 * MAX_CONNECTIONS // MAX_CONNECTIONS_OF_ADDRESS):
                flood += stack.enter_context(held(port, MAX_CONNECTIONS_OF_ADDRESS, source=f"127.0.0.{number}"))
            await bounded(flood, MAX_CONNECTIONS)
            assert await works(port)


@pytest.mark.usefixtures("patient")
async def test_half_open_handshakes_keep_nobody_out(tmp_path: Path) -> None:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with serving(tmp_path, tls=True) as port:
        with held(port, MAX_CONNECTIONS_OF_ADDRESS + 50, CLIENT_HELLO) as flood:
            await bounded(flood, MAX_CONNECTIONS_OF_ADDRESS)
            assert await works(port, trusting)


async def test_requests_under_way_are_not_ended_for_others(tmp_path: Path) -> None:
    begun = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab"
    async with serving(tmp_path) as port:
        with held(port, MAX_CONNECTIONS_OF_ADDRESS, begun) as under_way:
            await asyncio.sleep(0.3)  # the console has read them
            assert not await works(port), "there is no room"
            assert await works(port, source="127.0.0.2")
            for one in under_way:
                one.sendall(b"cd")
            answers = [await asyncio.to_thread(one.recv, 100) for one in under_way]
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n", b"a"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"X"),
    ],
    ids=["nothing", "headers that drip", "a body that drips", "a second request that drips"],
)
@pytest.mark.usefixtures("hurried")
async def test_what_comes_too_slowly_is_ended(tmp_path: Path, pieces: tuple[bytes, ...]) -> None:
    async with serving(tmp_path) as port, asyncio.timeout(WAIT_S):
        assert await ended_after(port, *pieces) < WAIT_S / 2
        assert await works(port)


@pytest.mark.usefixtures("hurried")
async def test_a_handshake_that_does_not_go_on_is_ended(tmp_path: Path) -> None:
    async with serving(tmp_path, tls=True) as port, asyncio.timeout(WAIT_S):
        assert await ended_after(port, CLIENT_HELLO, b"") < WAIT_S / 2


@pytest.mark.parametrize("path", [b"/large", b"/pieces"])
@pytest.mark.usefixtures("hurried")
async def test_an_answer_that_nobody_reads_is_ended(tmp_path: Path, path: bytes) -> None:
    """One that the console has given wholly, and one of which it has more to give."""
    async with serving(tmp_path) as port, asyncio.timeout(WAIT_S):
        with held(port, 1, ASKED.replace(b"/ ", path + b" ")) as (unread,):
            await asyncio.sleep(1.0)
            taken = 0
            with suppress(ConnectionError):  # what the kernel holds still comes
                while piece := await asyncio.to_thread(unread.recv, 1 << 20):
                    taken += len(piece)
            assert taken < LARGE


async def test_a_file_that_comes_slowly_but_surely_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_S", 0.2)
    monkeypatch.setattr(connections, "LOOK_S", 0.05)
    size = 20_000
    async with serving(tmp_path) as port, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(10):
            await asyncio.sleep(0.06)
            writer.write(bytes(size // 10))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_what_is_no_request_is_not_written_down_and_a_broken_page_as_other_events_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(port: int, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    async with serving(tmp_path) as port:
        with capture_logs() as logs:
            for _ in range(20):
                assert (await ask(port, b"\x00\x01 no request\r\n\r\n")).startswith(b"HTTP/1.1 400")
            assert logs == []
            assert (await ask(port, ASKED.replace(b"/ ", b"/broken "))).startswith(b"HTTP/1.1 500")
    assert caplog.records == []
    (failed,) = logs
    assert (failed["event"], failed["log_level"], failed["error"]) == ("web_server_failed", "error", "ValueError")
    assert failed["place"].endswith(" pages")
    assert "Siti" not in str(failed)
