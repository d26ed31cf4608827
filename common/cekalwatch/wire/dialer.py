"""Opens channels to one server: with the newest certificate, or in plaintext on this machine only."""

from __future__ import annotations

import grpc

from cekalwatch.wire import diagnosis
from cekalwatch.wire.address import AddressError, is_loopback
from cekalwatch.wire.options import CLIENT_OPTIONS
from cekalwatch.wire.tls import FollowedTls, TlsMaterial


class Dialer:
    """A server's address and the certificate to use there; owned by one thread."""

    def __init__(self, address: str, tls: FollowedTls | None) -> None:
        """Without `tls` the address must be on loopback; raises AddressError."""
        if tls is None and not is_loopback(address):
            raise AddressError(f"{address} is not on this machine; plaintext is allowed on 127.0.0.1 or [::1] only")
        self.address = address
        self._tls = tls
        self._shown: TlsMaterial | None = None

    @property
    def material(self) -> TlsMaterial | None:
        """The certificate that the next channel uses; None for plaintext."""
        return self._tls.current() if self._tls else None

    @property
    def outdated(self) -> bool:
        """Whether the certificate was renewed since the newest channel was opened."""
        return self.material is not self._shown

    def channel(self) -> grpc.Channel:
        """Open a channel."""
        self._shown = self.material
        if self._shown is None:
            return grpc.insecure_channel(self.address, CLIENT_OPTIONS)
        return grpc.secure_channel(self.address, self._shown.channel_credentials(), CLIENT_OPTIONS)

    def aio_channel(self) -> grpc.aio.Channel:
        """Open a channel for asyncio."""
        self._shown = self.material
        if self._shown is None:
            return grpc.aio.insecure_channel(self.address, CLIENT_OPTIONS)
        return grpc.aio.secure_channel(self.address, self._shown.channel_credentials(), CLIENT_OPTIONS)

    def why_refused(self) -> str:
        """Return why no connection is possible; empty when TLS is not the reason. Blocks for a few seconds."""
        return diagnosis.why_refused(self.address, self._tls.files if self._tls else None)
