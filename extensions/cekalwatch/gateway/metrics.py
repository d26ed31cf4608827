"""Metrics of the gateway for Prometheus. They contain routes, codes and numbers, and nothing of an alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.gateway.gateway import Gateway
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.program.metrics import WebInstruments, certificate_days_left, serving_metrics

PREFIX: Final = "cekalwatch_gateway_"
SERVED: Final = "request"
GAUGES: Final[Mapping[str, str]] = {
    "connected": "1 while the gateway receives events from the server.",
    "events_held": "Events that the other system has not acknowledged, at most 1,000.",
    "certificate_days_left": "Days until the gateway's certificate expires.",
}
"""Help of the metrics that each request reads."""


class GatewayCollector(Collector):
    """Reads the gateway at each request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        held = self._gateway.held
        found = {
            "connected": held.stream.connection.ready,
            "events_held": held.count,
            "certificate_days_left": certificate_days_left(self._gateway.settings.tls_dir, datetime.now(UTC)),
        }
        return [GaugeMetricFamily(PREFIX + name, GAUGES[name], value) for name, value in found.items()]


@contextmanager
def measured_gateway(settings: GatewaySettings) -> Iterator[tuple[Gateway, int]]:
    """Make a gateway, and serve its metrics at the address in the settings until the end of the block.

    Yields it with the TCP port of the metrics, 0 when none are served. Raises ProgramError.
    """
    if not settings.metrics_listen:
        with closing(Gateway(settings)) as gateway:
            yield gateway, 0
        return
    instruments = WebInstruments(PREFIX, SERVED)
    with closing(Gateway(settings, instruments.measures)) as gateway:
        instruments.registry.register(GatewayCollector(gateway))
        with serving_metrics(settings.metrics_listen, instruments.registry) as port:
            yield gateway, port
