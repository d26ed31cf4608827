"""Opens what `source` names: a video file, a folder of pictures, a device number or an RTSP address."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from urllib.parse import quote, urlsplit

import cv2

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.files import FileSource, FolderReader, FramePace, VideoReader
from cekalwatch.camera.sources.frames import FrameSource, SourceError
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.camera.sources.opencv import HONOURS_AUTHORITY, NetworkCamera, OpenCapture, UsbCamera
from cekalwatch.program.platform import secrets
from cekalwatch.wire.backoff import Backoff

DEVICE_SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}


class OpeningPolicy(Enum):
    """What to do when a camera cannot be opened at the start. Later it is always opened again."""

    MUST_OPEN = "must open"
    """It is an error."""
    RETRY = "retry"
    """It is tried until it opens: after a power cut a camera may need longer to start than the capture host."""


def open_source(
    camera: OneCamera,
    clock: Clock,
    opening: OpeningPolicy = OpeningPolicy.MUST_OPEN,
    *,
    pace: FramePace | None = None,
) -> FrameSource:
    """Open the source of `camera`. Raises SourceError.

    `opening` applies only to devices and network cameras, `pace` only to files; by default the camera's setting.
    """
    _prepare_opencv()
    if found := _live_camera(camera):
        open_capture, name = found
        live = LiveSource(open_capture, name, clock, Backoff())
        if opening is OpeningPolicy.MUST_OPEN:
            live.open()
        return live
    pace = pace or (FramePace.REALTIME if camera.realtime else FramePace.UNPACED)
    path = Path(camera.source)
    if path.is_dir():
        return FileSource(FolderReader(path), f"folder {path.name}", pace, clock)
    if path.is_file():
        return FileSource(VideoReader(path), f"file {path.name}", pace, clock)
    raise SourceError(
        f"There is no {camera.source}; give a video file, a folder of pictures, a device number such as 0, or rtsp://…"
    )


def refusal(source: str) -> str:
    """Return why no camera at this address can be opened on this system; empty: one may be."""
    if HONOURS_AUTHORITY or not source.lower().startswith("rtsps://"):
        return ""
    return (
        f"{without_password(source)} is encrypted, and on Windows nothing would compare its certificate with "
        "`rtsps_authority`: use a capture host with Linux, or rtsp:// on a network of the cameras only (docs/camera.md)"
    )


def without_password(address: str) -> str:
    """Return the address without user and password, for logs and messages."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def with_login(camera: OneCamera) -> str:
    """Return the address with user and password, where those are not in it. Raises SourceError."""
    parts = urlsplit(camera.source)
    if not camera.source_user or camera.source_password_file is None or parts.password is not None:
        return camera.source
    try:
        password = secrets.opened(camera.source_password_file.read_bytes()).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SourceError(f"{camera.source_password_file} cannot be read: {why}") from None
    login = f"{quote(camera.source_user, safe='')}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}").geturl()


def _live_camera(camera: OneCamera) -> tuple[OpenCapture, str] | None:
    source = camera.source
    if source.isdecimal():
        return UsbCamera(int(source), *DEVICE_SIZES[camera.device_size]), f"camera device {source}"
    if source.lower().startswith(("rtsp://", "rtsps://")):
        if why := refusal(source):
            raise SourceError(why)
        if source.lower().startswith("rtsps://") and camera.rtsps_authority is None:
            raise SourceError(
                f"{without_password(source)} is encrypted, and nothing says whom to trust: set `rtsps_authority` to a "
                "PEM file of the camera's certificate, or of the authority that has signed it"
            )
        address = with_login(camera)
        return NetworkCamera(address, camera.rtsp_transport, camera.rtsps_authority), without_password(source)
    return None


def _prepare_opencv() -> None:
    """Keep OpenCV and ffmpeg off networks and off standard error, since the program reports a file's faults."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # A list of pieces that pretends to be a video could lead to other machines.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
