"""Finds out why certificates prevent a connection, where gRPC only says that there is none.

It repeats the TLS handshake with Python's ssl, whose errors name the reason. It blocks for a few seconds at most.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cekalwatch.wire.address import split_address
from cekalwatch.wire.tls import TlsFiles

TIMEOUT_S = 3.0
SILENCE_S = 0.5
"""A server that refuses a client's certificate says so after the handshake, soon or not at all."""
PLAINTEXT_REASONS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def why_refused(address: str, files: TlsFiles | None) -> str:
    """Return the reason as a sentence; empty when certificates are not the reason."""
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
