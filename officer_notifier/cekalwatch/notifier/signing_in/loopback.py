"""Takes the answer with which the identity provider sends this PC's browser back (RFC 8252, 7.3 and 8.3).

It listens on 127.0.0.1 only, at a port that the system chooses, until one answer with the right `state` has come. All
else that any page or program on this PC sends is refused and changes nothing. The browser is sent on at once, so that
the code stays in no history, to a page that says how the sign-in ended.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import socketserver
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final, Self
from urllib.parse import parse_qsl

from cekalwatch.office.client.provider_visit import BACK, SECRET_BYTES
from cekalwatch.program.translations import Texts

HOST: Final = "127.0.0.1"
DONE: Final = "/sign-in/done"
"""Where the browser is sent on, without the code."""
MAX_FIELDS: Final = 20
MAX_CONNECTIONS: Final = 16
CONNECTION_S: Final = 5.0
"""How long a connection may send nothing."""
INTERRUPTIBLE_S: Final = 0.5
"""Windows lets Ctrl-C through only between two waits."""
VERDICT_S: Final = 20.0
"""How long the page waits for the server's verdict."""
LAST_PAGE_S: Final = 3.0
"""How long a browser that has brought an answer may take to fetch the page."""
STYLE: Final = (
    "body{font:1.25rem/1.5 system-ui,sans-serif;max-width:34rem;margin:16vh auto 0;padding:0 1.5rem;color:#16202a;"
    "background:#fff}h1{font-size:1.75rem;margin:0 0 .75rem}"
    "@media(prefers-color-scheme:dark){body{color:#e8edf2;background:#12181f}}"
)
_STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class NoAnswerError(Exception):
    """No answer came in time, or nobody waits for it any more."""


class LoopbackListener:
    """Use it as a context manager, for one answer. `cancel` and `conclude` may be called from other threads."""

    def __init__(self, texts: Texts) -> None:
        """Listen from now on; raises OSError."""
        self._texts = texts
        self.state = secrets.token_urlsafe(SECRET_BYTES)
        self._answer: Future[Mapping[str, str]] = Future()
        self._page: Future[tuple[str, str]] = Future()
        self._page_given = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._address = f"{HOST}:{self._server.server_address[1]}"
        self.redirect_uri = f"http://{self._address}{BACK}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="loopback", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Say on the page that the person is to return to the program, unless it was said how the sign-in ended."""
        self.conclude(self._texts.say("BROWSER_DONE"), self._texts.say("BROWSER_RETURN"))
        if self._answer.done() and not self._answer.cancelled():
            self._page_given.wait(LAST_PAGE_S)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, timeout_s: float) -> Mapping[str, str]:
        """Return the query of the answer; raises NoAnswerError."""
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                return self._answer.result(min(left_s, INTERRUPTIBLE_S))
            except FutureTimeoutError:
                continue
            except CancelledError:
                break
        raise NoAnswerError

    def cancel(self) -> None:
        with self._lock:
            self._answer.cancel()

    def conclude(self, title: str, words: str) -> None:
        """Say on the page how the sign-in ended; the first such page counts."""
        with self._lock:
            if not self._page.done():
                self._page.set_result((title, words))

    def answer(self, host: str, path: str) -> tuple[HTTPStatus, str]:
        """Return the status and the page, or the address to go on to, for a browser's request."""
        path, _, query = path.partition("?")
        if host != self._address:  # a name that somebody lets point here
            return HTTPStatus.NOT_FOUND, self._other_page()
        if path == BACK and self._take(query):
            return HTTPStatus.SEE_OTHER, DONE
        if path == DONE and self._answer.done():
            try:
                page = self._write(*self._page.result(VERDICT_S))
            except FutureTimeoutError:
                page = self._write(self._texts.say("BROWSER_DONE"), self._texts.say("BROWSER_RETURN"))
            return HTTPStatus.OK, page
        return HTTPStatus.NOT_FOUND, self._other_page()

    def page_given(self) -> None:
        """Take note that the browser has the page."""
        self._page_given.set()

    def _take(self, query: str) -> bool:
        """Take an answer; only the first one with the right state counts, with each field once (RFC 6749, 3.1)."""
        try:
            fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            return False
        answer = dict(fields)
        if len(answer) != len(fields) or not hmac.compare_digest(
            answer.get("state", "").encode(errors="replace"), self.state.encode()
        ):
            return False
        with self._lock:
            if self._answer.done():
                return False
            self._answer.set_result(answer)
        return True

    def _other_page(self) -> str:
        return self._write(self._texts.say("BROWSER_NOTHING"), self._texts.say("BROWSER_BEGIN_AGAIN"))

    def _write(self, title: str, words: str) -> str:
        return (
            f'<!doctype html><html lang="{self._texts.language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
            f"<title>{escape(title)} - Cekalwatch</title><style>{STYLE}</style></head>"
            f'<body><main role="status"><h1>{escape(title)}</h1><p>{escape(words)}</p></main></body></html>'
        )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: LoopbackListener) -> None:
        self.listener = listener
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__((HOST, 0), _Handler)

    def server_bind(self) -> None:
        if sys.platform == "win32":  # else another program there may listen at the same port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002  # the library's names
        return self._places.acquire(blocking=False)

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser went away."""


class _Handler(BaseHTTPRequestHandler):
    timeout = CONNECTION_S
    server: _Server

    def do_GET(self) -> None:  # the library's name
        listener = self.server.listener
        status, body = listener.answer(self.headers.get("Host", ""), self.path)
        self.send_response_only(status)
        for header in HEADERS:
            self.send_header(*header)
        if status is HTTPStatus.SEE_OTHER:
            self.send_header("Location", body)
            body = ""
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())
        self.wfile.flush()
        if status is HTTPStatus.OK:
            listener.page_given()

    def log_message(self, *_: object) -> None:
        """Log nothing: the code is in the address."""
