"""Limits browsers' connections where uvicorn does not: before TLS, by address, and in time.

Without it anybody who reaches the console could block it with silent connections: uvicorn counts connections only after
TLS, waits for a request without limit, and answers everybody else that there are too many. When there are too many, the
oldest connection without a running request is closed; a browser then connects again by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, cast

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from cekalwatch.program.loops import place_of
from cekalwatch.wire.address import counted_address, split_address

MAX_CONNECTIONS: Final = 500
MAX_CONNECTIONS_OF_ADDRESS: Final = 100
HANDSHAKE_S: Final = 10.0
REQUEST_S: Final = 10.0
"""Maximum time until the first request of a connection has arrived, without its body."""
KEEP_ALIVE_S: Final = 30
"""How long the next one may."""
GRACE_S: Final = 5
"""How long answers may take that run when the program is told to stop."""
BODY_S: Final = 30.0
"""How long a body may take, and beyond that a second more for each of its MIN_BYTES_PER_S bytes."""
MIN_BYTES_PER_S: Final = 16_000
READING_S: Final = 30.0
"""How long a browser may read nothing of an answer that waits for it."""
LOOK_S: Final = 1.0
LOG_PERIOD_S: Final = 10.0

log = structlog.get_logger()


class BoundedHttp(H11Protocol):
    """A connection whose requests come, and whose answers are read, in their time; else it is ended."""

    def __init__(self, left: Callable[[], None], **uvicorns: Any) -> None:  # noqa: ANN401  # as uvicorn gives them
        """`left` is called when it has ended."""
        super().__init__(**uvicorns)
        self._left = left
        self._phase: tuple[object, ...] = (None, False, False, False)
        self._phase_s = REQUEST_S
        self._begun_s = time.monotonic()
        self._received = 0
        self._unread_since_s: float | None = None

    @property
    def busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # before the first request there is none
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._left()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._note_phase()

    def on_response_complete(self) -> None:
        """Wait for the next request from now on."""
        super().on_response_complete()
        self._note_phase()

    def pause_writing(self) -> None:
        """Note since when the browser does not read."""
        super().pause_writing()
        self._unread_since_s = time.monotonic()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since_s = None

    def _note_phase(self) -> None:
        """Restart the timer when a request or its body has arrived, its answer was sent, or the end has begun."""
        closing = self.transport.is_closing()
        phase = (self.cycle, self.busy, self.busy and self.cycle.more_body, closing)
        if phase != self._phase:
            self._phase, self._begun_s, self._received = phase, time.monotonic(), 0
            self._phase_s = READING_S if closing else BODY_S if self.busy else KEEP_ALIVE_S

    def _look(self) -> None:
        if self not in self.connections:
            return
        self._note_phase()
        _, busy, body_awaited, closing = self._phase
        now_s = time.monotonic()
        allowed_s = self._phase_s + (self._received / MIN_BYTES_PER_S if body_awaited else 0.0)
        late = (closing or not busy or body_awaited) and now_s - self._begun_s > allowed_s
        unread = self._unread_since_s is not None and now_s - self._unread_since_s > READING_S
        if late or unread:
            self.transport.abort()
        else:
            self.loop.call_later(LOOK_S, self._look)


class _Accepted(asyncio.Protocol):
    """A connection from its beginning, until its TLS stands and its requests are served."""

    def __init__(self, all_of_them: Connections, serve: Callable[[Callable[[], None]], BoundedHttp]) -> None:
        self._all = all_of_them
        self._serve = serve
        self._serving: BoundedHttp | None = None
        self._securing: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._early = b""
        """Bytes that arrived with the end of the handshake, before requests are served."""
        self.address = ""

    @property
    def busy(self) -> bool:
        return self._serving is not None and self._serving.busy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = accepted = cast("asyncio.Transport", transport)
        self.address = counted_address(accepted.get_extra_info("peername")[0])
        if not self._all.enter(self):
            accepted.abort()
        elif self._all.context:
            accepted.pause_reading()  # TLS continues with it
            self._securing = asyncio.create_task(self._secure(accepted, self._all.context))
        else:
            self._begin(accepted)

    def data_received(self, data: bytes) -> None:
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._leave()

    def end(self) -> None:
        if self._transport:
            self._transport.abort()
        self._leave()

    async def _secure(self, accepted: asyncio.Transport, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(accepted, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S)
        except OSError:  # ssl.SSLError is one, and the end of a handshake that takes too long
            secured = None
        if secured is None or secured.is_closing():
            self.end()
        else:
            self._begin(secured)

    def _begin(self, transport: asyncio.Transport) -> None:
        self._serving = self._serve(self._leave)
        transport.set_protocol(self._serving)
        self._serving.connection_made(transport)
        if self._early:
            self._serving.data_received(self._early)
            self._early = b""

    def _leave(self) -> None:
        self._all.leave(self)


class Connections:
    """All connections of a console. Only the event loop's thread uses it."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        """Without `context` the pages are served in plaintext."""
        self.context = context
        self._open: dict[_Accepted, None] = {}
        """The oldest first."""
        self._closed = 0
        self._logged_at_s = float("-inf")

    def protocol(self, **uvicorns: Any) -> asyncio.Protocol:  # noqa: ANN401  # as uvicorn gives them
        """Return the protocol for a new connection, as uvicorn requires."""
        return _Accepted(self, lambda left: BoundedHttp(left, **uvicorns))

    def enter(self, accepted: _Accepted) -> bool:
        """Count a connection, and close another one for it if needed; False if there is no room."""
        its = [one for one in self._open if one.address == accepted.address]
        for these, most in ((its, MAX_CONNECTIONS_OF_ADDRESS), (list(self._open), MAX_CONNECTIONS)):
            if len(these) >= most:
                self._note_closed(accepted.address)
                idle = next((one for one in these if not one.busy), None)
                if idle is None:
                    return False
                idle.end()
                break
        self._open[accepted] = None
        return True

    def leave(self, accepted: _Accepted) -> None:
        self._open.pop(accepted, None)

    def _note_closed(self, address: str) -> None:
        self._closed += 1
        now_s = time.monotonic()
        if now_s - self._logged_at_s >= LOG_PERIOD_S:
            self._logged_at_s = now_s
            log.warning("web_connections_closed", address=address, closed_total=self._closed)


def uvicorn_config(app: ASGIApp, listen: str, context: ssl.SSLContext | None, headers_bytes: int) -> uvicorn.Config:
    """Return how uvicorn serves an application at `listen` on bounded connections; `context`: None for plaintext."""
    host, port = split_address(listen)
    config = uvicorn.Config(
        _bounded(app, headers_bytes),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=headers_bytes,
    )
    config.load()
    config.http_protocol_class = cast("type[asyncio.Protocol]", Connections(context).protocol)
    said = logging.getLogger("uvicorn.error")
    # Its warnings are a line for whatever a stranger sends.
    said.setLevel(logging.ERROR)
    said.handlers, said.propagate = [_WebErrors()], False
    return config


def _bounded(app: ASGIApp, headers_bytes: int) -> ASGIApp:
    """Refuse what h11 lets pass: headers beyond their bound that come in one piece, and a body of two lengths."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
        too_large = sum(map(len, itertools.chain.from_iterable(headers))) > headers_bytes
        if not too_large and not {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
            await app(scope, receive, send)
            return
        end = [(b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 431 if too_large else 400, "headers": end})
        await send({"type": "http.response.body"})

    return serve


class _WebErrors(logging.Handler):
    """Writes uvicorn's errors as the program's other events."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one, with the type and the place of an exception."""
        error = record.exc_info[1] if record.exc_info else None
        came_from = {"error": type(error).__name__, "place": place_of(error)} if error else {}
        log.error("web_server_failed", problem=record.getMessage().strip(), **came_from)
