"""A network camera for tests: makes what it plays, starts its server (rtsp_server.py), and tells it what to do."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.vision.faces import Picture
from tests.support.builders.scenes import background

RATE = 15
SYSTEM_PYTHON = "/usr/bin/python3"
"""It has the bindings to GStreamer; ours has not."""
PACKAGES = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    *(f"gstreamer1.0-plugins-{name}" for name in ("base", "good", "bad")),
)
"""Of Debian, for the server."""


def encode(pictures: Iterable[Picture], file: Path, *, rate: int = RATE, kbit: int = 2000) -> Path:
    """Write `pictures` as H.264 with a key frame each second, as network cameras do; return `file`."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg (apt-get install ffmpeg)")
    process: subprocess.Popen[bytes] | None = None
    for picture in pictures:
        if process is None:
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            process = subprocess.Popen(
                [
                    *("ffmpeg", "-y", "-loglevel", "error"),
                    *("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", str(rate), "-i", "-"),
                    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"),
                    *("-g", str(rate), "-b:v", f"{kbit}k", "-x264-params", "aud=1", "-f", "h264", str(file)),
                ],
                stdin=subprocess.PIPE,
            )
        assert process.stdin is not None
        process.stdin.write(picture.tobytes())
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait() == 0
    return file


def views(*, width: int = 320, height: int = 180, seconds: float = 4.0) -> Iterator[Picture]:
    """A wall with a door that opens and closes, and the noise of a sensor."""
    wall = background(width, height).astype(np.int16)
    random = np.random.default_rng(5)
    for number in range(round(seconds * RATE)):
        picture = wall + random.normal(0, 3, wall.shape).astype(np.int16)
        edge = int(width * (0.5 + 0.3 * np.sin(2 * np.pi * number / RATE)))
        picture[height // 3 :, edge : edge + 30] -= 60
        yield np.clip(picture, 0, 255).astype(np.uint8)


class RtspCamera:
    """The running server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        port, begin_s = self._answer().split()
        self.port = int(port)
        self.begin_s = float(begin_s)
        """When frame 0 of each stream was due, monotonic; frame n is sent n / rate later."""

    def address(self, path: str) -> str:
        """The stream's address, with a password."""
        return f"rtsp://watcher:secret@127.0.0.1:{self.port}/{path}"

    def play(self, path: str, file: Path, *, rate: int = RATE, transport: str = "tcp") -> str:
        """Begin a stream, or change what it plays; return its address."""
        self._say(f"play {path} {file} {rate} {transport}")
        return self.address(path)

    def stall(self, path: str) -> None:
        """Let a stream give nothing more, though its connections stay."""
        self._say(f"stall {path}")

    def freeze(self) -> None:
        """Stop the server where it is (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Switch it off, without goodbye."""
        self._process.kill()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@cache
def has_bindings() -> bool:
    """Whether the system's Python has the bindings."""
    asked = "import gi; gi.require_version('GstRtspServer', '1.0')"
    return subprocess.run([SYSTEM_PYTHON, "-c", asked], capture_output=True, check=False).returncode == 0


@contextmanager
def rtsp_camera(port: int = 0) -> Iterator[RtspCamera]:
    """Run a server on 127.0.0.1 for the time of the block; skip the test where the system's packages are missing."""
    if not has_bindings():
        pytest.skip(f"GstRtspServer for {SYSTEM_PYTHON} (apt-get install {' '.join(PACKAGES)})")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(Path(__file__).with_name("rtsp_server.py")), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield RtspCamera(process)
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        process.wait()
