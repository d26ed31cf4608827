"""The listener for metrics, health check and status page, with its sources."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.cluster.jobs import PeriodicJob
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.server import cannot_listen
from cekalwatch.server.health.monitoring.collector import Instruments, MonitoredServer, ServerCollector
from cekalwatch.server.health.monitoring.listener import MonitoringListener
from cekalwatch.server.health.monitoring.pages import MonitoringPages
from cekalwatch.server.health.probes import Presence
from cekalwatch.server.health.state.figures import FigureReader
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.notices import NoticeStore
from cekalwatch.server.wiring.capture import CaptureParts
from cekalwatch.server.wiring.storage import Context
from cekalwatch.wire.address import is_loopback, split_address
from cekalwatch.wire.tls import FollowedTls

READ_PERIOD_S = 5.0
GET_STATUS = "/cekalwatch.v1.OperationsService/GetStatus"
"""A certificate that may call this without a person may read the metrics, which contain the same facts."""
BACKLOG = 16

log = structlog.get_logger()


def check_metrics_address(settings: ServerSettings, tls: FollowedTls | None) -> None:
    """Raise ProgramError where metrics would leave this machine without certificates."""
    listen = settings.metrics.listen
    if listen and not tls and not is_loopback(listen):
        raise ProgramError(
            f"Metrics would be served at {listen} without certificates: listen on this machine, for example "
            "127.0.0.1:9465, or enrol the server first (docs/certificates.md)",
            Exit.CONFIG,
        )


@dataclass(frozen=True)
class MonitoringParts:
    """The listener, and the reader of the database's figures."""

    listener: MonitoringListener
    figures: FigureReader
    jobs: tuple[PeriodicJob, ...]

    def start(self) -> None:
        """Read the figures once, and begin to serve; it blocks. Raises StorageError."""
        self.figures.read()
        self.listener.start()


def init_monitoring(
    context: Context,
    tls: FollowedTls | None,
    certificates: CertificateAuthentication,
    refusals: RefusalLog,
    sign_ins: Mapping[str, int],
    run_id: str,
    status: StatusService,
    presence: Presence,
    captures: CaptureParts,
    instruments: Instruments,
) -> MonitoringParts | None:
    """Listen at the address in the settings; return None when there is none. Raises ProgramError.

    On an address of this machine it speaks plaintext.
    """
    settings, stores = context.settings, context.stores
    if not (listen := settings.metrics.listen):
        return None
    check_metrics_address(settings, tls)

    figures = FigureReader(
        status,
        stores.handling,
        stores.syncs,
        NoticeStore(context.database),
        [one.name for one in settings.notices.webhooks],
        context.clock,
    )
    monitored = MonitoredServer(
        run_id,
        status,
        presence,
        figures,
        refusals.totals,
        sign_ins,
        {"embed": captures.waiting, "decide": captures.undecided},
    )
    instruments.registry.register(ServerCollector(monitored))
    pages = MonitoringPages(monitored, instruments.registry, settings.home.zone)

    def admit(certificate_pem: bytes) -> None:
        caller = certificates.admit(GET_STATUS, certificate_pem)
        if caller.needs:
            raise CekalwatchError(Code.METHOD_NOT_ALLOWED, "metrics")

    def refused(code: Code, address: str) -> None:
        if refusals.is_new(code, address):
            log.info("metrics_refused", code=code, address=address)

    listener = MonitoringListener(
        _listening(listen), None if is_loopback(listen) else tls, admit, pages.answer, refused
    )
    context.stack.callback(listener.close)
    return MonitoringParts(listener, figures, (PeriodicJob("read_figures", READ_PERIOD_S, figures.read),))


def _listening(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError:
        raise cannot_listen(address) from None
