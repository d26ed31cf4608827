"""The gRPC server: the services with health, reflection and channelz, and the listener at which devices enrol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import structlog
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor, current_caller
from cekalwatch.server.grpc_api.errors import CatalogueErrors
from cekalwatch.server.grpc_api.servicers.alerts import AlertServicer
from cekalwatch.server.grpc_api.servicers.audit import AuditServicer
from cekalwatch.server.grpc_api.servicers.cameras import CameraServicer
from cekalwatch.server.grpc_api.servicers.capture import CaptureServicer
from cekalwatch.server.grpc_api.servicers.devices import DeviceServicer
from cekalwatch.server.grpc_api.servicers.enrolment import EnrolmentServicer, StrangerBounds
from cekalwatch.server.grpc_api.servicers.operations import OperationsServicer
from cekalwatch.server.grpc_api.servicers.people import PeopleServicer
from cekalwatch.server.grpc_api.servicers.ports import PortServicer
from cekalwatch.server.grpc_api.servicers.reports import ReportServicer
from cekalwatch.server.grpc_api.servicers.session import SessionServicer
from cekalwatch.server.grpc_api.servicers.troubles import TroubleServicer
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import ListFeedServicer
from cekalwatch.server.grpc_api.servicers.watchlist.servicer import WatchlistServicer
from cekalwatch.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    camera_service_pb2,
    camera_service_pb2_grpc,
    capture_service_pb2,
    capture_service_pb2_grpc,
    device_service_pb2,
    device_service_pb2_grpc,
    enrolment_service_pb2_grpc,
    list_feed_service_pb2,
    list_feed_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    people_service_pb2,
    people_service_pb2_grpc,
    port_service_pb2,
    port_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    trouble_service_pb2,
    trouble_service_pb2_grpc,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.wire.address import split_address
from cekalwatch.wire.options import MAX_CONNECTIONS_OPTION, SERVER_OPTIONS, Option
from cekalwatch.wire.tls import FollowedTls

CAPTURES = capture_service_pb2.DESCRIPTOR.services_by_name["CaptureService"].full_name
SERVICES = (
    CAPTURES,
    alert_service_pb2.DESCRIPTOR.services_by_name["AlertService"].full_name,
    watchlist_service_pb2.DESCRIPTOR.services_by_name["WatchlistService"].full_name,
    list_feed_service_pb2.DESCRIPTOR.services_by_name["ListFeedService"].full_name,
    operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"].full_name,
    session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
    people_service_pb2.DESCRIPTOR.services_by_name["PeopleService"].full_name,
    camera_service_pb2.DESCRIPTOR.services_by_name["CameraService"].full_name,
    device_service_pb2.DESCRIPTOR.services_by_name["DeviceService"].full_name,
    trouble_service_pb2.DESCRIPTOR.services_by_name["TroubleService"].full_name,
    port_service_pb2.DESCRIPTOR.services_by_name["PortService"].full_name,
    audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name,
    report_service_pb2.DESCRIPTOR.services_by_name["ReportService"].full_name,
)
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
CHANNELZ = "grpc.channelz.v1.Channelz"


@dataclass(frozen=True)
class Servicers:
    """One servicer for each service."""

    capture: CaptureServicer
    alerts: AlertServicer
    watchlist: WatchlistServicer
    operations: OperationsServicer
    session: SessionServicer
    troubles: TroubleServicer
    list_feed: ListFeedServicer
    ports: PortServicer
    people: PeopleServicer
    audit: AuditServicer
    devices: DeviceServicer
    cameras: CameraServicer
    reports: ReportServicer


class GrpcServer:
    """A server on one address. It does not serve before `start`."""

    def __init__(
        self,
        servicers: Servicers,
        address: str,
        tls: FollowedTls | None,
        authentication: AuthenticationInterceptor,
        refusals: RefusalLog,
        connections: int,
    ) -> None:
        """Without `tls` it uses plaintext. It accepts at most `connections` at once, and closes others.

        Raises ProgramError when it cannot listen on `address`.
        """
        errors = CatalogueErrors(refusals, lambda _: str(current_caller().device.actor))
        options = (*SERVER_OPTIONS, (MAX_CONNECTIONS_OPTION, connections))
        self._server = grpc.aio.server(interceptors=[authentication, errors], options=options)
        capture_service_pb2_grpc.add_CaptureServiceServicer_to_server(servicers.capture, self._server)
        alert_service_pb2_grpc.add_AlertServiceServicer_to_server(servicers.alerts, self._server)
        watchlist_service_pb2_grpc.add_WatchlistServiceServicer_to_server(servicers.watchlist, self._server)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(servicers.operations, self._server)
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(servicers.session, self._server)
        trouble_service_pb2_grpc.add_TroubleServiceServicer_to_server(servicers.troubles, self._server)
        list_feed_service_pb2_grpc.add_ListFeedServiceServicer_to_server(servicers.list_feed, self._server)
        port_service_pb2_grpc.add_PortServiceServicer_to_server(servicers.ports, self._server)
        people_service_pb2_grpc.add_PeopleServiceServicer_to_server(servicers.people, self._server)
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server(servicers.audit, self._server)
        device_service_pb2_grpc.add_DeviceServiceServicer_to_server(servicers.devices, self._server)
        camera_service_pb2_grpc.add_CameraServiceServicer_to_server(servicers.cameras, self._server)
        report_service_pb2_grpc.add_ReportServiceServicer_to_server(servicers.reports, self._server)
        self._health = health.aio.HealthServicer()
        self._serving: dict[str, bool] = {}
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        channelz.add_channelz_servicer(self._server)
        reflection.enable_server_reflection(
            (*SERVICES, health.SERVICE_NAME, CHANNELZ, reflection.SERVICE_NAME), self._server
        )
        self.port = listen_on(self._server, address, tls.server_credentials() if tls else None)

    async def start(self) -> None:
        """Serve, and report SERVING for each service."""
        await self._server.start()
        await self._set_health(_SERVING)

    async def tell_health(self, *, searched: bool, sound: bool) -> None:
        """Report NOT_SERVING for captures while nobody is `searched`, and for the server then or if it is not sound."""
        for service, serving in ((CAPTURES, searched), ("", searched and sound)):
            if self._serving.get(service, True) is not serving:
                await self._set_health(_SERVING if serving else _NOT_SERVING, (service,))
            self._serving[service] = serving

    async def announce_stop(self) -> None:
        """Report NOT_SERVING for each service, so that no new client comes."""
        await self._set_health(_NOT_SERVING)

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, and end those that are open after `grace_s` seconds."""
        await self._server.stop(grace_s)

    async def _set_health(
        self, status: health_pb2.HealthCheckResponse.ServingStatus, services: Sequence[str] = ("", *SERVICES)
    ) -> None:
        for service in services:
            await self._health.set(service, status)


def listen_on(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    """Return the port that `server` listens on, in plaintext without `credentials`; raises ProgramError."""
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError:
        raise cannot_listen(address) from None


def cannot_listen(address: str) -> ProgramError:
    """Return the error for it."""
    return ProgramError(
        f"Cannot listen on {address}: another program does, or it is no address of this machine; choose another",
        Exit.UNAVAILABLE,
    )


MAX_CONNECTIONS = 64
MAX_CONNECTIONS_OF_ADDRESS = 8
"""A device makes two, one after the other."""
CLOSING_GRACE_S = 5.0
"""For a device whose code was the last one: it gets its certificate."""
OPTIONS: tuple[Option, ...] = (
    *(one for one in SERVER_OPTIONS if one[0] not in {"grpc.max_connection_idle_ms", "grpc.max_concurrent_streams"}),
    # Strangers hold nothing for long.
    ("grpc.max_connection_idle_ms", 10_000),
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.max_concurrent_streams", 2),
    (MAX_CONNECTIONS_OPTION, MAX_CONNECTIONS),
)

log = structlog.get_logger()


class EnrolmentListener:
    """Serves only enrolment, on a TCP port of its own, since callers have no certificate yet."""

    def __init__(
        self,
        servicer: EnrolmentServicer,
        address: str,
        tls: FollowedTls,
        invited: Callable[[], bool],
        refusals: RefusalLog,
    ) -> None:
        """`invited` says whether anybody may enrol now, and blocks.

        Raises ProgramError when it cannot listen on `address`; with port 0, the system chooses one for all times.
        """
        self._servicer = servicer
        self._tls = tls
        self._invited = invited
        self._refusals = refusals
        host, port = split_address(address)
        self.port = _free_port(host, port)
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        """HOST:PORT."""
        self._serving: grpc.aio.Server | None = None

    async def look(self) -> None:
        """Listen or not, as somebody is invited now or not."""
        invited = await asyncio.to_thread(self._invited)
        if invited and self._serving is None:
            server = grpc.aio.server(interceptors=[StrangerBounds(), CatalogueErrors(self._refusals)], options=OPTIONS)
            enrolment_service_pb2_grpc.add_EnrolmentServiceServicer_to_server(self._servicer, server)
            listen_on(server, self.address, self._tls.enrolment_credentials())
            await server.start()
            self._serving = server
            log.info("enrolling", address=self.address)
        elif not invited:
            await self.close(CLOSING_GRACE_S)

    async def close(self, grace_s: float) -> None:
        """Listen no more, and end the calls that are open after `grace_s` seconds."""
        serving, self._serving = self._serving, None
        if serving is not None:
            await serving.stop(grace_s)
            log.info("enrolment_closed", address=self.address)


def _free_port(host: str, port: int) -> int:
    """Return the port, or a free one for 0; raises ProgramError when this program cannot listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as tried:
            return int(tried.getsockname()[1])
    except OSError:
        raise cannot_listen(f"{host}:{port}") from None
