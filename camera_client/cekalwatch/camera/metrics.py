"""Metrics of all cameras for Prometheus, collected when they are asked for. They hold keys and numbers, no faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.camera.camera import Camera
from cekalwatch.camera.checks.remote import read_certificate
from cekalwatch.camera.clock import Clock
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.address import split_address
from cekalwatch.wire.vocabulary.capture import SpoolState, ViewState

PREFIX = "cekalwatch_camera_"
SECONDS_A_DAY = 86_400.0


class CameraCollector(Collector):
    """Reads the cameras at each request."""

    def __init__(self, cameras: Callable[[], Iterable[Camera]], clock: Clock) -> None:
        self._cameras = cameras
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Return the metrics, each with a label `camera`."""
        cameras = tuple(self._cameras())
        yield from self._vision(cameras)
        yield from self._outboxes(cameras)
        yield from self._links(cameras)

    def _vision(self, cameras: tuple[Camera, ...]) -> Iterator[Metric]:
        frames = _counter("frames", "Frames that went through detection.")
        passed_over = _counter("frames_passed_over", "Frames passed over because a newer one was there.")
        reopened = _counter("source_opened_again", "Times the camera was opened again, by reason.", "reason")
        age = _gauge("frame_age_seconds", "Age of the last frame when its detection was done.")
        since = _gauge("since_last_frame_seconds", "Time since the last frame.")
        faces = _counter("faces", "Faces that were detected, over all frames.")
        passages = _counter("passages", "Passages of which a crop was sent.")
        crops = _counter("crops", "Crops that were put into the outbox.")
        crop_bytes = _counter("crop_bytes", "Bytes of them.")
        view = _gauge("view_state", "1 for the state that the view is in.", "state")
        for camera in cameras:
            key, statistics = [camera.camera_id], camera.statistics
            frames.add_metric(key, statistics.frames_total)
            passed_over.add_metric(key, camera.source.dropped)
            for fault in StreamFault:
                reopened.add_metric([*key, fault.value], camera.source.faults.get(fault, 0))
            age.add_metric(key, statistics.frame_age_s)
            since.add_metric(key, statistics.since_frame_s)
            faces.add_metric(key, statistics.faces_total)
            passages.add_metric(key, statistics.passages_total)
            crops.add_metric(key, statistics.crops_total)
            crop_bytes.add_metric(key, statistics.crop_bytes_total)
            for state in ViewState:
                view.add_metric([*key, state.value.lower()], state is statistics.view_state)
        yield from (frames, passed_over, reopened, age, since, faces, passages, crops, crop_bytes, view)

    def _outboxes(self, cameras: tuple[Camera, ...]) -> Iterator[Metric]:
        waiting = _gauge("outbox_depth", "Crops that wait for a receipt.")
        in_flight = _gauge("outbox_in_flight", "Crops of them that are under way.")
        age = _gauge("outbox_age_seconds", "Age of the oldest of them.")
        settled = _counter("crops_settled", "Crops whose receipt came.")
        dropped = _counter("crops_dropped", "Crops that were given up, by reason.", "reason")
        spooled = _gauge("spool_depth", "Crops of them on the disk.")
        spool_bytes = _gauge("spool_bytes", "Bytes of them.")
        spool_age = _gauge("spool_age_seconds", "Age of the oldest of them.")
        spool = _gauge("spool_state", "1 for the state that the spool is in.", "state")
        for camera in cameras:
            key, held = [camera.camera_id], camera.outbox.statistics()
            waiting.add_metric(key, held.depth)
            in_flight.add_metric(key, held.in_flight)
            age.add_metric(key, held.oldest_s)
            settled.add_metric(key, held.settled_total)
            for reason, count in asdict(held.drops).items():
                dropped.add_metric([*key, reason], count)
            spooled.add_metric(key, held.stored)
            spool_bytes.add_metric(key, held.stored_bytes)
            spool_age.add_metric(key, held.stored_oldest_s)
            for state in SpoolState:
                spool.add_metric([*key, state.value.lower()], state is camera.spool_state())
        yield from (waiting, in_flight, age, settled, dropped, spooled, spool_bytes, spool_age, spool)

    def _links(self, cameras: tuple[Camera, ...]) -> Iterator[Metric]:
        connected = _gauge("connected", "1 while the stream to the server is open.")
        receipts = _counter("receipts", "Receipts, by what became of the crop.", "outcome")
        losses = _counter("server_losses", "Streams to the server that ended, by reason.", "reason")
        offset = _gauge("clock_offset_seconds", "This clock's lead over the server's, at the last connection.")
        days = _gauge("certificate_days_left", "Days until the certificate runs out.")
        for camera in cameras:
            key, link = [camera.camera_id], camera.link
            connected.add_metric(key, link.connected)
            for outcome, count in tuple(link.receipts.items()):
                receipts.add_metric([*key, outcome.value.lower()], count)
            for reason, count in tuple(link.losses.items()):
                losses.add_metric([*key, reason.lower()], count)
            if link.clock_offset_s is not None:
                offset.add_metric(key, link.clock_offset_s)
            left_s = _certificate_left_s(camera, self._clock)
            if left_s is not None:
                days.add_metric(key, left_s / SECONDS_A_DAY)
        yield from (connected, receipts, losses, offset, days)


@contextmanager
def serving_metrics(address: str, cameras: Callable[[], Iterable[Camera]], clock: Clock) -> Iterator[int]:
    """Serve the metrics at `address` (HOST:PORT) until the end of the block; gives the port. Raises ProgramError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CameraCollector(cameras, clock))
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


def _certificate_left_s(camera: Camera, clock: Clock) -> float | None:
    try:
        until = read_certificate(camera.tls_dir).not_valid_after_utc
    except (OSError, ValueError):
        return None  # none, or it is being replaced; the uplink logs one that cannot be used
    return (until - clock.now()).total_seconds()


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, text, labels=["camera", *labels])


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=["camera", *labels])
