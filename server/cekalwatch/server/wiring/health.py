"""The health of this server, from the state of its parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.cluster.peers import Peers
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.wiring.audit import AuditParts
from cekalwatch.server.wiring.capture import CaptureParts
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.ports import PortParts
from cekalwatch.server.wiring.storage import Context


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
        blind=lambda: gallery.snapshots.current().blind,
        stopping=stopping,
        clock_ahead=lambda: peers.clock_ahead,
        reporting=ports.reporting,
    )
