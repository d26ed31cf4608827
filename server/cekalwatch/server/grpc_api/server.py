"""The gRPC server: the services with health, reflection and channelz, and the listener at which devices enrol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable

import grpc
import structlog
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor, current_caller
from cekalwatch.server.grpc_api.errors import CatalogueErrors
from cekalwatch.server.grpc_api.served import Served, add_to
from cekalwatch.server.grpc_api.servicers.enrolment import EnrolmentServicer, StrangerBounds
from cekalwatch.v1 import capture_service_pb2, enrolment_service_pb2_grpc
from cekalwatch.wire.address import split_address
from cekalwatch.wire.options import MAX_CONNECTIONS_OPTION, SERVER_OPTIONS, Option
from cekalwatch.wire.tls import FollowedTls

CAPTURES = capture_service_pb2.DESCRIPTOR.services_by_name["CaptureService"].full_name
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
CHANNELZ = "grpc.channelz.v1.Channelz"


class GrpcServer:
    """A server on one address. It does not serve before `start`."""

    def __init__(
        self,
        served: Iterable[Served],
        address: str,
        tls: FollowedTls | None,
        authentication: AuthenticationInterceptor,
        refusals: RefusalLog,
        connections: int,
    ) -> None:
        """Without `tls` it uses plaintext.

        It accepts at most `connections` at once, and closes others. Raises ProgramError when it cannot listen on
        `address`.
        """
        errors = CatalogueErrors(refusals, lambda _: str(current_caller().device.actor))
        options = (*SERVER_OPTIONS, (MAX_CONNECTIONS_OPTION, connections))
        self._server = grpc.aio.server(interceptors=[authentication, errors], options=options)
        self._services = add_to(self._server, served)
        self._health = health.aio.HealthServicer()
        self._serving: dict[str, bool] = {}
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        channelz.add_channelz_servicer(self._server)
        reflection.enable_server_reflection(
            (*self._services, health.SERVICE_NAME, CHANNELZ, reflection.SERVICE_NAME), self._server
        )
        self.port = listen_on(self._server, address, tls.server_credentials() if tls else None)

    async def start(self) -> None:
        """Serve, and report SERVING for each service."""
        await self._server.start()
        await self._set_health(_SERVING, ("", *self._services))

    async def tell_health(self, *, searched: bool, sound: bool) -> None:
        """Report NOT_SERVING for captures while nobody is `searched`, and for the server then or if it is not sound."""
        for service, serving in ((CAPTURES, searched), ("", searched and sound)):
            if self._serving.get(service, True) is not serving:
                await self._set_health(_SERVING if serving else _NOT_SERVING, (service,))
            self._serving[service] = serving

    async def announce_stop(self) -> None:
        """Report NOT_SERVING for each service, so that no new client comes."""
        await self._set_health(_NOT_SERVING, ("", *self._services))

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, and end those that are open after `grace_s` seconds."""
        await self._server.stop(grace_s)

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus, services: Iterable[str]) -> None:
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
