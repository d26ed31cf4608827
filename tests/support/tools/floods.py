"""Floods at a server's transport: of strangers, and of who has stolen a camera's certificate.

    python -m tests.support.tools.floods FLOOD HOST:PORT TLS_FOLDER SECONDS [FROM]

It prints what it sent, and how often it was dropped. FROM is the address of this machine that frames come from.
For a server of one's own, on this machine.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path

from cekalwatch.wire.address import split_address
from cekalwatch.wire.tls import TlsFiles
from tests.support.tools.held_connections import CLIENT_HELLO
from tests.support.tools.http2_frames import (
    CANCEL,
    CONTINUATION,
    END_HEADERS,
    HEADERS,
    HEADERS_FRAME,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
    literal,
)

HELD = 1_000
"""Connections that a stranger holds, or tries to."""
BATCH = 200
TIMEOUT_S = 5.0


class Flood(StrEnum):
    """What is sent too much of."""

    IDLE = "idle"
    """Connections that say nothing."""
    HALF_OPEN_TLS = "half_open_tls"
    """Handshakes that do not go on."""
    HANDSHAKES = "handshakes"
    """Handshakes without a certificate, as fast as they go."""
    RAPID_RESET = "rapid_reset"
    """Calls that are taken back at once (CVE-2023-44487)."""
    CONTINUATION = "continuation"
    """Headers that never end (CVE-2024-27316)."""
    SETTINGS = "settings"
    PINGS = "pings"


@dataclass
class Flooded:
    """What came of it."""

    connections: int = 0
    bytes_sent: int = 0
    dropped: int = 0
    """Connections that the server ended."""


def flood(kind: Flood, address: str, files: TlsFiles, seconds: float, origin: str = "") -> Flooded:
    """Flood for so long; frames come from the address `origin`."""
    place, until, figures = split_address(address), time.monotonic() + seconds, Flooded()
    if kind in (Flood.IDLE, Flood.HALF_OPEN_TLS):
        _hold(place, CLIENT_HELLO if kind is Flood.HALF_OPEN_TLS else b"", until, figures)
    elif kind is Flood.HANDSHAKES:
        _shake_hands(place, until, figures)
    else:
        while time.monotonic() < until:
            pour(kind, place, files, until, figures, origin)
    return figures


def _hold(place: tuple[str, int], said: bytes, until: float, figures: Flooded) -> None:
    """Hold connections, and replace those that are dropped."""
    held: list[socket.socket] = []
    while time.monotonic() < until:
        going_on = [one for one in held if _lives(one)]
        figures.dropped += len(held) - len(going_on)
        held = going_on
        while len(held) < HELD and time.monotonic() < until:
            with suppress(OSError):
                one = socket.create_connection(place, TIMEOUT_S)
                held.append(one)
                figures.connections += 1
                one.sendall(said)
                one.setblocking(False)
        time.sleep(0.01)
    for one in held:
        one.close()


def _lives(one: socket.socket) -> bool:
    try:
        if one.recv(4096):
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    one.close()
    return False


def _shake_hands(place: tuple[str, int], until: float, figures: Flooded) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    while time.monotonic() < until:
        figures.connections += 1
        try:
            with socket.create_connection(place, TIMEOUT_S) as plain, context.wrap_socket(plain) as secured:
                secured.recv(1)
        except OSError:
            figures.dropped += 1


def pour(
    kind: Flood, place: tuple[str, int], files: TlsFiles, until: float, figures: Flooded, origin: str = ""
) -> None:
    """Send frames and read nothing, on one connection, until the server ends it or so long."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files.authority)
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["h2"])
    figures.connections += 1
    try:
        with (
            socket.create_connection(place, TIMEOUT_S, (origin, 0)) as plain,
            context.wrap_socket(plain, server_hostname=place[0]) as secured,
        ):
            secured.sendall(PREFACE + SETTINGS)
            for piece in _frames(kind):
                secured.sendall(piece)
                figures.bytes_sent += len(piece)
                if time.monotonic() >= until:
                    return
    except OSError:
        figures.dropped += 1


def _frames(kind: Flood) -> Iterator[bytes]:
    """Yield pieces without end."""
    if kind is Flood.RAPID_RESET:
        streams = count(1, 2)
        while True:
            yield b"".join(
                frame(HEADERS_FRAME, END_HEADERS, stream, HEADERS) + frame(RST_STREAM, 0, stream, CANCEL)
                for stream, _ in zip(streams, range(BATCH), strict=False)
            )
    if kind is Flood.CONTINUATION:
        yield frame(HEADERS_FRAME, 0, 1, HEADERS)
        more = frame(CONTINUATION, 0, 1, literal("x-more", "x" * 100) * 100)
        while True:
            yield more
    one = frame(PING, 0, 0, bytes(8)) if kind is Flood.PINGS else SETTINGS
    while True:
        yield one * BATCH


if __name__ == "__main__":
    name, where, folder, lasts, *origin = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(flood(Flood(name), where, TlsFiles(Path(folder)), float(lasts), *origin))))
