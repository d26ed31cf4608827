"""The metrics of this server, read from its parts at each request.

Labels are keys of cameras, sites and sources, codes, states and names of loops: nothing about a person, and no more
values than the settings and the code have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cekalwatch.contract.values.adjudication import OPEN_STATES
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.cameras import Heartbeat, ViewState
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.status import ServerStatus
from cekalwatch.program.extensions import extensions
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.foundation.probes import BatchMeasure, Measure, Metrics
from cekalwatch.server.health.state.figures import DatabaseFigures, FigureReader
from cekalwatch.server.health.state.health import ServerFault
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.watchlist.freshness import BY_HAND

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


Sample = tuple[str, float, tuple[str, ...]]
"""Name, value and labels."""

_COUNTER, _GAUGE = CounterMetricFamily, GaugeMetricFamily
_CAMERA = ("camera", "site")
METRICS: Final[Mapping[str, tuple[type[CounterMetricFamily | GaugeMetricFamily], str, tuple[str, ...]]]] = {
    "info": (
        _GAUGE,
        "1; what runs, and for which site.",
        ("site", "version", "model_pack", "model_version", "engine", "precision"),
    ),
    "start_time_seconds": (_GAUGE, "When the server started.", ()),
    "serving": (_GAUGE, "1 while the server does its work.", ()),
    "fault": (_GAUGE, "1 for each reason why the server does not do its work.", ("fault",)),
    "is_leader": (_GAUGE, "1 at the server that does the work that only one server of a database does.", ()),
    "captures": (_COUNTER, "Processed captures, by outcome.", ("outcome",)),
    "captures_unplaceable": (_COUNTER, "Processed captures whose time could not be corrected.", ()),
    "captures_waiting": (_GAUGE, "Captures in a queue, by the step that they wait for.", ("stage",)),
    "alerts_raised": (_COUNTER, "Alerts that this server raised.", ()),
    "alerts_open": (_GAUGE, "Open alerts of the database, by state.", ("state",)),
    "alerts_oldest_timestamp_seconds": (_GAUGE, "When the oldest open alert was raised.", ("state",)),
    "gallery_templates": (_GAUGE, "Templates in the gallery.", ()),
    "gallery_subjects": (_GAUGE, "Subjects with templates in the gallery.", ()),
    "gallery_subjects_left_out": (_GAUGE, "Listed subjects without an order in force or to come.", ()),
    "gallery_references_unsearched": (_GAUGE, "Reference faces without a usable template.", ()),
    "gallery_blind": (_GAUGE, "1 while nobody is searched although somebody should be.", ()),
    "gallery_timestamp_seconds": (_GAUGE, "When the gallery was last updated.", ()),
    "threshold": (_GAUGE, "The decision threshold, as comparison score.", ()),
    "expected_fpir": (_GAUGE, "Share of passages of people who are not listed that are expected to alert.", ()),
    "list_last_success_timestamp_seconds": (_GAUGE, "When the list was last updated.", ("source",)),
    "list_stale": (_GAUGE, "1 when the last update is older than freshness_limit_hours.", ("source",)),
    "list_active_subjects": (_GAUGE, "Subjects with an order in force.", ()),
    "list_shrunk": (_GAUGE, "1 while a list that lost many orders waits for two people's approval.", ()),
    "sync_runs": (_GAUGE, "Synchronisations whose record is kept, by outcome.", ("outcome",)),
    "sync_last_end_timestamp_seconds": (_GAUGE, "When the last synchronisation with that outcome ended.", ("outcome",)),
    "events": (_GAUGE, "Sequence of the newest event that was read from the log.", ()),
    "agents_subscribed": (_GAUGE, "Notifiers that are subscribed at this server.", ()),
    "agents_behind_events": (_GAUGE, "Events that the slowest notifier has not acknowledged.", ()),
    "camera_connected": (_GAUGE, "1 while the camera has a stream to this server.", _CAMERA),
    "camera_last_heard_timestamp_seconds": (_GAUGE, "When this server last heard the camera.", _CAMERA),
    "camera_frames_per_second": (_GAUGE, "Frames that its client processes.", _CAMERA),
    "camera_outbox_captures": (_GAUGE, "Crops that wait at its client.", _CAMERA),
    "camera_outbox_age_seconds": (_GAUGE, "Age of the oldest waiting crop.", _CAMERA),
    "camera_dropped": (_COUNTER, "Crops that its client lost.", _CAMERA),
    "camera_clock_ahead_seconds": (_GAUGE, "Seconds by which its clock is ahead (negative: behind).", _CAMERA),
    "camera_view": (_GAUGE, "1 for the state of its view.", (*_CAMERA, "state")),
    "sign_ins": (_COUNTER, "Attempts to sign in, by outcome.", ("outcome",)),
    "refusals": (_COUNTER, "Refused calls, by the code of the error.", ("code",)),
    "audit_checkpoint": (_GAUGE, "Number of the newest checkpoint of the audit trail.", ()),
    "audit_checkpoint_timestamp_seconds": (_GAUGE, "When the newest checkpoint was signed.", ()),
    "audit_history_changed": (_GAUGE, "1 while the trail differs from the one that was signed.", ()),
    "audit_signing_waits": (_GAUGE, "1 while a checkpoint waits for the token with the key.", ()),
    "audit_undelivered": (_GAUGE, "Checkpoints that a destination has not received.", ("destination",)),
    "backup_last_timestamp_seconds": (_GAUGE, "When the last backup of this server was made.", ()),
    "backup_stale": (_GAUGE, "1 when the last backup is older than limit_hours of [backup], or there is none.", ()),
    "revoked_certificates": (_GAUGE, "Revoked certificates.", ()),
    "revocations_unconfirmed_seconds": (_GAUGE, "Seconds since the revocation lists could last be confirmed.", ()),
    "revocations_expire_timestamp_seconds": (_GAUGE, "When the first revocation list expires.", ()),
    "revocations_stale": (_GAUGE, "1 while the revocation lists are too old.", ()),
    "database_well": (_GAUGE, "1 while the database accepts alerts.", ()),
    "database_read_timestamp_seconds": (_GAUGE, "When the figures of the database were last read.", ()),
    "loops": (_GAUGE, "Repeated parts of the work.", ()),
    "loop_failures": (_COUNTER, "Rounds of a loop that failed.", ("loop",)),
    "loop_failing": (_GAUGE, "1 while no later round of the loop has succeeded.", ("loop",)),
    "troubles": (_GAUGE, "Open problems, by kind.", ("kind",)),
    "connections": (_GAUGE, "Open connections of the server.", ()),
    "connections_closed": (_COUNTER, "Connections that the server closed: too many, or without calls.", ()),
    **{name: (_GAUGE, text, labels) for one in extensions("metrics") for name, (text, labels) in one.GAUGES.items()},
}
"""Kind, help and labels of each metric, without `PREFIX`; `Instruments` has the histograms."""


@dataclass(frozen=True)
class MonitoredServer:
    """The parts of this server that are monitored. Reading them does not block; any thread may read."""

    run_id: str
    """Key of this server's run."""
    site: str
    """Key of its first site: servers that share a database have the same."""
    status: StatusService
    presence: Presence
    figures: FigureReader
    refusals: Mapping[Code, int]
    sign_ins: Mapping[str, int]
    waiting: Mapping[str, Callable[[], int]]
    """How many captures wait, by the step that they wait for."""

    def faults(self) -> Mapping[ServerFault, str]:
        """Return why the server does not do its work: each fault with its name and, if known, why the database is away.

        A database whose figures could not be read for `CURRENT_FOR` is away too.
        """
        health = self.status.health
        found: dict[ServerFault, str] = {fault: fault.value for fault in health.faults}
        if ServerFault.DATABASE_AWAY in found or self.figures.current is None:
            away = health.database()
            found[ServerFault.DATABASE_AWAY] = ServerFault.DATABASE_AWAY + (f": {away.reason}" if away else "")
        return found

    def now(self) -> ServerStatus:
        """Return the status, with the last figures of the database."""
        return self.status.combine(self.figures.newest.status)


class ServerCollector(Collector):
    """Reads the parts at each request."""

    def __init__(self, monitored: MonitoredServer) -> None:
        self._monitored = monitored

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        families = {name: kind(PREFIX + name, text, labels=labels) for name, (kind, text, labels) in METRICS.items()}
        for name, value, labels in self._samples():
            families[name].add_metric(labels, value)
        return families.values()

    def _samples(self) -> Iterator[Sample]:
        status, figures = self._monitored.now(), self._monitored.figures.current
        yield from self._server(status)
        yield from self._captures(status)
        yield from _gallery(status, self._monitored.status.snapshot().people.as_of)
        yield from self._clients(status)
        yield from _trust(status)
        yield "database_read_timestamp_seconds", self._monitored.figures.newest.read_at.timestamp(), ()
        if figures:
            yield from self._database(figures, status.head_sequence)

    def _server(self, status: ServerStatus) -> Iterator[Sample]:
        gallery, inference = status.gallery, status.inference
        model = gallery.model_pack, gallery.model_version
        yield "info", 1, (self._monitored.site, status.server_version, *model, inference.engine, inference.precision)
        yield "start_time_seconds", status.started_at.timestamp(), ()
        faults = self._monitored.faults()
        yield "serving", not faults, ()
        for fault in ServerFault:
            yield "fault", fault in faults, (fault,)
        yield "database_well", self._monitored.status.health.database_well, ()
        loops = {one.name: one for one in status.loops}
        yield "loops", len(loops), ()
        for loop in loops.values():
            yield "loop_failures", loop.failures, (loop.name,)
            yield "loop_failing", loop.failing_s is not None, (loop.name,)
        kinds = [one.kind for one in status.alarms]
        for kind in AlarmKind:
            yield "troubles", kinds.count(kind), (kind,)
        yield "connections", status.connections.open, ()
        yield "connections_closed", status.connections.closed, ()

    def _captures(self, status: ServerStatus) -> Iterator[Sample]:
        for outcome in CaptureOutcome:
            yield "captures", self._monitored.status.processor.outcomes.get(outcome, 0), (outcome,)
        yield "captures_unplaceable", status.captures.unplaceable, ()
        for stage, waiting in self._monitored.waiting.items():
            yield "captures_waiting", waiting(), (stage,)
        yield "alerts_raised", status.captures.alerts_raised, ()
        yield "events", status.head_sequence, ()

    def _clients(self, status: ServerStatus) -> Iterator[Sample]:
        heard = self._monitored.presence.cameras
        for camera in (one.camera for one in status.cameras):
            of = (camera.camera_id, camera.site)
            known = heard.get(camera.camera_id)
            yield "camera_connected", known is not None and known.streams > 0, of
            if known is None or known.last_heard_at is None:
                continue
            beat = known.heartbeat or Heartbeat()
            yield "camera_last_heard_timestamp_seconds", known.last_heard_at.timestamp(), of
            yield "camera_frames_per_second", beat.frames_per_second, of
            yield "camera_outbox_captures", beat.outbox_depth, of
            yield "camera_outbox_age_seconds", beat.outbox_age_s, of
            yield "camera_dropped", beat.dropped_total, of
            if known.clock_ahead is not None:
                yield "camera_clock_ahead_seconds", known.clock_ahead.total_seconds(), of
            for view in ViewState:
                yield "camera_view", view is beat.view_state, (*of, view)
        yield "agents_subscribed", len(self._monitored.presence.agents), ()
        for sign_in, count in tuple(self._monitored.sign_ins.items()):
            yield "sign_ins", count, (sign_in,)
        for code, count in tuple(self._monitored.refusals.items()):
            yield "refusals", count, (code,)

    def _database(self, figures: DatabaseFigures, head: int) -> Iterator[Sample]:
        yield "is_leader", figures.status.leader_id == self._monitored.run_id, ()
        counted = {one.state: one for one in figures.alerts}
        for state in sorted(OPEN_STATES):
            found = counted.get(state)
            yield "alerts_open", found.count if found else 0, (state,)
            if found:
                yield "alerts_oldest_timestamp_seconds", found.oldest_at.timestamp(), (state,)
        for outcome, (count, last_at) in figures.runs.items():
            yield "sync_runs", count, (outcome,)
            yield "sync_last_end_timestamp_seconds", last_at.timestamp(), (outcome,)
        yield "list_shrunk", figures.shrunk, ()
        yield from figures.more
        maintenance = figures.status.maintenance
        if maintenance.backup_at:
            yield "backup_last_timestamp_seconds", maintenance.backup_at.timestamp(), ()
        yield "backup_stale", maintenance.backup_stale, ()
        positions = figures.status.positions
        behind = [head - positions.get(agent_id, head) for agent_id in self._monitored.presence.agents]
        yield "agents_behind_events", max([0, *behind]), ()


def _gallery(status: ServerStatus, as_of: datetime) -> Iterator[Sample]:
    """`as_of` is the time of the gallery's last update."""
    gallery = status.gallery
    yield "gallery_templates", gallery.templates, ()
    yield "gallery_subjects", gallery.subjects, ()
    yield "gallery_subjects_left_out", gallery.subjects_left_out, ()
    yield "gallery_references_unsearched", gallery.unsearched, ()
    yield "gallery_blind", gallery.blind, ()
    yield "gallery_timestamp_seconds", as_of.timestamp(), ()
    yield "threshold", gallery.threshold, ()
    yield "expected_fpir", gallery.expected_fpir, ()
    for one in status.freshness.sources:
        source = one.source or BY_HAND
        yield "list_stale", one.stale, (source,)
        if one.last_success_at:
            yield "list_last_success_timestamp_seconds", one.last_success_at.timestamp(), (source,)
    yield "list_active_subjects", status.freshness.active_subjects, ()


def _trust(status: ServerStatus) -> Iterator[Sample]:
    """Yield the state of the audit trail and of the revocations."""
    signing, revocations = status.signing, status.revocations
    if signing.signed_at:
        yield "audit_checkpoint", signing.checkpoint_number, ()
        yield "audit_checkpoint_timestamp_seconds", signing.signed_at.timestamp(), ()
    yield "audit_history_changed", bool(signing.change), ()
    yield "audit_signing_waits", bool(signing.waits), ()
    for one in signing.destinations:
        yield "audit_undelivered", one.waiting, (one.name,)
    if revocations:
        yield "revoked_certificates", revocations.certificates, ()
        yield "revocations_unconfirmed_seconds", revocations.unconfirmed_s, ()
        if revocations.valid_until:
            yield "revocations_expire_timestamp_seconds", revocations.valid_until.timestamp(), ()
        yield "revocations_stale", revocations.stale, ()
