"""A network camera: a real RTSP server (GStreamer's) that plays H.264 files in a loop, and obeys on standard input.

It runs under the system's Python, which has the bindings (`python3-gi`, `gir1.2-gst-rtsp-server-1.0`), as a process of
its own: `/usr/bin/python3 rtsp_server.py`. On the first line it prints its port and the monotonic second at which
frame 0 of each stream was due; a frame n is sent at that second plus n / rate. Commands, a line each:

    play PATH FILE RATE TRANSPORT   begin the stream rtsp://127.0.0.1:port/PATH ("tcp" or "udp"), or change its file
    stall PATH                      send nothing more on the stream, connections stay
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import gi  # type: ignore[import-not-found]  # the system's

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

ACCESS_UNIT_DELIMITER = b"\x00\x00\x00\x01\x09"
LAUNCH = (
    "( appsrc name=source is-live=true format=time do-timestamp=true block=false "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! rtph264pay name=pay0 pt=96 )"
)
TRANSPORTS = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}


def access_units(file: Path) -> list[bytes]:
    """Cut a byte stream of H.264 into its pictures."""
    parts = file.read_bytes().split(ACCESS_UNIT_DELIMITER)[1:]
    return [ACCESS_UNIT_DELIMITER + part for part in parts]


class Stream:
    """One mount point."""

    def __init__(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._sources: list[GstApp.AppSrc] = []
        self._play: tuple[list[bytes], float] = ([], 1.0)
        self.stalled = False
        threading.Thread(target=self._send_for_ever, daemon=True).start()

    def play(self, file: Path, rate: float) -> None:
        """Send the pictures of `file` from now on."""
        self._play = (access_units(file), rate)
        self.stalled = False

    def serve(self, _: GstRtspServer.RTSPMediaFactory, media: GstRtspServer.RTSPMedia) -> None:
        """Send to the clients of `media`, too."""
        source = media.get_element().get_by_name_recurse_up("source")
        self._sources.append(source)
        media.connect("unprepared", lambda _: self._sources.remove(source))

    def _send_for_ever(self) -> None:
        while True:
            units, rate = self._play
            number = int((time.monotonic() - self._begin_s) * rate) + 1
            time.sleep(max(0.0, self._begin_s + number / rate - time.monotonic()))
            if not units or self.stalled:
                continue
            for source in tuple(self._sources):
                source.emit("push-buffer", Gst.Buffer.new_wrapped(units[number % len(units)]))


def say(line: str) -> None:
    """Answer on standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1] if len(sys.argv) > 1 else "0")
    server.attach(None)
    begin_s = time.monotonic()
    streams: dict[str, Stream] = {}
    loop = GLib.MainLoop()

    def obey() -> None:
        for line in sys.stdin:
            command, path, *rest = line.split()
            if command == "stall":
                streams[path].stalled = True
            else:
                file, rate, transport = rest
                if path not in streams:
                    streams[path] = Stream(begin_s)
                    factory = GstRtspServer.RTSPMediaFactory()
                    factory.set_launch(LAUNCH)
                    factory.set_shared(True)
                    factory.set_protocols(TRANSPORTS[transport])
                    factory.connect("media-configure", streams[path].serve)
                    server.get_mount_points().add_factory(f"/{path}", factory)
                streams[path].play(Path(file), float(rate))
            say("done")
        loop.quit()

    say(f"{server.get_bound_port()} {begin_s}")
    threading.Thread(target=obey, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
