"""Serves the metrics of a program for Prometheus on this machine. The program defines the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.program.checks.certificate import read_certificate
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.wire.address import split_address

SECONDS_A_DAY: Final = 86_400.0


class LoopCollector(Collector):
    """Reads how the loops of the program do, at each request; each has a label `loop`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        name = f"{self._prefix}loop_"
        failures = CounterMetricFamily(f"{name}failures", "Rounds of a loop that failed.", labels=["loop"])
        failing = GaugeMetricFamily(f"{name}failing", "1 while nothing of it has succeeded.", labels=["loop"])
        for state in {one.name: one for one in LOOPS.states}.values():
            failures.add_metric([state.name], state.failures)
            failing.add_metric([state.name], state.failing_s is not None)
        return failures, failing


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
