"""The simulated application's web server, on this machine's loopback interface only."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.faults import ActiveFault, ActiveFaults, SimulatedFault
from deploy.simulator.orders import OrderDatabase
from deploy.simulator.pages import UnknownCursorError, page_of, written
from deploy.simulator.system import HOST, SimulatedSystem

HUGE_BYTES: Final = 40_000_000
_MAX_ADMIN_BYTES: Final = 10_000
_CHUNK: Final = bytes(64 * 1024)
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Simulator(SimulatedSystem):
    """The application; `address` is that of the list."""

    def __init__(
        self,
        book: OrderDatabase,
        *,
        port: int = 0,
        token: str = "",
        certificates: SimulatorCertificates | None = None,
        on_step: Callable[[], str] | None = None,
    ) -> None:
        """Answer clients that show `token` (anybody when it is empty), with TLS where there are certificates.

        `on_step` lets some time pass in the application, and says what happened.
        """
        super().__init__(port)
        self.book = book
        self.faults = ActiveFaults()
        self.requests: list[tuple[str, str, int]] = []
        """Method, path with query, and status of each answer."""
        self.bytes_sent = 0
        self._token = token
        self._certificates = certificates
        self._on_step = on_step

    def _listen(self) -> ThreadingHTTPServer:
        return _Server((HOST, self._port), self)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._certificates else 'http'}://{HOST}:{self._port}"

    @property
    def address(self) -> str:
        """Where the list is."""
        return f"{self.origin}/orders"

    def context(self) -> ssl.SSLContext | None:
        """Return what the next handshake uses; None without TLS."""
        if self._certificates is None:
            return None
        return self._certificates.context(expired=SimulatedFault.EXPIRED_CERTIFICATE in self.faults.now.faults)

    def lets_in(self, authorization: str) -> bool:
        """Whether a request shows the token."""
        return not self._token or hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode())

    def administer(self, path: str, body: bytes) -> dict[str, Any]:
        """Do what an administrator asks for; raises ValueError."""
        if path == "/admin/step" and self._on_step:
            return {"happened": self._on_step()}
        if path != "/admin/troubles":
            raise ValueError("there are /admin/troubles and /admin/step")
        wanted = ActiveFault.model_validate_json(body or b"{}")
        self.faults.set(wanted.faults, delay_s=wanted.delay_s, times=wanted.times)
        return {"faults": sorted(wanted.faults)}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.simulator = simulator
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # socketserver's
        """Serve a connection in its thread, after the handshake."""
        request.settimeout(60)
        context = self.simulator.context()
        try:
            if context is None:
                super().finish_request(request, client_address)
                return
            with context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:  # the client has gone, or does not trust us
            pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:  # http.server's name
        self._answer_client()

    def do_HEAD(self) -> None:  # http.server's name
        self._answer_client()

    def do_POST(self) -> None:  # http.server's name
        """Answer an administrator."""
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(min(length, _MAX_ADMIN_BYTES))
        try:
            # No web page that somebody has open may do this.
            if self.headers.get("origin") or length > len(body):
                self.close_connection = True
                raise ValueError("only from this machine's command line")
            document = self.server.simulator.administer(self.path, body)
        except ValueError as error:
            self._send(HTTPStatus.BAD_REQUEST, json.dumps({"error": str(error)}).encode())
        else:
            self._send(HTTPStatus.OK, json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def _answer_client(self) -> None:
        simulator = self.server.simulator
        fault = simulator.faults.next()
        if fault.delay_s:
            threading.Event().wait(fault.delay_s)
        if SimulatedFault.OUTAGE in fault.faults:
            self.close_connection = True
        elif not simulator.lets_in(self.headers.get("authorization", "")):
            self._send(HTTPStatus.UNAUTHORIZED, b"")
        elif SimulatedFault.UNAVAILABLE in fault.faults:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"")
        elif SimulatedFault.ERROR in fault.faults:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"")
        elif SimulatedFault.ELSEWHERE in fault.faults:
            self._send(HTTPStatus.FOUND, b"", location=f"http://localhost:{self.server.server_port}{self.path}")
        else:
            self._answer(urlsplit(self.path).path, fault)

    def _answer(self, path: str, fault: ActiveFault) -> None:
        if path == "/orders":
            self._answer_page(fault)
        elif path.startswith("/lookup/"):
            self._answer_lookup(unquote(path.removeprefix("/lookup/")))
        elif path.startswith("/photographs/"):
            self._answer_photograph(unquote(path.removeprefix("/photographs/")), fault)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"")

    def _answer_page(self, fault: ActiveFault) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        cursor, limit, book = asked.get("cursor", ""), asked.get("limit", "100"), self.server.simulator.book
        etag = f'"{book.changes}"'
        if SimulatedFault.EXPIRED_CURSOR in fault.faults and cursor:
            self._send(HTTPStatus.GONE, b"")
        elif self.headers.get("if-none-match") == etag:
            self._send(HTTPStatus.NOT_MODIFIED, b"", etag=etag)
        else:
            try:
                body = written(page_of(book, cursor, int(limit)), fault.faults)
            except (UnknownCursorError, ValueError):
                self._send(HTTPStatus.GONE, b"")
                return
            self._send(HTTPStatus.OK, body, etag=etag, half=SimulatedFault.HALF_PAGE in fault.faults, fault=fault)

    def _answer_lookup(self, order_id: str) -> None:
        """Say whether an order is listed, and under which reference number: what officers look up."""
        reference = self.server.simulator.book.reference(order_id)
        if not reference:
            self._send(HTTPStatus.NOT_FOUND, b"")
        else:
            self._send(HTTPStatus.OK, json.dumps({"order_id": order_id, "reference": reference}).encode())

    def _answer_photograph(self, name: str, fault: ActiveFault) -> None:
        found = self.server.simulator.book.photograph(name)
        if found is None or SimulatedFault.LOST_PHOTOGRAPH in fault.faults:
            self._send(HTTPStatus.NOT_FOUND, b"")
        elif {SimulatedFault.HUGE_PHOTOGRAPH, SimulatedFault.HUGE_PHOTOGRAPH_UNTOLD} & fault.faults:
            self._send_huge(told=SimulatedFault.HUGE_PHOTOGRAPH in fault.faults)
        elif self.headers.get("if-none-match") == f'"{found[0]}"':
            self._send(HTTPStatus.NOT_MODIFIED, b"", etag=f'"{found[0]}"')
        else:
            half = SimulatedFault.HALF_PHOTOGRAPH in fault.faults
            self._send(HTTPStatus.OK, found[1], etag=f'"{found[0]}"', half=half, kind="image/jpeg", fault=fault)

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        *,
        etag: str = "",
        location: str = "",
        half: bool = False,
        kind: str = "application/json",
        fault: ActiveFault | None = None,
    ) -> None:
        self._begin(status, kind, len(body), etag=etag, location=location)
        if fault and SimulatedFault.RESET in fault.faults:
            self.wfile.write(body[: len(body) // 2])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.close(self.connection.detach())  # at once: the usual end would say goodbye first
            self.close_connection = True
        elif self.command != "HEAD" and status != HTTPStatus.NOT_MODIFIED:
            sent = body[: len(body) // 2] if half else body
            self.server.simulator.bytes_sent += len(sent)
            self.wfile.write(sent)
            self.close_connection = self.close_connection or half

    def _send_huge(self, *, told: bool) -> None:
        self._begin(HTTPStatus.OK, "image/jpeg", HUGE_BYTES if told else None)
        self.close_connection = True
        if self.command == "HEAD":
            return
        with contextlib.suppress(OSError):  # the client does not want all of it
            for _ in range(HUGE_BYTES // len(_CHUNK)):
                self.server.simulator.bytes_sent += len(_CHUNK)
                self.wfile.write(_CHUNK)

    def _begin(self, status: HTTPStatus, kind: str, length: int | None, *, etag: str = "", location: str = "") -> None:
        self.server.simulator.requests.append((self.command, self.path, int(status)))
        self.send_response(status)
        for name, value in (("content-type", kind), ("etag", etag), ("location", location)):
            if value:
                self.send_header(name, value)
        if length is None or self.close_connection:
            self.send_header("connection", "close")
        if length is not None and status != HTTPStatus.NOT_MODIFIED:
            self.send_header("content-length", str(length))
        self.end_headers()
