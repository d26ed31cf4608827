"""An HTTP listener for monitoring: one GET per connection, limited in number, size and time.

It has a thread and an event loop of its own, so that no connection here delays a camera. A site with certificates
admits those that may call GetStatus; without certificates only this machine is admitted, and no proxy.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import h11
import structlog

from cekalwatch.program.loops import LOOPS
from cekalwatch.server.auth.admission import refuse_proxied
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.wire.tls import FollowedTls, TlsMaterial

MAX_CONNECTIONS = 32
MAX_CONNECTIONS_OF_ADDRESS = 8
MAX_REQUEST_BYTES = 8_192
CONNECTION_S = 10.0
"""Bound of one connection, with TLS and the answer."""
_READ_BYTES = 4_096
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names that a browser on this machine asks for; under any other, a page from elsewhere has led it here."""


log = structlog.get_logger()


@dataclass(frozen=True)
class Request:
    """A request."""

    target: str
    """Path and query, as received."""
    headers: Mapping[str, str]
    """By names in lower case."""


@dataclass(frozen=True)
class Response:
    """The answer."""

    status: HTTPStatus
    content_type: str
    body: bytes

    @classmethod
    def text(cls, status: HTTPStatus, text: str) -> Response:
        """Return a response of plain text."""
        return cls(status, "text/plain; charset=utf-8", f"{text}\n".encode())


class _RefusedError(Exception):
    """The request is refused with this response."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.response = Response.text(status, text)


class MonitoringListener:
    """Listens from its construction on, and serves from `start` until `close`."""

    def __init__(
        self,
        listening: socket.socket,
        tls: FollowedTls | None,
        admit: Callable[[bytes], object],
        answer: Callable[[Request], Response],
        refused: Callable[[Code, str], object],
    ) -> None:
        """With `tls`, `admit` raises CekalwatchError for a certificate (PEM) that has no right to ask.

        `answer` must not block for long; `refused` is called with the code and the address of each refusal.
        """
        self._listening = listening
        self._listening.setblocking(False)
        self._tls = tls
        self._admit = admit
        self._answer = answer
        self._refused = refused
        self._context: tuple[TlsMaterial, ssl.SSLContext] | None = None
        self._open: Counter[str] = Counter()
        """Connections, by address."""
        self._ended = threading.Event()
        self._stop: Callable[[], object] = self._ended.set
        self._working: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="metrics", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listening.getsockname()[1])

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """End the connections and the thread, and close the port."""
        self._ended.set()
        self._stop()
        if self._thread.is_alive():
            self._thread.join()
        self._listening.close()

    async def _serve(self) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def stop() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(stopped.set)

        self._stop = stop
        if self._ended.is_set():
            return
        accepting = asyncio.create_task(LOOPS.keep("serve_metrics", self._accept))
        await stopped.wait()
        for task in (accepting, *self._working):
            task.cancel()
        await asyncio.gather(accepting, *self._working, return_exceptions=True)

    async def _accept(self) -> None:
        connection, peer = await asyncio.get_running_loop().sock_accept(self._listening)
        address = str(peer[0])
        try:
            if self._open.total() >= MAX_CONNECTIONS or self._open[address] >= MAX_CONNECTIONS_OF_ADDRESS:
                connection.close()
                return
            context = self._newest_context()
        except BaseException:
            connection.close()
            raise
        self._open[address] += 1
        task = asyncio.create_task(self._connection(connection, address, context))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _connection(self, connection: socket.socket, address: str, context: ssl.SSLContext | None) -> None:
        reader = asyncio.StreamReader(MAX_REQUEST_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECTION_S):
                transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
                writer = asyncio.StreamWriter(transport, protocol, reader, loop)
                writer.write(await self._exchange(reader, transport, address))
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # gone, too slow, or without a certificate: ssl.SSLError is an OSError
        except Exception as error:  # noqa: BLE001  # one request, and none may end the others
            log.error("request_failed", error=type(error).__name__)  # noqa: TRY400  # no traceback
        finally:
            if transport:
                transport.abort()
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    async def _exchange(self, reader: asyncio.StreamReader, transport: asyncio.Transport, address: str) -> bytes:
        """Read a request, and return the bytes of the response."""
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST_BYTES)
        try:
            response = self._answer(await self._request(http, reader, transport))
        except _RefusedError as error:
            response = error.response
        except h11.RemoteProtocolError as error:
            response = Response.text(HTTPStatus(error.error_status_hint), "this is no request")
        except CekalwatchError as error:
            self._refused(error.code, address)
            response = Response.text(HTTPStatus.FORBIDDEN, f"{error.code}: {error.code.message}")
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ]
        if response.status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "GET"))
        phrase = response.status.phrase.encode()
        sent = http.send(h11.Response(status_code=response.status, headers=headers, reason=phrase)) or b""
        return sent + response.body

    async def _request(
        self, http: h11.Connection, reader: asyncio.StreamReader, transport: asyncio.Transport
    ) -> Request:
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(await reader.read(_READ_BYTES))
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError  # a client that only tests whether the TCP port is open
        if not isinstance(event, h11.Request):
            raise h11.RemoteProtocolError("nothing was asked", error_status_hint=HTTPStatus.BAD_REQUEST)
        if event.method != b"GET":
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers}
        self._check_caller(headers, transport)
        return Request(event.target.decode("latin-1"), headers)

    def _check_caller(self, headers: Mapping[str, str], transport: asyncio.Transport) -> None:
        """Raise CekalwatchError or _RefusedError unless the caller has the right to ask."""
        if self._tls:
            shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self._admit(ssl.DER_cert_to_PEM_cert(shown or b"").encode())
            return
        refuse_proxied(headers)
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in LOCAL_NAMES:
            raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "ask for localhost")

    def _newest_context(self) -> ssl.SSLContext | None:
        """Return the context of the newest usable files; None without certificates. Raises OSError."""
        if self._tls is None:
            return None
        newest = self._tls.current()
        if self._context is None or self._context[0] is not newest:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata=newest.authority.decode())
            context.load_cert_chain(self._tls.files.certificate, self._tls.files.key)
            self._context = newest, context
        return self._context[1]
