"""Serves the metrics of a program for Prometheus on this machine. The program defines the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.program.checks.certificate import read_certificate
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.measures import Measures
from cekalwatch.wire.address import split_address

SECONDS_A_DAY: Final = 86_400.0
DELAYS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class LoopCollector(Collector):
    """Reads how the loops of the program do, at each request; each has a label `loop`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def collect(self) -> Iterable[Metric]:
        name = f"{self._prefix}loop_"
        failures = CounterMetricFamily(f"{name}failures", "Rounds of a loop that failed.", labels=["loop"])
        failing = GaugeMetricFamily(f"{name}failing", "1 while nothing of it has succeeded.", labels=["loop"])
        for state in {one.name: one for one in LOOPS.states}.values():
            failures.add_metric([state.name], state.failures)
            failing.add_metric([state.name], state.failing_s is not None)
        return failures, failing


class WebInstruments:
    """Histograms and counters of a program with a web address, in a registry of its own.

    `prefix` begins their names; `served` is the noun for what it serves, such as "page".
    """

    def __init__(self, prefix: str, served: str) -> None:
        self.registry = made = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, GCCollector):
            collector(registry=made)
        made.register(LoopCollector(prefix))
        self._answers = Counter(
            f"{prefix}{served}s", "Answers to callers.", ("method", "route", "status"), registry=made
        )
        self._answer_s = Histogram(
            f"{prefix}{served}_seconds", "Duration of answers.", ("route",), buckets=DELAYS_S, registry=made
        )
        self._calls = Counter(
            f"{prefix}server_calls", "Finished calls to the server.", ("call", "status"), registry=made
        )
        self._call_s = Histogram(
            f"{prefix}server_call_seconds", "Duration of calls with one answer.", buckets=DELAYS_S, registry=made
        )
        self.measures = Measures(answer=self._answer, call=self._call)

    def _answer(self, method: str, route: str, status: int, seconds: float) -> None:
        self._answers.labels(method, route, str(status)).inc()
        self._answer_s.labels(route).observe(seconds)

    def _call(self, name: str, status: str, seconds: float | None) -> None:
        self._calls.labels(name, status).inc()
        if seconds is not None:
            self._call_s.observe(seconds)


def certificate_days_left(tls_dir: Path, now: datetime) -> float | None:
    """Return how many days the certificate in `tls_dir` is valid; None without a readable one."""
    try:
        until = read_certificate(tls_dir).not_valid_after_utc
    except (OSError, ValueError):
        return None  # none, or it is being replaced; who connects with it logs one that cannot be used
    return (until - now).total_seconds() / SECONDS_A_DAY


@contextmanager
def serving_metrics(address: str, registry: CollectorRegistry) -> Iterator[int]:
    """Serve the metrics at `address` (HOST:PORT) until the end of the block; gives the port. Raises ProgramError."""
    host, port = split_address(address)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ProgramError(f"Metrics cannot be served at {address}: {error.strerror}", Exit.UNAVAILABLE) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
