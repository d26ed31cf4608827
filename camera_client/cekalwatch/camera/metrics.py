"""Metrics of all cameras for Prometheus, collected when they are asked for. They hold keys and numbers, no faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.camera.camera import Camera
from cekalwatch.camera.clock import Clock
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.contract.values.cameras import SpoolState, ViewState
from cekalwatch.program.metrics import LoopCollector, certificate_days_left
from cekalwatch.program.metrics import serving_metrics as serving

PREFIX = "cekalwatch_camera_"

_COUNTER, _GAUGE = CounterMetricFamily, GaugeMetricFamily
METRICS: Final[Mapping[str, tuple[type[CounterMetricFamily | GaugeMetricFamily], str, tuple[str, ...]]]] = {
    "frames": (_COUNTER, "Frames that were looked at.", ()),
    "frames_passed_over": (_COUNTER, "Frames skipped because a newer one was there.", ()),
    "source_opened_again": (_COUNTER, "Times the camera was opened again, by reason.", ("reason",)),
    "frame_age_seconds": (_GAUGE, "Age of the last frame when it was done with.", ()),
    "since_last_frame_seconds": (_GAUGE, "Time since the last frame.", ()),
    "faces": (_COUNTER, "Faces that were detected, over all frames.", ()),
    "passages": (_COUNTER, "Passages of which a crop was sent.", ()),
    "crops": (_COUNTER, "Crops that were put into the outbox.", ()),
    "crop_bytes": (_COUNTER, "Bytes of them.", ()),
    "view_state": (_GAUGE, "1 for the state of the view.", ("state",)),
    "outbox_depth": (_GAUGE, "Crops that wait for a receipt.", ()),
    "outbox_in_flight": (_GAUGE, "Crops of them that were sent.", ()),
    "outbox_age_seconds": (_GAUGE, "Age of the oldest of them.", ()),
    "crops_settled": (_COUNTER, "Crops whose receipt came.", ()),
    "crops_dropped": (_COUNTER, "Crops that were dropped, by reason.", ("reason",)),
    "spool_depth": (_GAUGE, "Crops on the disk.", ()),
    "spool_bytes": (_GAUGE, "Bytes of them.", ()),
    "spool_age_seconds": (_GAUGE, "Age of the oldest of them.", ()),
    "spool_state": (_GAUGE, "1 for the state of the spool.", ("state",)),
    "connected": (_GAUGE, "1 while the stream to the server is open.", ()),
    "receipts": (_COUNTER, "Receipts, by the outcome of the crop.", ("outcome",)),
    "server_losses": (_COUNTER, "Streams to the server that ended, by reason.", ("reason",)),
    "clock_offset_seconds": (_GAUGE, "This clock's lead over the server's, at the last connection.", ()),
    "certificate_days_left": (_GAUGE, "Days until the certificate expires.", ()),
}
"""Kind, help and labels of each metric, besides the label `camera`."""


class CameraCollector(Collector):
    """Reads the cameras at each request."""

    def __init__(self, cameras: Callable[[], Iterable[Camera]], clock: Clock) -> None:
        self._cameras = cameras
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        families = {
            name: kind(PREFIX + name, text, labels=["camera", *labels])
            for name, (kind, text, labels) in METRICS.items()
        }
        for camera in tuple(self._cameras()):
            for name, value, *labels in self._samples(camera):
                families[name].add_metric([camera.camera_id, *labels], value)
        return families.values()

    def _samples(self, camera: Camera) -> Iterator[tuple[str, float] | tuple[str, float, str]]:
        """Yield name, value and label of each sample."""
        vision, outbox, link = camera.statistics, camera.outbox.statistics(), camera.link
        yield "frames", vision.frames_total
        yield "frames_passed_over", camera.source.dropped
        for fault in StreamFault:
            yield "source_opened_again", camera.source.faults.get(fault, 0), fault.value
        yield "frame_age_seconds", vision.frame_age_s
        yield "since_last_frame_seconds", vision.since_frame_s
        yield "faces", vision.faces_total
        yield "passages", vision.passages_total
        yield "crops", vision.crops_total
        yield "crop_bytes", vision.crop_bytes_total
        for view in ViewState:
            yield "view_state", view is vision.view_state, view.value.lower()
        yield "outbox_depth", outbox.depth
        yield "outbox_in_flight", outbox.in_flight
        yield "outbox_age_seconds", outbox.oldest_s
        yield "crops_settled", outbox.settled_total
        for reason, count in asdict(outbox.drops).items():
            yield "crops_dropped", count, reason
        yield "spool_depth", outbox.stored
        yield "spool_bytes", outbox.stored_bytes
        yield "spool_age_seconds", outbox.stored_oldest_s
        for spool in SpoolState:
            yield "spool_state", spool is camera.spool_state(), spool.value.lower()
        yield "connected", link.connected
        for outcome, count in tuple(link.receipts.items()):
            yield "receipts", count, outcome.value.lower()
        for reason, count in tuple(link.losses.items()):
            yield "server_losses", count, reason.lower()
        if link.clock_offset_s is not None:
            yield "clock_offset_seconds", link.clock_offset_s
        left = certificate_days_left(camera.tls_dir, self._clock.now())
        if left is not None:
            yield "certificate_days_left", left


@contextmanager
def serving_metrics(address: str, cameras: Callable[[], Iterable[Camera]], clock: Clock) -> Iterator[int]:
    """Serve the metrics at `address` (HOST:PORT) until the end of the block; gives the port. Raises ProgramError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CameraCollector(cameras, clock))
    registry.register(LoopCollector(PREFIX))
    with serving(address, registry) as port:
        yield port
