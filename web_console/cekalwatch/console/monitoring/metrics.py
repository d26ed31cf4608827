"""Metrics of the console for Prometheus. They contain routes, codes and numbers, but not who views what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, Histogram, ProcessCollector
from prometheus_client import Counter as Count
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.console.console import Console
from cekalwatch.console.import_jobs import JobState
from cekalwatch.console.monitoring.measures import Measures
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.metrics import LoopCollector, certificate_days_left, serving_metrics

PREFIX: Final = "cekalwatch_console_"
DELAYS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
GAUGES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "sessions": ("Browsers that are signed in.", ()),
    "viewers": ("Open pages that update themselves.", ()),
    "connected": ("1 while the console receives events from the server.", ()),
    "imports": ("List files of the console, by their state.", ("state",)),
    "certificate_days_left": ("Days until the console's certificate expires.", ()),
}
"""Help and labels of the metrics that each request reads."""


class Instruments:
    """The histograms and counters of the console, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, GCCollector):
            collector(registry=self.registry)
        self.registry.register(LoopCollector(PREFIX))
        made = self.registry
        self._pages = Count(f"{PREFIX}pages", "Answers to browsers.", ("method", "route", "status"), registry=made)
        self._page_s = Histogram(
            f"{PREFIX}page_seconds", "Duration of answers.", ("route",), buckets=DELAYS_S, registry=made
        )
        self._calls = Count(f"{PREFIX}server_calls", "Finished calls to the server.", ("call", "status"), registry=made)
        self._call_s = Histogram(
            f"{PREFIX}server_call_seconds", "Duration of calls with one answer.", buckets=DELAYS_S, registry=made
        )
        self.measures = Measures(page=self._page, call=self._call)

    def _page(self, method: str, route: str, status: int, seconds: float) -> None:
        self._pages.labels(method, route, str(status)).inc()
        self._page_s.labels(route).observe(seconds)

    def _call(self, name: str, status: str, seconds: float | None) -> None:
        self._calls.labels(name, status).inc()
        if seconds is not None:
            self._call_s.observe(seconds)


class ConsoleCollector(Collector):
    """Reads the console at each request."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        families = {name: GaugeMetricFamily(PREFIX + name, text, labels=of) for name, (text, of) in GAUGES.items()}
        for name, value, *labels in self._samples():
            families[name].add_metric(labels, value)
        return families.values()

    def _samples(self) -> Iterator[tuple[str, float] | tuple[str, float, str]]:
        """Yield name, value and label of each sample."""
        console = self._console
        yield "sessions", console.web_sessions.count
        yield "viewers", console.news.listeners
        yield "connected", console.news.connection.ready
        states = Counter(job.state for job in console.imports.all())
        for state in JobState:
            yield "imports", states[state], state.value
        left = certificate_days_left(console.settings.tls_dir, datetime.now(UTC))
        if left is not None:
            yield "certificate_days_left", left


@contextmanager
def measured_console(settings: ConsoleSettings) -> Iterator[tuple[Console, int]]:
    """Make a console, and serve its metrics at the address in the settings until the end of the block.

    Yields it with the TCP port of the metrics, 0 when none are served. Raises ProgramError.
    """
    if not settings.metrics_listen:
        yield Console(settings), 0
        return
    instruments = Instruments()
    console = Console(settings, instruments.measures)
    instruments.registry.register(ConsoleCollector(console))
    with serving_metrics(settings.metrics_listen, instruments.registry) as port:
        yield console, port
