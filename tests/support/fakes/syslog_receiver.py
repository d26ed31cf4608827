"""A syslog receiver over TLS (RFC 5425) on this machine, which keeps the messages that it gets."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cekalwatch.wire.tls import TlsFiles

TIMEOUT_S = 10.0


class SyslogReceiver:
    """Serves one connection after another. `closes_at_once`: it ends a connection without its part of TLS's end."""

    def __init__(self, files: TlsFiles, authority: Path | None = None, *, closes_at_once: bool = False) -> None:
        """With `authority` it asks its senders for a certificate."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        if authority:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(authority)
        self._closes_at_once = closes_at_once
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.messages: list[str] = []
        self.broken_frames: list[bytes] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT_S)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:  # closed
                return
            plain.settimeout(TIMEOUT_S)
            with suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as tls:
                self._read(tls)
                if not self._closes_at_once:
                    tls.unwrap()

    def _read(self, tls: ssl.SSLSocket) -> None:
        data = b""
        while part := tls.recv(65536):
            data += part
        while data:
            length, space, rest = data.partition(b" ")
            if not space or not length.isdigit() or len(rest) < int(length):
                self.broken_frames.append(data)
                return
            self.messages.append(rest[: int(length)].decode())
            data = rest[int(length) :]
