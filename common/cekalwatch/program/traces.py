"""Traces: the time that each step of one capture takes, from the camera to the officer's window, across programs.

Each step for a capture is a span. Its context, a text in the form of W3C Trace Context, is sent with the capture and
its results, so that each program records its spans in the same trace. Spans are sent to a collector by OTLP.
They contain keys of devices, codes and times, and nothing of a traveller or subject.

Traces are off until the settings name a collector. While they are off, OpenTelemetry is not imported, and a context is
passed on unchanged.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import structlog
from pydantic import Field

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.version import version
from cekalwatch.wire.address import is_loopback

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import SpanContext

SEND_S = 3.0
"""Seconds that the collector may take for spans, and that the end of a program waits for it."""

log = structlog.get_logger()


@dataclass(frozen=True)
class TraceTerms:
    """Where traces go: `[traces]`. docs/monitoring.md explains it."""

    collector: str = ""
    """URL of a collector of OTLP over gRPC, such as https://HOST:4317; http:// on this machine only; empty: no
    traces are made. It needs the extra `otel`."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the captures that are traced; the camera client decides, the other programs follow it."""

    def __post_init__(self) -> None:
        if not self.collector:
            return
        parts = urlsplit(self.collector)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.path.strip("/"):
            raise ValueError("collector must be https://HOST:PORT, or http://127.0.0.1:PORT")
        if parts.scheme == "http" and not is_loopback(f"{_bracketed(parts.hostname)}:1"):
            raise ValueError("collector is another machine: write https://")


class Traces:
    """Makes contexts and records spans; any thread may do so."""

    def __init__(self) -> None:
        self._exporting: _Exporting | None = None

    def begin(self) -> str:
        """Return the context of a new trace; empty for one that is not recorded."""
        exporting = self._exporting
        if exporting is None or secrets.randbelow(1_000_000) >= exporting.share * 1_000_000:
            return ""
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"

    def within(self, parent: str) -> str:
        """Return the context of a new span of the same trace; `parent` itself where no spans are recorded here."""
        if not parent or self._exporting is None:
            return parent
        return f"{parent[:36]}{secrets.token_hex(8)}-01"

    def record(
        self, name: str, context: str, parent: str, begun_at: datetime, ended_at: datetime, **attributes: str | int
    ) -> None:
        """Record a step between two moments; nothing with an empty context. `parent` is empty for the first step."""
        exporting = self._exporting
        if context and exporting is not None:
            exporting.record(name, context, parent, begun_at, ended_at, attributes)

    def span(self, name: str, parent: str, **attributes: str | int) -> AbstractContextManager[str]:
        """Record the time of the block, which gets the context of its span."""
        if not parent or self._exporting is None:
            return nullcontext(parent)
        return self._recorded(name, parent, attributes)

    @contextmanager
    def _recorded(self, name: str, parent: str, attributes: dict[str, str | int]) -> Iterator[str]:
        context, begun_at = self.within(parent), datetime.now(UTC)
        try:
            yield context
        finally:
            self.record(name, context, parent, begun_at, datetime.now(UTC), **attributes)

    @contextmanager
    def exporting(self, terms: TraceTerms, program: str, instance: str = "") -> Iterator[None]:
        """Send spans as those of `program` where the settings say, until the end of the block. Raises ProgramError."""
        if not terms.collector:
            yield
            return
        exporting = _Exporting.begin(terms, program, instance)
        self._exporting = exporting
        try:
            yield
        finally:
            if self._exporting is exporting:
                self._exporting = None
            exporting.end()


TRACES = Traces()
"""Those of this process."""


@dataclass(frozen=True)
class _Exporting:
    processor: SpanProcessor
    resource: Resource
    share: float

    @classmethod
    def begin(cls, terms: TraceTerms, program: str, instance: str) -> _Exporting:
        try:
            import grpc
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
        except ImportError:
            raise ProgramError(
                "Traces need OpenTelemetry: install the extra `otel` (docs/install.md)", Exit.MISSING_EXTRA
            ) from None
        # It writes to the root logger at each failure; the important part is logged below.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        plain = terms.collector.startswith("http://")
        try:
            roots = terms.authorities.read_bytes() if terms.authorities else None
        except OSError as error:
            raise ProgramError(f"{terms.authorities} cannot be read: {error.strerror}", Exit.CONFIG) from None
        sending = OTLPSpanExporter(
            endpoint=terms.collector,
            insecure=plain,
            credentials=None if plain else grpc.ssl_channel_credentials(roots),
            timeout=SEND_S,
        )

        class Told(SpanExporter):
            """Logs when spans begin to be lost, and when they no longer are."""

            failed = False

            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                result = sending.export(spans)
                failed = result is not SpanExportResult.SUCCESS
                if failed and not self.failed:
                    log.warning("traces_not_sent", collector=terms.collector)
                elif self.failed and not failed:
                    log.info("traces_sent_again", collector=terms.collector)
                self.failed = failed
                return result

            def shutdown(self) -> None:
                sending.shutdown()

        names = {"service.name": program, "service.version": version(), "service.instance.id": instance}
        return cls(BatchSpanProcessor(Told()), Resource({key: one for key, one in names.items() if one}), terms.share)

    def record(
        self,
        name: str,
        context: str,
        parent: str,
        begun_at: datetime,
        ended_at: datetime,
        attributes: dict[str, str | int],
    ) -> None:
        from opentelemetry.sdk.trace import ReadableSpan

        self.processor.on_end(
            ReadableSpan(
                name,
                _span_context(context),
                parent=_span_context(parent) if parent else None,
                resource=self.resource,
                attributes={f"cekalwatch.{key}": one for key, one in attributes.items()},
                start_time=_nanoseconds(begun_at),
                end_time=_nanoseconds(max(begun_at, ended_at)),
            )
        )

    def end(self) -> None:
        """Send what waits, and end the thread."""
        self.processor.force_flush(int(SEND_S * 1000))
        self.processor.shutdown()


def _span_context(context: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, _ = context.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
