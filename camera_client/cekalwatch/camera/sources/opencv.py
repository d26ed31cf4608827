"""Opens devices and network cameras with OpenCV. It is sent to the decoder's process, and runs there."""

from __future__ import annotations

import os
import re
import sys
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import cv2

from cekalwatch.program.confined.limits import Limits, Network
from cekalwatch.program.platform.c_library import set_variable, take_output

_VERBOSE: Final = "40"
_SIZE: Final = re.compile(rb"Reinit context to (\d+)x(\d+)")


class NativeLog:
    """Replaces the process's standard output."""

    def __init__(self) -> None:
        """Create it before OpenCV opens anything."""
        self.size: tuple[int, int] | None = None
        """Width and height, rounded up to what the encoder works in, of the newest pictures."""
        set_variable("OPENCV_FFMPEG_DEBUG", "1")
        set_variable("OPENCV_FFMPEG_LOGLEVEL", _VERBOSE)
        threading.Thread(target=self._listen, args=(take_output(),), name="native-log", daemon=True).start()

    def _listen(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as lines:
            for line in lines:
                if found := _SIZE.search(line):
                    self.size = int(found[1]), int(found[2])


NETWORK_TIMEOUT_MS = 5_000
"""Maximum time for opening a network camera, and for one of its frames."""
DEVICES: Final = (cv2.CAP_DSHOW, cv2.CAP_ANY) if sys.platform == "win32" else (cv2.CAP_ANY,)
"""The interfaces to devices, in order: Windows' newer one takes seconds to open many a camera."""
DEVICE_FORMAT = "MJPG"
"""Uncompressed, a USB 2 device gives only a few frames a second at these sizes."""


class Transport(StrEnum):
    """How a network camera sends its pictures."""

    TCP = "tcp"
    """Nothing is lost: in busy networks a damaged picture is worse than a late one."""
    UDP = "udp"
    """For cameras that offer nothing else."""


CODECS: Final = ("h264", "hevc", "mjpeg", "mpeg4")
"""What network cameras send; the library has hundreds of others, each with its flaws."""
HONOURS_AUTHORITY: Final = sys.platform != "win32"
"""Whether the library asks the authority that the settings name: on Windows its TLS asks those of the machine."""
LIMITS: Final = Limits(
    memory_bytes=1_500_000_000,
    processor_s=1_000_000_000,  # it runs for years
    processes=None,  # it has threads
    network=Network.CLIENT,
)
"""Memory limit of a decoder. With 4K pictures it reserves 760 MB and uses 300; with 16 of them in use, 1 GB."""


class OpenCapture(Protocol):
    """Opens a camera in the decoder's process; it is sent there, so it must be picklable."""

    @property
    def limits(self) -> Limits:
        """What that process may use."""

    def __call__(self) -> CvCapture:
        """Open it."""


@dataclass(frozen=True)
class UsbCamera:
    """A camera that is plugged into this machine."""

    number: int
    width: int
    height: int

    @property
    def limits(self) -> Limits:
        """Its device, and no network."""
        return replace(LIMITS, network=Network.NONE, devices=(Path(f"/dev/video{self.number}"),))

    def __call__(self) -> CvCapture:
        """Open it, with the nearest size that it has."""
        _prepare_opencv()
        for interface in DEVICES:
            capture = cv2.VideoCapture(self.number, interface)
            if capture.isOpened():
                break
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*DEVICE_FORMAT))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.height)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return CvCapture(capture)


@dataclass(frozen=True)
class NetworkCamera:
    """A camera with an RTSP address."""

    address: str = field(repr=False)
    """May hold a password."""
    transport: Transport
    authority: Path | None = None
    """Of rtsps://: whom to trust."""

    @property
    def limits(self) -> Limits:
        """Connections to cameras, and the authority's file."""
        return replace(LIMITS, readable=(self.authority.absolute(),) if self.authority else ())

    def __call__(self) -> CvCapture:
        """Open it, without any buffer that delays pictures."""
        log = _native_log()
        _prepare_opencv()
        return CvCapture(self.connect(), log)

    def connect(self) -> cv2.VideoCapture:
        """Open it with OpenCV, whose options can be passed only through the environment."""
        options = "|".join(f"{key};{_escaped(value)}" for key, value in self._options().items())
        set_variable("OPENCV_FFMPEG_CAPTURE_OPTIONS", options)
        return cv2.VideoCapture(
            self.address,
            cv2.CAP_FFMPEG,
            [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS),
                # Each further thread delays the stream by one picture.
                *(cv2.CAP_PROP_N_THREADS, 1),
            ],
        )

    def _options(self) -> dict[str, str]:
        protocols, trust = "rtp,udp,tcp", {}
        if self.authority:
            protocols, trust = f"{protocols},tls", {"tls_verify": "1", "ca_file": str(self.authority.absolute())}
        return trust | {
            "rtsp_transport": self.transport.value,
            "fflags": "nobuffer",
            "flags": "low_delay",
            "max_delay": "100000",  # for packets that come out of order, microseconds
            "analyzeduration": "500000",
            # A camera describes its streams, and could describe any: files, other machines, codecs that nobody uses.
            "protocol_whitelist": protocols,
            "codec_whitelist": ",".join(CODECS),
            "allowed_media_types": "video",
        }


class CvCapture:
    """A camera that OpenCV has opened."""

    def __init__(self, capture: cv2.VideoCapture, log: NativeLog | None = None) -> None:
        self._capture = capture
        self._log = log
        self._size: tuple[int, int] | None = None

    def is_open(self) -> bool:
        return self._capture.isOpened()

    def grab(self) -> bool:
        """Wait for the next picture and decode it; False when there will be none."""
        return self._capture.grab()

    def retrieve(self, image: Any = None) -> tuple[bool, Any]:  # noqa: ANN401  # OpenCV's arrays
        """Return the picture that was grabbed, in `image` if it fits."""
        return self._capture.retrieve(image)

    def is_resized(self) -> bool:
        """Tell whether the camera sends another size than at first, which OpenCV scales away."""
        size = self._log.size if self._log else None
        self._size = self._size or size
        return size != self._size

    def release(self) -> None:
        self._capture.release()


def _escaped(value: str) -> str:
    return re.sub(r"([\\\\'|;])", r"\\\1", value)


@cache
def _native_log() -> NativeLog:
    return NativeLog()


def _prepare_opencv() -> None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
