"""Frames of HTTP/2, written by hand (RFC 9113): a library would refuse to send what an attacker sends."""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS_FRAME, RST_STREAM, SETTINGS_FRAME, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_HEADERS = 4
CANCEL = struct.pack(">I", 8)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header without compression (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


SETTINGS = frame(SETTINGS_FRAME, 0, 0)
HEADERS = b"".join(
    literal(name, value)
    for name, value in {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/cekalwatch.v1.CaptureService/StreamFaces",
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }.items()
)
"""Of a camera's stream."""
