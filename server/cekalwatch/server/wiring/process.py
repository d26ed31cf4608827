"""The server's process: certificates, native threads, bounds on connections, traces and instruments."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

import structlog

from cekalwatch.program.confined.command import missing_protections
from cekalwatch.program.traces import TRACES
from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.health.monitoring.collector import Instruments
from cekalwatch.server.settings.named_files import require_named_files
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.transport.process import connection_bound, raise_limit, return_large_pieces
from cekalwatch.server.wiring.authentication import open_certificate_authentication
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.tls import FollowedTls

log = structlog.get_logger()


@dataclass(frozen=True)
class ProcessParts:
    """The parts that are set up before anything of the site is opened."""

    started_at: datetime
    tls: FollowedTls | None
    """None means plaintext, on this machine only."""
    certificates: CertificateAuthentication
    most_connections: int
    instruments: Instruments


def init_process(settings: ServerSettings, clock: Clock, stack: ExitStack) -> ProcessParts:
    """Set the process up. Raises ProgramError for certificates and secrets that cannot be read."""
    require_named_files(settings)
    started_at, tls = clock.now(), settings.tls()
    return_large_pieces()
    most_connections = connection_bound(settings.connections, raise_limit())
    certificates = open_certificate_authentication(settings, tls, clock)
    limit_native_threads(1)
    if missing := missing_protections():
        log.warning("confinement_incomplete", missing=", ".join(missing))
    stack.enter_context(TRACES.exporting(settings.traces, "cekalwatch-server", settings.name))
    return ProcessParts(started_at, tls, certificates, most_connections, Instruments())
