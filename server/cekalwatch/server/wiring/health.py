"""The health of this server from the state of its parts, the service for operators, and the listener for metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

import structlog

from cekalwatch.program.extensions import extensions
from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.backup.contents import BackupRecord
from cekalwatch.server.cluster.jobs import PeriodicJob
from cekalwatch.server.cluster.peers import Peers
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.model_follower import threshold_rule
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.gallery.threshold_outlook import ThresholdOutlooks, threshold_signers
from cekalwatch.server.grpc_api.server import cannot_listen
from cekalwatch.server.grpc_api.servicers.operations import OperationsCalls
from cekalwatch.server.health.monitoring.collector import MonitoredServer, ServerCollector
from cekalwatch.server.health.monitoring.listener import MonitoringListener
from cekalwatch.server.health.monitoring.pages import MonitoringPages
from cekalwatch.server.health.state.counters import CounterBoard
from cekalwatch.server.health.state.figures import FigureReader
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.health.state.status import MaintenanceReader, StatusService
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.transport.connections import ConnectionWatch
from cekalwatch.server.wiring.alarms import AlarmParts
from cekalwatch.server.wiring.audit import AuditParts
from cekalwatch.server.wiring.authentication import AuthenticationParts
from cekalwatch.server.wiring.capture import CaptureParts
from cekalwatch.server.wiring.cluster import ClusterParts
from cekalwatch.server.wiring.data_folder import tell_restored
from cekalwatch.server.wiring.events import EventParts
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.ports import PortParts
from cekalwatch.server.wiring.process import ProcessParts
from cekalwatch.server.wiring.storage import Context
from cekalwatch.wire.address import is_loopback, split_address

READ_PERIOD_S = 5.0
GET_STATUS = "/cekalwatch.v1.OperationsService/GetStatus"
"""A certificate that may call this without a person may read the metrics, which contain the same facts."""
BACKLOG = 16

log = structlog.get_logger()


@dataclass(frozen=True)
class MonitoringParts(Part):
    """The listener, and the reader of the database's figures."""

    listener: MonitoringListener
    figures: FigureReader

    def start(self) -> None:
        """Read the figures once, and begin to serve; it blocks. Raises StorageError."""
        self.figures.read()
        self.listener.start()


def init_monitoring(
    context: Context,
    process: ProcessParts,
    cluster: ClusterParts,
    captures: CaptureParts,
    authentication: AuthenticationParts,
    status: StatusService,
) -> MonitoringParts | None:
    """Listen at the address in the settings; return None when there is none. Raises ProgramError.

    On an address of this machine it speaks plaintext.
    """
    settings, stores = context.settings, context.stores
    if not (listen := settings.metrics.listen):
        return None
    settings.metrics.require_safe(process.tls)
    refusals, registry = authentication.refusals, process.instruments.registry
    figures = FigureReader(
        status,
        stores.handling,
        stores.syncs,
        lambda now: chain.from_iterable(one.read(context, now) for one in extensions("metrics")),
        context.clock,
    )
    monitored = MonitoredServer(
        cluster.run_id,
        settings.home.site,
        status,
        cluster.presence,
        figures,
        refusals.totals,
        authentication.sign_ins,
        {"embed": captures.waiting, "decide": captures.undecided},
    )
    registry.register(ServerCollector(monitored))
    pages = MonitoringPages(monitored, registry, settings.home.zone)

    def admit(certificate_pem: bytes) -> None:
        caller = process.certificates.admit(GET_STATUS, certificate_pem)
        if caller.needs:
            raise CekalwatchError(Code.METHOD_NOT_ALLOWED, "metrics")

    def refused(code: Code, address: str) -> None:
        if refusals.is_new(code, address):
            log.info("metrics_refused", code=code, address=address)

    listener = MonitoringListener(
        _listening(listen), None if is_loopback(listen) else process.tls, admit, pages.answer, refused
    )
    context.stack.callback(listener.close)
    return MonitoringParts(listener, figures, jobs=(PeriodicJob("read_figures", READ_PERIOD_S, figures.read),))


def _listening(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError:
        raise cannot_listen(address) from None


def init_health(
    context: Context,
    certificates: CertificateAuthentication,
    audit: AuditParts,
    capture: CaptureParts,
    gallery: GalleryParts,
    peers: Peers,
    ports: PortParts,
    stopping: Callable[[], bool],
) -> Health:
    """Return what alarms, the gRPC health service, metrics and `/healthz` read."""
    return Health(
        lambda: certificates.revocations,
        timedelta(seconds=context.settings.revocations_limit_seconds),
        context.clock,
        audit.state,
        database=lambda: context.database.availability.away,
        takes_alerts=lambda: capture.health.well,
        blind=lambda: gallery.snapshots.current.blind,
        late_s=capture.late_s,
        stopping=stopping,
        clock_ahead=lambda: peers.clock_ahead,
        reporting=ports.reporting,
    )


@dataclass(frozen=True)
class OperationParts(Part):
    """The calls of operators."""

    status: StatusService


def init_operations(
    context: Context,
    process: ProcessParts,
    cluster: ClusterParts,
    gallery: GalleryParts,
    events: EventParts,
    capture: CaptureParts,
    peers: Peers,
    health: Health,
    alarms: AlarmParts,
    connections: ConnectionWatch,
) -> OperationParts:
    """Return what operators see and set."""
    settings, stores, engines = context.settings, context.stores, gallery.engines
    status = StatusService(
        started_at=process.started_at,
        thread_budget=settings.threads,
        engine=lambda: engines.engine,
        cameras=capture.cameras,
        policies=lambda: capture.sessions.policies,
        snapshot=lambda: gallery.snapshots.current,
        freshness=gallery.freshness,
        processor=capture.processor,
        decider=capture.decider,
        fanout=events.fanout,
        peers=peers,
        leader_id=cluster.lease.holder,
        alerts=stores.alerts,
        ports=stores.ports.states,
        alarms=lambda: alarms.feed.open,
        health=health,
        connections=lambda: connections.state,
        restored_backup=tell_restored(stores.audit),
        maintenance=_maintenance_reader(context),
    )
    setting = ThresholdSetting(stores.thresholds, context.clock, lambda: engines.engine.pack.score_version)
    outlooks = ThresholdOutlooks(
        stores.thresholds,
        stores.watchlist.templates,
        settings.target_fpir,
        lambda: gallery.snapshots.current,
        lambda: engines.engine.pack,
        lambda pack: threshold_rule(settings, stores.thresholds, pack),
    )

    signers = partial(threshold_signers, AuditSearch(context.database), stores.people)

    def today() -> str:
        return context.checkpoints.day(context.clock.now(), settings.home.site).isoformat()

    names, waiting = stores.people.display_names, stores.handling.waiting_at
    counters = CounterBoard(status.cameras, status.policies, status.peers.whole, names, waiting)
    calls = OperationsCalls(status, counters, setting, outlooks, signers, today, context.foresight)
    return OperationParts(status, served=calls.served())


def _maintenance_reader(context: Context) -> MaintenanceReader:
    settings = context.settings

    def last_backup_at() -> datetime | None:
        last = BackupRecord.load(settings.backup_record_file)
        return last.made_at if last else None

    return MaintenanceReader(settings.data_dir, last_backup_at, settings.backup.limit, context.keys, context.clock)
