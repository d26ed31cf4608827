"""Opens what `--source` names: a video file, a folder of pictures, a device number or an RTSP address."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.files import FileSource, FolderReader, Pace, VideoReader
from cekalwatch.camera.frames import FrameSource, SourceError
from cekalwatch.camera.live import LiveSource
from cekalwatch.wire.backoff import Backoff

NETWORK_TIMEOUT_MS = 5_000
"""How long opening a network camera, and one frame of it, may take."""


class AtStart(Enum):
    """What is expected of a camera when the program starts; later on it is opened again for ever in any case."""

    MUST_ANSWER = "must answer"
    """It is an error when it cannot be opened."""
    MAY_BE_AWAY = "may be away"
    """After a power cut a camera may need longer than the capture host: it is tried until it is there."""


def open_source(source: str, pace: Pace, clock: Clock, at_start: AtStart = AtStart.MUST_ANSWER) -> FrameSource:
    """Open `source`; `pace` is about files and folders only, `at_start` about cameras. Raises SourceError."""
    _silence_opencv()
    if source.isdecimal():
        live = LiveSource(lambda: cv2.VideoCapture(int(source)), f"camera device {source}", clock, Backoff())
        return _started(live, at_start)
    if source.lower().startswith(("rtsp://", "rtsps://")):
        # UDP loses packets in busy networks, and a picture with a hole is worse than a late one.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        live = LiveSource(lambda: _network_camera(source), without_password(source), clock, Backoff())
        return _started(live, at_start)
    path = Path(source)
    if path.is_dir():
        return FileSource(FolderReader(path), f"folder {path.name}", pace, clock)
    if path.is_file():
        return FileSource(VideoReader(path), f"file {path.name}", pace, clock)
    raise SourceError(
        f"There is no {source}; give a video file, a folder of pictures, a device number such as 0, or rtsp://…"
    )


def _started(source: LiveSource, at_start: AtStart) -> LiveSource:
    if at_start is AtStart.MUST_ANSWER:
        source.open()
    return source


def without_password(address: str) -> str:
    """Return the address without user and password, for logs and messages."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _silence_opencv() -> None:
    """Keep OpenCV and ffmpeg off standard error: their words may hold a camera's password, and we say what is wrong."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _network_camera(address: str) -> cv2.VideoCapture:
    return cv2.VideoCapture(
        address,
        cv2.CAP_FFMPEG,
        [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS],
    )
