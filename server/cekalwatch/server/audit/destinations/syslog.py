"""Sends to a syslog receiver over TLS: RFC 5424 messages in the frames of RFC 5425.

Syslog has no acknowledgements. A receiver must answer the end of TLS with its own, after it has read everything before
(RFC 5425, 4.4). So each batch has a connection of its own, and has arrived when that ended correctly.
"""

from __future__ import annotations

import os
import platform
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure
from cekalwatch.wire.address import split_address
from cekalwatch.wire.tls import TlsFiles

TIMEOUT_S = 10.0
LOG_AUDIT = 13
"""The facility (RFC 5424, 6.2.1)."""
APP_NAME = "cekalwatch-server"
_T = TypeVar("_T")
_NOT_PRINTABLE = re.compile(r"[^!-~]")


class Severity(IntEnum):
    """Severity of a message (RFC 5424, 6.2.1)."""

    WARNING = 4
    NOTICE = 5


def message(at: str, message_id: str, text: str, severity: Severity = Severity.NOTICE) -> bytes:
    """Return a message of RFC 5424; `at` in the form of `audit.entry.stamp`, `text` in ASCII."""
    host = _NOT_PRINTABLE.sub("_", platform.node())[:255] or "-"
    moment = _NOT_PRINTABLE.sub("_", at)
    return f"<{LOG_AUDIT * 8 + severity}>1 {moment} {host} {APP_NAME} {os.getpid()} {message_id} - {text}".encode()


def framed(text: bytes) -> bytes:
    """Return a message in a frame: its length, a space, and the message."""
    return b"%d %b" % (len(text), text)


class SyslogReceiver:
    """A receiver at an address HOST:PORT, which must prove that it is HOST."""

    name = "syslog"

    def __init__(self, address: str, authorities: Path | None, tls_dir: Path | None) -> None:
        """`authorities`: PEM file, None: those of the system; `tls_dir`: our certificate, if the receiver needs it."""
        self._host, self._port = split_address(address)
        self._authorities = authorities
        self._files = TlsFiles(tls_dir) if tls_dir else None

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Send checkpoints, and wait until the receiver has read them; raises DeliveryError."""
        self.send([message(one.at, "audit_checkpoint", one.to_json()) for one in checkpoints])

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages, and wait until the receiver has read them; raises DeliveryError."""
        context, data = self._context(), b"".join(map(framed, messages))
        try:
            with socket.create_connection((self._host, self._port), TIMEOUT_S) as plain:
                _Conversation(plain, context, self._host).send_all_and_end(data)
        except ssl.SSLEOFError:  # without the end of TLS, nobody knows what the receiver has read
            raise DeliveryError(DeliveryFailure.UNREACHABLE, "the receiver did not end TLS") from None
        except ssl.SSLError as error:
            raise DeliveryError(DeliveryFailure.NOT_TRUSTED, error.reason or "TLS failed") from None
        except TimeoutError:
            raise DeliveryError(DeliveryFailure.TIMED_OUT) from None
        except OSError as error:
            raise DeliveryError(DeliveryFailure.UNREACHABLE, error.strerror or type(error).__name__) from None

    def _context(self) -> ssl.SSLContext:
        """Read the files each time, so that renewed ones are used; raises DeliveryError."""
        try:
            context = ssl.create_default_context(cafile=self._authorities)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._files:
                context.load_cert_chain(self._files.certificate, self._files.key, password="")
        except OSError as error:
            raise DeliveryError(DeliveryFailure.FILES_UNREADABLE, error.strerror or type(error).__name__) from None
        return context


class _Conversation:
    """TLS over a connection that distinguishes its end from a refusal.

    `SSLSocket.unwrap` does not distinguish them: OpenSSL treats a fatal alert as the other side's end, and TLS 1.3
    refuses a certificate only after the first data. So after our own end, incoming bytes are read as data.
    """

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._deadline_s = time.monotonic() + TIMEOUT_S

    def send_all_and_end(self, data: bytes) -> None:
        """Return when the other side has ended TLS; raises OSError, TimeoutError and SSLError."""
        self._step(self._tls.do_handshake)
        self._tls.write(data)
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        with suppress(ssl.SSLZeroReturnError):
            while self._step(lambda: self._tls.read(1)):
                self._check_time()  # limits the time, whatever a receiver sends

    def _step(self, work: Callable[[], _T]) -> _T:
        while True:
            try:
                result = work()
            except ssl.SSLWantReadError:
                self._exchange()
            else:
                self._plain.sendall(self._outgoing.read())
                return result

    def _exchange(self) -> None:
        self._check_time()
        self._plain.sendall(self._outgoing.read())
        if part := self._plain.recv(65_536):
            self._incoming.write(part)
        else:
            self._incoming.write_eof()

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline_s:
            raise TimeoutError
