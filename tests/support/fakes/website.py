"""A web server on this machine that answers what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server answers to everything, and where it is."""

    body: bytes = b""
    status: int = 200
    stated_length: int | None = None
    address: str = ""


@contextmanager
def website() -> Iterator[Site]:
    """Serve `Site` on a free port of the loopback interface."""
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(state.status)
            length = len(state.body) if state.stated_length is None else state.stated_length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state.address = f"http://127.0.0.1:{server.server_port}/pack.zip"
        yield state
        server.shutdown()
        thread.join()
