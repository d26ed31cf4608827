"""Opens channels to one of the servers: with the newest certificate, or in plaintext on this machine only."""

from __future__ import annotations

from typing import Any

import grpc

from cekalwatch.wire import diagnosis
from cekalwatch.wire.address import AddressError, is_loopback
from cekalwatch.wire.options import BOUNDED_CONNECTING, CALLER, CLIENT_OPTIONS, SPREADING
from cekalwatch.wire.server_choice import ServerChoice
from cekalwatch.wire.tls import FollowedTls, TlsMaterial


class Dialer:
    """Where the servers are and the certificate to use there; owned by one thread, while `servers` may be shared."""

    def __init__(self, servers: ServerChoice | str, tls: FollowedTls | None, watches: tuple[Any, ...] = ()) -> None:
        """`servers`: a choice, or the address of the only one. Without `tls` all must be on loopback; AddressError.

        `watches` are gRPC's client interceptors, for the calls of `channel`.
        """
        self.servers = ServerChoice((servers,)) if isinstance(servers, str) else servers
        for one in self.servers.addresses:
            if tls is None and not is_loopback(one):
                raise AddressError(f"{one} is not on this machine; plaintext is allowed on 127.0.0.1 or [::1] only")
        self.address = self.servers.address
        """Of the newest channel, or of the first."""
        self._tls = tls
        self._watches = watches
        self._shown: TlsMaterial | None = None
        self._options = (*CLIENT_OPTIONS, CALLER, SPREADING, *((BOUNDED_CONNECTING,) if len(self.servers) > 1 else ()))

    def another(self) -> Dialer:
        """Return one with the same choice of servers and the same certificate, for another thread."""
        return Dialer(self.servers, self._tls, self._watches)

    def to(self, address: str) -> Dialer:
        """Return one with the same certificate, to that server only."""
        return Dialer(address, self._tls)

    @property
    def material(self) -> TlsMaterial | None:
        """The certificate that the next channel uses; None for plaintext."""
        return self._tls.current() if self._tls else None

    @property
    def outdated(self) -> bool:
        """Whether the next channel would be another: the certificate was renewed, or another server is in use."""
        return self.material is not self._shown or self.address != self.servers.address

    def channel(self) -> grpc.Channel:
        """Open a channel."""
        self._choose()
        if self._shown is None:
            channel = grpc.insecure_channel(self.address, self._options)
        else:
            channel = grpc.secure_channel(self.address, self._shown.channel_credentials(), self._options)
        return grpc.intercept_channel(channel, *self._watches)

    def aio_channel(self) -> grpc.aio.Channel:
        """Open a channel for asyncio."""
        self._choose()
        if self._shown is None:
            return grpc.aio.insecure_channel(self.address, self._options)
        return grpc.aio.secure_channel(self.address, self._shown.channel_credentials(), self._options)

    def reached(self) -> None:
        """Note that the server of the newest channel answers."""
        self.servers.reached(self.address)

    def lost(self) -> None:
        """Note that the server of the newest channel is away or ends; the next channel goes to another, if any."""
        self.servers.lost(self.address)

    def why_refused(self) -> str:
        """Return why that server accepts no connection; empty when TLS is not the reason. Blocks for some seconds."""
        return diagnosis.why_refused(self.address, self._tls.files if self._tls else None)

    def _choose(self) -> None:
        self._shown = self.material
        self.address = self.servers.address
