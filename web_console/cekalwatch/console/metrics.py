"""Metrics of the console for Prometheus. They contain routes, codes and numbers, but not who views what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.console.console import Console
from cekalwatch.console.import_jobs import JobState
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.metrics import WebInstruments, certificate_days_left, serving_metrics

PREFIX: Final = "cekalwatch_console_"
GAUGES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "sessions": ("Browsers that are signed in.", ()),
    "viewers": ("Open pages that update themselves.", ()),
    "connected": ("1 while the console receives events from the server.", ()),
    "imports": ("List files of the console, by their state.", ("state",)),
    "certificate_days_left": ("Days until the console's certificate expires.", ()),
}
"""Help and labels of the metrics that each request reads."""


class ConsoleCollector(Collector):
    """Reads the console at each request."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def collect(self) -> Iterable[Metric]:
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
    instruments = WebInstruments(PREFIX, "page")
    console = Console(settings, instruments.measures)
    instruments.registry.register(ConsoleCollector(console))
    with serving_metrics(settings.metrics_listen, instruments.registry) as port:
        yield console, port
