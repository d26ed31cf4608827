"""Who calls a centre: this server, as its settings and the certificate from the centre say; and what refusals mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import grpc
import uuid6
from cryptography import x509
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.program.checks.certificate import identity_of, read_certificate
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.domain.errors import Code, Kind
from cekalwatch.server.watchlist.sources.centre.settings import CentreSettings
from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    SourceMisconfigured,
    SourceRefused,
    SourceUnavailable,
)
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, IdentityError
from cekalwatch.wire.server_choice import ServerChoice
from cekalwatch.wire.told import told_by

_REFUSES = frozenset({Kind.UNAUTHENTICATED, Kind.PERMISSION_DENIED})


@dataclass(frozen=True)
class PortCaller:
    """What this server says of itself at the centre."""

    settings: CentreSettings
    sites: tuple[str, ...]
    """Those of this server's settings."""
    tls_dir: Path
    model_version: Callable[[], str]
    """Of the templates that this server searches."""
    run_id: str = field(default_factory=lambda: str(uuid6.uuid7()))
    """By which the centre tells this program from another one with the same certificate."""

    def message(self) -> pb.PortServer:
        """Write it."""
        return pb.PortServer(
            sites=self.sites,
            run_id=self.run_id,
            model_version=self.model_version(),
            server_version=version("cekalwatch"),
        )

    def dialer(self) -> Dialer:
        """Return what opens channels to the centre; raises SourceMisconfigured for a certificate that is no port's."""
        try:
            dialer = open_dialer(ServerChoice(self.settings.addresses, self.sites[0]), self.tls_dir)
        except ProgramError as error:
            raise SourceMisconfigured(str(error)) from None
        if dialer.material is not None:
            self._check_certificate()
        return dialer

    def _check_certificate(self) -> None:
        try:
            identity = identity_of(read_certificate(self.tls_dir))
        except (OSError, ValueError, IdentityError, x509.ExtensionNotFound):
            raise SourceMisconfigured(f"The certificate in {self.tls_dir} names no device: accept it anew") from None
        if identity.role is not DeviceRole.PORT:
            raise SourceMisconfigured(
                f"The certificate in {self.tls_dir} is a {identity.role}'s: at the centre, pki invite --role port"
            )
        if identity.site not in self.sites:
            raise SourceRefused(
                Code.SITE_NOT_ALLOWED,
                f"The certificate in {self.tls_dir} is for the port {identity.site}, and this server's settings have "
                f"{', '.join(self.sites)}: take that port's own invitation",
            )


def told_code(error: grpc.RpcError | grpc.aio.AioRpcError) -> Code | None:
    """Return the catalogue's code that the centre sent with an error."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return None
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.reason in set(Code):
            return Code(info.reason)
    return None


def meaning(error: grpc.RpcError | grpc.aio.AioRpcError, dialer: Dialer) -> SourceUnavailable | CursorExpired:
    """Return what a failed call to the centre means. It may ask for the reason at the address, and block for that."""
    code, address = told_code(error), dialer.servers.address
    if code is Code.LIST_POSITION_UNKNOWN:
        return CursorExpired()
    if code and (code.kind in _REFUSES or code is Code.PORT_FOLLOWED_ELSEWHERE):
        return SourceRefused(code, f"The centre {address} refuses this server: {told_by(error)} See docs/ports.md")
    if isinstance(error, grpc.Call | grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return SourceMisconfigured(f"{address}: {told_by(error)}")
    reason = "" if code else dialer.why_refused()
    return SourceUnavailable(f"The centre {address} gives no list: {reason or told_by(error)}")
