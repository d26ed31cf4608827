"""Authentication of devices and people: certificates, revocations, sign-in, enrolment, and the keeping of devices."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from cekalwatch.contract.values.silencing import Silencing
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.auth.admission import PersonAuthentication
from cekalwatch.server.auth.certificate import (
    CertificateAuthentication,
    LoopbackAuthentication,
    TlsCertificateAuthentication,
    peer_of,
)
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.auth.signing_in.providers import ProviderAuthentication
from cekalwatch.server.cluster.jobs import PeriodicJob, at_stop
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor
from cekalwatch.server.grpc_api.open_calls import OpenCalls
from cekalwatch.server.grpc_api.server import EnrolmentListener
from cekalwatch.server.grpc_api.servicers.devices import DeviceCalls
from cekalwatch.server.grpc_api.servicers.enrolment import EnrolmentServicer
from cekalwatch.server.grpc_api.servicers.people import PeopleCalls
from cekalwatch.server.grpc_api.servicers.session import SessionCalls
from cekalwatch.server.pki.device_admin import DevicePlaces, DeviceRegistry, endpoints_at
from cekalwatch.server.pki.revocations import Revocations
from cekalwatch.server.pki.site_pki import REVOKED_FILE, SitePki
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.transport.connections import ConnectionWatch
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import FollowedTls

SUM_REFUSALS_PERIOD_S = 5.0
ASK_PROVIDER_PERIOD_S = 15.0
CAPTURE_STREAM = "/cekalwatch.v1.CaptureService/StreamFaces"

log = structlog.get_logger()


def open_certificate_authentication(
    settings: ServerSettings, tls: FollowedTls | None, clock: Clock
) -> CertificateAuthentication:
    """Return the authentication of devices. A site with an authority of its own must have its revocation list too."""
    if tls is None:
        return LoopbackAuthentication()
    file = settings.revocations
    if file is None and (settings.pki_path / "authority.pem").exists():
        file = settings.pki_path / REVOKED_FILE
    if file is None:
        log.warning("revocation_list_missing")
    revocations = Revocations(file, tls.files.authority, clock) if file else None
    return TlsCertificateAuthentication(revocations, frozenset(site.site for site in settings.sites), clock)


@dataclass(frozen=True)
class AuthenticationParts(Part):
    """The checks before every call."""

    interceptor: AuthenticationInterceptor
    refusals: RefusalLog
    """Of all calls, for the log."""
    sign_ins: Mapping[str, int]
    """How tries to sign in ended since the start: OK, or the code of the refusal."""
    connections: ConnectionWatch

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops that end open calls."""
        return self.interceptor.open_calls.loops()


def init_authentication(
    context: Context,
    certificates: CertificateAuthentication,
    presence: Presence,
    signed_out: Callable[[Person, Actor, str | None], None],
    foresee: Callable[[str, bytes], Silencing],
) -> AuthenticationParts:
    """Admit devices by `certificates`, and people by a session if one is needed.

    `presence` records the cameras whose certificate is refused; `signed_out` releases what a person held, see
    `SessionCalls`. `foresee` says what a request of a method would silence.
    """
    settings, connections = context.settings, ConnectionWatch()
    context.stack.callback(connections.close)
    providers = ProviderAuthentication(
        context.database, context.clock, settings.session_terms, settings.openid, certificates.revoked
    )
    refusals = RefusalLog(context.clock)
    context.stack.callback(refusals.tell_sums, at_once=True)
    context.stack.callback(at_stop, "sums of refusals", partial(providers.refusals.record_sums, at_once=True))
    sessions = SessionCalls(
        providers.sign_in, providers.password_change, providers.sessions, signed_out, providers.approvals, foresee
    )
    context.stack.callback(sessions.close)
    keeping = PeopleCalls(
        context.stores.people, providers.passwords, context.clock, sessions.passwords, context.foresight
    )
    served = *sessions.served(), *keeping.served()
    people = PersonAuthentication(providers.sessions, providers.approvals.is_for)

    def refused(method: str, certificate_pem: bytes, reason: Code) -> None:
        if certificate_pem and method == CAPTURE_STREAM and reason is not Code.IDENTITY_INVALID:
            identity = peer_of(certificate_pem).identity
            if identity.role is DeviceRole.CAMERA:
                presence.camera_rejected(identity.name, identity.site, reason)

    interceptor = AuthenticationInterceptor(
        certificates,
        people,
        settings.reader_stall_seconds,
        refused,
        refusals,
        connections.let_in,
        context.clock,
        presence.displaced,
    )
    context.stack.callback(interceptor.open_calls.close)
    jobs = [
        PeriodicJob("tell_refusals", SUM_REFUSALS_PERIOD_S, refusals.tell_sums),
        PeriodicJob("record_refusals", SUM_REFUSALS_PERIOD_S, providers.refusals.record_sums),
    ]
    if grants := providers.sign_in.grants:
        jobs.append(PeriodicJob("ask_provider", ASK_PROVIDER_PERIOD_S, partial(grants.ask, context.actor)))
    return AuthenticationParts(
        interceptor, refusals, providers.sign_in.outcomes, connections, served=served, jobs=tuple(jobs)
    )


def init_enrolment(
    context: Context, tls: FollowedTls | None, trail: AuditTrail, refusals: RefusalLog
) -> EnrolmentListener | None:
    """Return the listener for enrolling devices, or None when the settings have none."""
    settings = context.settings
    if not tls or not settings.enrolment_listen:
        return None
    pki, clock = SitePki.load(settings.pki_path, settings.authority_token), context.clock
    servicer = EnrolmentServicer(pki, trail, clock)

    def invited() -> bool:
        return bool(pki.open_invitations(clock.now()))

    return EnrolmentListener(servicer, settings.enrolment_listen, tls, invited, refusals)


def init_devices(
    context: Context,
    whole: Callable[[], WholePresence],
    open_calls: OpenCalls,
    address: Callable[[], str],
    enrolment_address: Callable[[], str],
) -> Part:
    """Return the calls about devices: the authority is opened when something is asked of it, where this server has one.

    `address`: where the server listens; `enrolment_address`: where devices enrol (empty: nowhere).
    """
    settings = context.settings
    office = DeviceRegistry(
        DevicePlaces(settings.sites, settings.cameras),
        lambda: SitePki.load(settings.pki_path, settings.authority_token),
        lambda: endpoints_at(settings.tls_path, address(), enrolment_address()),
        context.stores.audit,
        context.clock,
    )
    return Part(served=DeviceCalls(office, whole, open_calls, context.foresight).served())
