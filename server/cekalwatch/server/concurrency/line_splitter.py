"""Cuts off an HTTP answer that takes too long: httpx bounds each step, and a head that comes byte by byte has no end of
steps.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


class AnswerDeadline:
    """For one client that asks one thing after another. A caller that waits for the answer gets an error."""

    def __init__(self) -> None:
        self._line: socket.socket | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the line to the server: the extension `trace` of a request, as httpcore calls it."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._line = info["return_value"].get_extra_info("socket")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the line when the block takes longer."""
        cutting = threading.Timer(seconds, self._cut)
        cutting.start()
        try:
            yield
        finally:
            cutting.cancel()

    def _cut(self) -> None:
        if self._line is not None:
            with suppress(OSError):
                # Not that of a TLS socket, which would be unusable for the thread that reads from it.
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)
