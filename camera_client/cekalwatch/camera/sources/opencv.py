"""Opens devices and network cameras with OpenCV. It is sent to the decoder's process, and runs there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

import cv2

from cekalwatch.camera.sources.native_log import NativeLog

NETWORK_TIMEOUT_MS = 5_000
"""How long opening a network camera may take, and how long one of its frames."""
DEVICE_FORMAT = "MJPG"
"""Uncompressed, a USB 2 device gives only a few frames a second at these sizes."""


class Transport(StrEnum):
    """How a network camera sends its pictures."""

    TCP = "tcp"
    """Nothing is lost: in busy networks a damaged picture is worse than a late one."""
    UDP = "udp"
    """For cameras that offer nothing else."""


@dataclass(frozen=True)
class UsbCamera:
    """A camera that is plugged into this machine."""

    number: int
    width: int
    height: int

    def __call__(self) -> CvCapture:
        """Open it, with the nearest size that it has."""
        _prepare_opencv()
        capture = cv2.VideoCapture(self.number)
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

    def __call__(self) -> CvCapture:
        """Open it, without any buffer that delays pictures."""
        log = _native_log()
        _prepare_opencv()
        options = {
            "rtsp_transport": self.transport.value,
            "fflags": "nobuffer",
            "flags": "low_delay",
            "max_delay": "100000",  # for packets that come out of order, microseconds
            "analyzeduration": "500000",
        }
        # OpenCV takes them in no other way. The process has only this camera.
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(f"{key};{value}" for key, value in options.items())
        capture = cv2.VideoCapture(
            self.address,
            cv2.CAP_FFMPEG,
            [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS),
                # Each further thread delays the stream by one picture.
                *(cv2.CAP_PROP_N_THREADS, 1),
            ],
        )
        return CvCapture(capture, log)


class CvCapture:
    """A camera that OpenCV has opened."""

    def __init__(self, capture: cv2.VideoCapture, log: NativeLog | None = None) -> None:
        self._capture = capture
        self._log = log
        self._size: tuple[int, int] | None = None

    def is_open(self) -> bool:
        """Tell whether the camera answers."""
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
        """Close the camera."""
        self._capture.release()


@cache
def _native_log() -> NativeLog:
    return NativeLog()


def _prepare_opencv() -> None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
