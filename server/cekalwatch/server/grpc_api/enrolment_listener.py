"""The listener at which devices enrol: open while somebody is invited, and closed at all other times."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import grpc
import structlog

from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.grpc_api.errors import CatalogueErrors
from cekalwatch.server.grpc_api.server import cannot_listen, listen_on
from cekalwatch.server.grpc_api.servicers.enrolment import EnrolmentServicer, StrangerBounds
from cekalwatch.v1 import enrolment_service_pb2_grpc
from cekalwatch.wire.address import split_address
from cekalwatch.wire.options import MAX_CONNECTIONS_OPTION, SERVER_OPTIONS, Option
from cekalwatch.wire.tls import FollowedTls

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
    """Serves enrolment alone, on a TCP port of its own: whoever calls there has no certificate yet."""

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
