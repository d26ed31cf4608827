"""Sends checkpoints to a syslog receiver over TLS: RFC 5424 messages in the frames of RFC 5425.

Syslog has no acknowledgements. A receiver must answer the end of TLS with its own, after it has read all before
(RFC 5425, 4.4): so each batch has a connection of its own, and has arrived when that was ended in order.
"""

from __future__ import annotations

import os
import platform
import re
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.delivery import DeliveryError, DeliveryFailure
from cekalwatch.wire.address import split_address
from cekalwatch.wire.tls import TlsFiles

TIMEOUT_S = 10.0
LOG_AUDIT_NOTICE = 13 * 8 + 5
"""Facility "log audit", severity "notice" (RFC 5424, 6.2.1)."""
APP_NAME = "cekalwatch-server"
MESSAGE_ID = "audit_checkpoint"
_NOT_PRINTABLE = re.compile(r"[^!-~]")


def message(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as a message of RFC 5424: its text is that of `Checkpoint.to_json`."""
    host = _NOT_PRINTABLE.sub("_", platform.node())[:255] or "-"
    header = f"<{LOG_AUDIT_NOTICE}>1 {checkpoint.at} {host} {APP_NAME} {os.getpid()} {MESSAGE_ID} -"
    return f"{header} {checkpoint.to_json()}".encode()


def framed(text: bytes) -> bytes:
    """Return a message in a frame: its length, a space, and itself."""
    return b"%d %b" % (len(text), text)


class SyslogReceiver:
    """A receiver at an address HOST:PORT, which must prove that it is HOST."""

    name = "syslog"

    def __init__(self, address: str, authorities: Path | None, tls_dir: Path | None) -> None:
        """`authorities`: PEM file, None: those of the system; `tls_dir`: our certificate, where one is asked for."""
        self._host, self._port = split_address(address)
        self._authorities = authorities
        self._files = TlsFiles(tls_dir) if tls_dir else None

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Send checkpoints, and wait until the receiver has read them; raises DeliveryError."""
        context = self._context()
        try:
            with (
                socket.create_connection((self._host, self._port), TIMEOUT_S) as plain,
                context.wrap_socket(plain, server_hostname=self._host) as tls,
            ):
                tls.sendall(b"".join(framed(message(one)) for one in checkpoints))
                _end(tls)
        except ssl.SSLError as error:
            raise DeliveryError(DeliveryFailure.NOT_TRUSTED, error.reason or "TLS failed") from None
        except TimeoutError:
            raise DeliveryError(DeliveryFailure.TIMED_OUT) from None
        except OSError as error:
            raise DeliveryError(DeliveryFailure.UNREACHABLE, error.strerror or type(error).__name__) from None

    def _context(self) -> ssl.SSLContext:
        """Read the files each time, so that renewed ones count; raises DeliveryError."""
        try:
            context = ssl.create_default_context(cafile=self._authorities)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._files:
                context.load_cert_chain(self._files.certificate, self._files.key, password="")
        except OSError as error:
            raise DeliveryError(DeliveryFailure.FILES_UNREADABLE, error.strerror or type(error).__name__) from None
        return context


def _end(tls: ssl.SSLSocket) -> None:
    """End TLS from this side, and wait for the other. One that only closes has read all: otherwise it would reset."""
    try:
        tls.unwrap()
    except ssl.SSLEOFError:
        return
