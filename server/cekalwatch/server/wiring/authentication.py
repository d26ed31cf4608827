"""What lets devices and people in: certificates and their revocations, sign-in, and enrolment."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import structlog

from cekalwatch.server.auth.certificate import (
    CertificateAuthentication,
    LoopbackAuthentication,
    TlsCertificateAuthentication,
)
from cekalwatch.server.auth.person import PersonAuthentication
from cekalwatch.server.auth.providers import ProviderAuthentication
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor
from cekalwatch.server.grpc_api.enrolment import EnrolmentServicer
from cekalwatch.server.grpc_api.server import EnrolmentServer
from cekalwatch.server.grpc_api.session import SessionServicer
from cekalwatch.server.pki.revocations import Revocations
from cekalwatch.server.pki.site_pki import REVOKED_FILE, SitePki
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.tls import FollowedTls

log = structlog.get_logger()


def open_certificate_authentication(
    settings: ServerSettings, tls: FollowedTls | None, clock: Clock
) -> CertificateAuthentication:
    """Return what lets calls in. A site with an authority of its own must have its revocation list as well."""
    if tls is None:
        return LoopbackAuthentication()
    file = settings.revocations
    if file is None and (settings.pki_path / "authority.pem").exists():
        file = settings.pki_path / REVOKED_FILE
    if file is None:
        log.warning("revocation_list_missing")
    revocations = Revocations(file, tls.files.authority) if file else None
    return TlsCertificateAuthentication(revocations, frozenset(site.site for site in settings.sites), clock)


@dataclass(frozen=True)
class AuthenticationWiring:
    """What stands before every call."""

    servicer: SessionServicer
    access: AuthenticationInterceptor

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        database: Database,
        gate: CertificateAuthentication,
        openid: OpenIdTerms | None,
        clock: Clock,
        stack: ExitStack,
    ) -> Self:
        """Let in through `gate` whoever has a session where one is needed."""
        reception = ProviderAuthentication(database, clock, settings.session_terms, openid)
        stack.callback(reception.close)
        servicer = SessionServicer(reception.desk, reception.changes, reception.sessions)
        stack.callback(servicer.close)
        return cls(
            servicer, AuthenticationInterceptor(gate, PersonAuthentication(reception.sessions), settings.reader_stall_s)
        )


def open_enrolment(
    settings: ServerSettings, tls: FollowedTls | None, trail: AuditTrail, clock: Clock
) -> EnrolmentServer | None:
    """Return the server at which devices enrol; None where they do not."""
    if not tls or not settings.enrolment_listen:
        return None
    return EnrolmentServer(
        EnrolmentServicer(SitePki.load(settings.pki_path), trail, clock), settings.enrolment_listen, tls
    )
