"""Opens channels to one of the servers: with the newest certificate, or in plaintext on this machine only.

If gRPC only reports that the connection failed, it finds out whether certificates are the reason.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from cekalwatch.wire.address import AddressError, is_loopback, split_address
from cekalwatch.wire.options import BOUNDED_CONNECTING, CALLER, CLIENT_OPTIONS, SPREADING
from cekalwatch.wire.tls import FollowedTls, TlsFiles, TlsMaterial


class ServerChoice:
    """The addresses of equivalent servers, and the one in use. Any thread may use it.

    The order is by rendezvous hashing (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996):
    clients spread evenly over the servers, and so do those of a server that died over the others. A client goes back to
    the first of its order when it loses the server that it went to, not before.
    """

    def __init__(self, addresses: Iterable[str], client: str = "") -> None:
        """`addresses`: at least one, each HOST:PORT; `client`: the key of who connects, which makes the order."""
        self.addresses = tuple(sorted(addresses, key=lambda one: hashlib.sha256(f"{client} {one}".encode()).digest()))
        """In the order in which they are tried."""
        self._address = self.addresses[0]
        self._lost: set[str] = set()
        """Those that were lost since a server was reached."""
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The one to connect to."""
        return self._address

    def reached(self, address: str) -> None:
        """Note that the server at `address` answers."""
        with self._lock:
            if address == self._address:
                self._lost.clear()

    def lost(self, address: str) -> None:
        """Note that the server at `address` is away or ends, and choose another, unless a thread has done so before."""
        with self._lock:
            if address != self._address:
                return
            self._lost.add(address)
            if len(self._lost) == len(self.addresses):
                self._lost = {address} if len(self.addresses) > 1 else set()
            self._address = next(one for one in self.addresses if one not in self._lost)

    def __len__(self) -> int:
        return len(self.addresses)


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
        self._choose()
        if self._shown is None:
            channel = grpc.insecure_channel(self.address, self._options)
        else:
            channel = grpc.secure_channel(self.address, self._shown.channel_credentials(), self._options)
        return grpc.intercept_channel(channel, *self._watches)

    def aio_channel(self) -> grpc.aio.Channel:
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
        return why_refused(self.address, self._tls.files if self._tls else None)

    def _choose(self) -> None:
        self._shown = self.material
        self.address = self.servers.address


TIMEOUT_S = 3.0
SILENCE_S = 0.5
"""A server that refuses a client's certificate says so after the handshake, soon or not at all."""
PLAINTEXT_REASONS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def why_refused(address: str, files: TlsFiles | None) -> str:
    """Return the reason as a sentence; empty when certificates are not the reason.

    It repeats the TLS handshake with Python's ssl, whose errors name the reason. It blocks for a few seconds at most.
    """
    host, port = split_address(address)
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as connection:
            peer = connection.family, connection.getpeername()
    except OSError:
        return ""  # nothing listens there
    return _with_certificate(peer, host, files) if files else _plaintext(peer, host)


_Peer = tuple[socket.AddressFamily | int, Any]
"""The address of the host that answers: its family, and what `socket.connect` takes."""


@contextmanager
def _secured(context: ssl.SSLContext, peer: _Peer, host: str) -> Iterator[ssl.SSLSocket]:
    """Open a connection and do the TLS handshake; raises OSError.

    The socket is wrapped before it connects: one that is wrapped afterwards is lost unclosed when its peer has just
    gone.
    """
    family, address = peer
    with context.wrap_socket(socket.socket(family), server_hostname=host) as secured:
        secured.settimeout(TIMEOUT_S)
        secured.connect(address)
        yield secured


def _plaintext(peer: _Peer, host: str) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _secured(context, peer, host):
            return "the server requires a certificate, and this program has none: enrol it"
    except OSError:
        return ""


def _with_certificate(peer: _Peer, host: str, files: TlsFiles) -> str:
    try:
        context = ssl.create_default_context(cafile=str(files.authority))
        context.load_cert_chain(files.certificate, files.key, password="")
    except OSError:
        return ""  # the files are being renewed
    context.set_alpn_protocols(["h2"])
    shaken = False
    try:
        with _secured(context, peer, host) as secured:
            shaken = True
            secured.sendall(HTTP2_PREFACE)
            secured.settimeout(SILENCE_S)
            answered = secured.recv(1) != b""
    except ssl.SSLCertVerificationError as error:
        return f"the server's certificate is not accepted: {error.verify_message}"
    except (TimeoutError, ConnectionRefusedError):
        return ""
    except OSError as error:
        if shaken:  # gRPC hangs up on a client whose certificate it does not accept, without an alert
            answered = False
        elif isinstance(error, ssl.SSLError) and error.reason in PLAINTEXT_REASONS:
            return "the server speaks plaintext, without certificates"
        else:
            return f"the TLS handshake failed: {getattr(error, 'reason', None) or error.strerror or 'no reason given'}"
    if answered:
        return ""
    return "the server does not accept this program's certificate: it has expired, or comes from another authority"
