"""A collector that takes spans by OTLP, as any backend of OpenTelemetry does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class TakenSpan:
    """A span that came."""

    program: str
    name: str
    trace: str
    key: str
    parent: str
    begun_s: float
    ended_s: float
    attributes: dict[str, str]


class TraceCollector(trace_service_pb2_grpc.TraceServiceServicer):
    """Listens on a port of this machine for the time of a block."""

    def __init__(self) -> None:
        self._spans: list[TakenSpan] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self.address = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802  # the contract's
        with self._changed:
            for of_resource in request.resource_spans:
                of = {one.key: one.value.string_value for one in of_resource.resource.attributes}
                for scope in of_resource.scope_spans:
                    self._spans += [_taken(of["service.name"], span) for span in scope.spans]
            self._changed.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    def wait_for(self, so: Callable[[list[TakenSpan]], bool], wait_s: float) -> list[TakenSpan]:
        """Return the spans once it is so; raises AssertionError when it does not become so."""
        with self._changed:
            assert self._changed.wait_for(lambda: so(self._spans), wait_s), self._spans
            return list(self._spans)


def _taken(program: str, span: Any) -> TakenSpan:
    return TakenSpan(
        program,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9,
        {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes},
    )
