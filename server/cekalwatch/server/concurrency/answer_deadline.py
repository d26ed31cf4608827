"""Bounds of an HTTP request that httpx lacks: it bounds each step, and headers that come byte by byte never end; and it
connects wherever a name leads, also to link-local addresses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from cekalwatch.wire.address import is_link_local


class AnswerDeadline:
    """For a client that sends one request after another. When time is up, its read fails as if the server had left.

    What is found at a link-local address is asked nothing: the request raises httpx.ConnectError.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connection to the server: the extension `trace` of a request, as httpcore calls it."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            found: socket.socket = info["return_value"].get_extra_info("socket")
            if is_link_local(found.getpeername()[0]):
                info["return_value"].close()
                raise httpx.ConnectError("a link-local address")
            self._socket = found

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Shut the connection down when the block takes longer."""
        timer = threading.Timer(seconds, self._shut_down)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not that of a TLS socket, which would be unusable for the thread that reads from it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
