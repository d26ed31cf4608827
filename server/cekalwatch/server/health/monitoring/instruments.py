"""Histograms of what the parts of the server record, and the registry of all metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, Histogram, PlatformCollector, ProcessCollector

from cekalwatch.server.health.probes.metrics import BatchMeasure, Measure, Metrics

PREFIX = "cekalwatch_server_"
DELAYS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 256)


class Instruments:
    """Histograms of the durations and batch sizes that the parts record, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._sizes = self._histogram("batch_items", "Items in a batch, by the worker that took them.", SIZES, "worker")
        self._batches = self._histogram("batch_seconds", "How long a worker took for a batch.", DELAYS_S, "worker")
        self.metrics = Metrics(
            receipt=self._delay("capture_receipt_seconds", "From the arrival of a capture to its receipt."),
            decision=self._delay("capture_decision_seconds", "From a picture to the decision whether it alerts."),
            event=self._delay("alert_event_seconds", "From a picture to the commit of its alert event."),
            acknowledgement=self._delay(
                "alert_acknowledgement_seconds", "From the commit of an event to its acknowledgement by an agent."
            ),
            commit=self._delay("database_commit_seconds", "How long the database took to commit."),
            batch=self._batch,
        )

    def _delay(self, name: str, text: str) -> Measure:
        return self._histogram(name, text, DELAYS_S).observe

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(PREFIX + name, text, labels, registry=self.registry, buckets=buckets)

    def _batch(self, worker: str) -> BatchMeasure:
        size, duration = self._sizes.labels(worker), self._batches.labels(worker)

        def measure(items: float, seconds: float) -> None:
            size.observe(items)
            duration.observe(seconds)

        return measure
