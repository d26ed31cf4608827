"""What tells those who watch the server how it does, and where."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import structlog

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.cluster.chores import Chore
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.server import cannot_listen
from cekalwatch.server.health.monitoring.collector import MonitoredServer, ServerCollector
from cekalwatch.server.health.monitoring.instruments import Instruments
from cekalwatch.server.health.monitoring.listener import MonitoringListener
from cekalwatch.server.health.monitoring.pages import MonitoringPages
from cekalwatch.server.health.probes.presence import Presence
from cekalwatch.server.health.state.figures import FigureReader
from cekalwatch.server.health.state.health import ServerFault
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.notices.store import NoticeStore
from cekalwatch.server.wiring.capture import CaptureWiring
from cekalwatch.server.wiring.context import Context
from cekalwatch.wire.address import is_loopback, split_address
from cekalwatch.wire.tls import FollowedTls

READ_PERIOD_S = 5.0
GET_STATUS = "/cekalwatch.v1.OperationsService/GetStatus"
"""Whose certificate may call this by itself may read the metrics, which say the same."""
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
class WatchedParts:
    """What is watched of the server."""

    run_id: str
    status: StatusService
    presence: Presence
    captures: CaptureWiring
    sign_ins: Mapping[str, int]
    stopping: Callable[[], bool]

    def faults(self, figures: FigureReader) -> tuple[ServerFault, ...]:
        """Return why the server does not do its work."""
        found = {
            ServerFault.GALLERY_EMPTY: self.status.snapshot().blind,
            ServerFault.DATABASE_AWAY: not self.captures.health.well or figures.current is None,
            ServerFault.STOPPING: self.stopping(),
        }
        return tuple(dict.fromkeys((*self.status.health.faults, *(fault for fault, there in found.items() if there))))


@dataclass(frozen=True)
class MonitoringWiring:
    """The listener, and what it needs regularly."""

    listener: MonitoringListener
    figures: FigureReader
    chores: tuple[Chore, ...]

    @classmethod
    def open(
        cls,
        context: Context,
        tls: FollowedTls | None,
        certificates: CertificateAuthentication,
        refusals: RefusalLog,
        parts: WatchedParts,
        instruments: Instruments,
    ) -> Self | None:
        """Listen where the settings say; None where they do not. Raises ProgramError.

        On this machine plaintext is spoken.
        """
        settings, stores = context.settings, context.stores
        if not (listen := settings.metrics.listen):
            return None
        check_metrics_address(settings, tls)

        figures = FigureReader(
            parts.status,
            stores.handling,
            stores.syncs,
            NoticeStore(context.database),
            [one.name for one in settings.notices.webhooks],
            context.clock,
        )
        watched = MonitoredServer(
            parts.run_id,
            parts.status,
            parts.presence,
            figures,
            refusals.totals,
            parts.sign_ins,
            {"embed": parts.captures.waiting, "decide": parts.captures.undecided},
            lambda: parts.faults(figures),
            lambda: parts.captures.health.well and parts.status.health.database() is None,
        )
        instruments.registry.register(ServerCollector(watched))
        pages = MonitoringPages(watched, instruments.registry, settings.home.zone)

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
        return cls(listener, figures, (Chore("read_figures", READ_PERIOD_S, figures.read),))

    def start(self) -> None:
        """Read the figures once, and begin to serve; it blocks. Raises StorageError."""
        self.figures.read()
        self.listener.start()


def _listening(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError:
        raise cannot_listen(address) from None
