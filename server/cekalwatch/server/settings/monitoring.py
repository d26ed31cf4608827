"""Where the server tells how it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from cekalwatch.program.settings import Settings
from cekalwatch.program.traces import TraceTerms
from cekalwatch.server.settings.network import address_or_none


@dataclass(frozen=True)
class MetricsTerms:
    """The listener for those who watch the server: `[metrics]`. docs/monitoring.md explains it."""

    listen: Annotated[str, AfterValidator(address_or_none)] = ""
    """HOST:PORT of the metrics for Prometheus and of a page for people, for example 127.0.0.1:9465; empty: none. On an
    address that other machines reach, the server shows its certificate, and asks for one of the site."""


class MonitoringSection(Settings):
    """What watches the server."""

    metrics: MetricsTerms = MetricsTerms()
    """Metrics, and a page on the health of the server (docs/monitoring.md)."""
    traces: TraceTerms = TraceTerms()
    """Traces of captures (docs/monitoring.md)."""
