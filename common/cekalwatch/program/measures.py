"""The measurements of answers and calls that a program with a web address reports; not who receives them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc


def unmeasured(*_: object) -> None:
    """Measure nothing."""


@dataclass(frozen=True)
class Measures:
    """Callbacks that record each answer and call. The defaults do nothing. Any thread may call them."""

    answer: Callable[[str, str, int, float], object] = unmeasured
    """Takes method and route of a request, the status of the answer, and the seconds until it was there."""
    call: Callable[[str, str, float | None], object] = unmeasured
    """Gets service and method of a call to the server, its status, and its seconds (None for a stream)."""


UNMEASURED = Measures()


class MeasuredCalls(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Reports each call when it ends."""

    def __init__(self, measures: Measures) -> None:
        self._tell = measures.call

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:  # noqa: ANN401  # of any method
        """Make a call, and report its status and duration."""
        return self._told(continuation, details, request, time.perf_counter())

    def intercept_unary_stream(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:  # noqa: ANN401  # of any method
        """Make a call, and report its status."""
        return self._told(continuation, details, request, None)

    def intercept_stream_stream(self, continuation: Callable[..., Any], details: Any, requests: Any) -> Any:  # noqa: ANN401  # of any method
        """Make a call, and report its status."""
        return self._told(continuation, details, requests, None)

    def _told(self, continuation: Callable[..., Any], details: Any, sent: Any, begun_s: float | None) -> Any:  # noqa: ANN401  # of any method
        call = continuation(details, sent)
        name = str(details.method).removeprefix("/cekalwatch.v1.")
        call.add_done_callback(
            lambda ended: self._tell(
                name, ended.code().name, None if begun_s is None else time.perf_counter() - begun_s
            )
        )
        return call
