"""A network camera that speaks RTSP as its script says: sound where the script says nothing.

Its packets go through RTSP's own connection (RTP over TCP). For streams that a real server would never send.
"""

from __future__ import annotations

import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

RATE = 15
CLOCK = 90_000
MAX_QUESTION = 4096
DESCRIPTION = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    b"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)


def reply(headers: bytes = b"", body: bytes = b"") -> bytes:
    """A sound answer; `%SEQUENCE%` becomes the number of the question."""
    head = b"RTSP/1.0 200 OK\r\nCSeq: %SEQUENCE%\r\n" + headers
    return head + (b"Content-Length: %d\r\n\r\n" % len(body)) + body


SOUND = {
    "OPTIONS": reply(b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"),
    "DESCRIBE": reply(b"Content-Type: application/sdp\r\n", DESCRIPTION),
    "SETUP": reply(b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"),
    "PLAY": reply(b"Session: 1\r\n"),
}


def described(description: bytes) -> dict[str, bytes]:
    """Sound answers, but for the description."""
    return SOUND | {"DESCRIBE": reply(b"Content-Type: application/sdp\r\n", description)}


class ScriptedRtsp:
    """The server, on a port of this machine; each connection is answered by what stands in the script then."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers = SOUND
        self.packets: Callable[[], Iterable[bytes]] = tuple
        """What comes after PLAY; with its end the connection ends."""
        self.asked: list[str] = []
        script, self._scheme = self, "rtsps" if tls else "rtsp"

        class Connection(socketserver.StreamRequestHandler):
            timeout = 10

            def setup(self) -> None:
                if tls:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                super().setup()

            def finish(self) -> None:
                with suppress(OSError):
                    super().finish()
                self.request.close()

            def handle(self) -> None:
                with suppress(OSError):
                    script._answer(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Nothing: who breaks off does no harm here."""

        self._server = Server(("127.0.0.1", 0), Connection)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, connection: socketserver.StreamRequestHandler) -> None:
        while line := connection.rfile.readline(MAX_QUESTION):
            sequence = b"0"
            while (header := connection.rfile.readline(MAX_QUESTION)).strip():
                if header.lower().startswith(b"cseq:"):
                    sequence = header[5:].strip()
            method = line.split(b" ")[0].decode("latin-1")
            self.asked.append(method)
            if method not in self.answers:
                return
            connection.wfile.write(self.answers[method].replace(b"%SEQUENCE%", sequence))
            if method == "PLAY":
                for packet in self.packets():
                    connection.wfile.write(packet)
                return


def packet(payload: bytes, number: int, at: int, *, last: bool = True) -> bytes:
    """RTP in RTSP's connection; `at` in ticks of CLOCK, `last` of a picture."""
    head = struct.pack(">BBHII", 0x80, 96 | (0x80 if last else 0), number & 0xFFFF, at & 0xFFFFFFFF, 7)
    return b"$\0" + struct.pack(">H", len(head) + len(payload)) + head + payload


def film(file: Path, rate: float = RATE) -> Iterator[bytes]:
    """The packets of a byte stream of H.264 whose parts fit into one packet each, again and again, at its pace."""
    units = [unit for unit in file.read_bytes().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    began_s, number, picture = time.monotonic(), 0, 0
    while True:
        for unit in units:
            is_picture = unit[0] & 31 in {1, 5}
            if is_picture:
                time.sleep(max(0.0, began_s + picture / rate - time.monotonic()))
                picture += 1
            yield packet(unit, number, int(picture * CLOCK / rate), last=is_picture)
            number += 1
