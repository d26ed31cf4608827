"""Frames from a video file or from a folder of pictures, as fast as they are taken or at their own pace."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

import cv2
import numpy as np
import structlog

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.sources.frames import Frame, SourceError
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.photograph import PhotographFile, PictureFormat, read_photograph
from cekalwatch.vision.faces import Picture

MAX_FILE_BYTES: Final = 100_000_000
MAX_FILE_PIXELS: Final = 50_000_000

_FLAGS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_PNG_SIZE: Final = slice(16, 24)


def read_picture(path: Path) -> Picture:
    """Return the picture in a file. Raises PictureError, and OSError for a file that cannot be read."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise PictureError(PictureFault.TOO_LARGE, f"more than {MAX_FILE_BYTES} bytes")
    file = read_photograph(path.read_bytes())
    if _pixels(file) > MAX_FILE_PIXELS:
        raise PictureError(PictureFault.TOO_LARGE, f"more than {MAX_FILE_PIXELS} pixels")
    try:
        picture = cv2.imdecode(np.frombuffer(file.essence, np.uint8), _FLAGS)
    except cv2.error:
        picture = None
    if picture is None:
        raise PictureError(PictureFault.DAMAGED, "cannot be decoded")
    return _upright(np.asarray(picture, np.uint8), file.orientation)


def _pixels(file: PhotographFile) -> int:
    if file.jpeg is not None:
        return file.jpeg.pixels
    if file.format is not PictureFormat.PNG:
        raise PictureError(PictureFault.OTHER_FORMAT, f"a {file.format}")
    width, height = struct.unpack(">II", file.essence[_PNG_SIZE])
    return int(width * height)


def _upright(picture: Picture, orientation: int) -> Picture:
    """Turn and mirror as EXIF says: 5 to 8 lie on their side, and these pairs are mirrored or upside down."""
    if orientation >= 5:
        picture = picture.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


FOLDER_FRAMES_PER_S = 5.0
"""A folder's pictures count as frames of one camera, this many a second."""

FALLBACK_FRAMES_PER_S = 25.0
"""For a video that does not state its rate."""

log = structlog.get_logger()


class FramePace(Enum):
    """How fast a file is read."""

    UNPACED = "unpaced"
    """As fast as frames are taken; none is lost."""
    REALTIME = "realtime"
    """At the pace of a camera; a reader that is too slow loses frames."""


class PictureReader(Protocol):
    """Reads the pictures of a file or a folder, one after another."""

    @property
    def frames_per_s(self) -> float:
        """Pictures a second."""

    def read(self) -> Picture | None:
        """Return the next picture; None at the end."""

    def skip(self) -> bool:
        """Skip the next picture without the cost of decoding all of it; False at the end."""

    def release(self) -> None:
        """Close the file."""


class VideoReader:
    """A video file."""

    def __init__(self, path: Path) -> None:
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise SourceError(
                f"{path} cannot be read as a video; give a video file, or a folder of JPEG or PNG pictures"
            )
        stated = self._capture.get(cv2.CAP_PROP_FPS)
        self.frames_per_s = stated if math.isfinite(stated) and 0 < stated <= 1000 else FALLBACK_FRAMES_PER_S

    def read(self) -> Picture | None:
        ok, picture = self._capture.read()
        return np.asarray(picture, np.uint8) if ok else None

    def skip(self) -> bool:
        """Decode without converting the colours."""
        return self._capture.grab()

    def release(self) -> None:
        self._capture.release()


class FolderReader:
    """The JPEG and PNG files of a folder, by name. Others are skipped, and logged with what they are."""

    frames_per_s = FOLDER_FRAMES_PER_S

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(path for path in folder.iterdir() if path.is_file())
        if not self._paths:
            raise SourceError(f"{folder} holds no file")
        self._next = 0

    def read(self) -> Picture | None:
        """Decode the next picture that can be decoded."""
        while self._next < len(self._paths):
            path = self._paths[self._next]
            self._next += 1
            try:
                return read_picture(path)
            except (PictureError, OSError) as error:
                log.warning("picture_unreadable", position=self._next, problem=str(error))
        return None

    def skip(self) -> bool:
        self._next += 1
        return self._next <= len(self._paths)

    def release(self) -> None:
        """Do nothing: no file is open between two pictures."""


class FileSource:
    """Frames from a reader."""

    endless = False
    faults: Mapping[StreamFault, int] = MappingProxyType({})
    """None: a file is read once."""

    def __init__(self, reader: PictureReader, name: str, pace: FramePace, clock: Clock) -> None:
        self.name = name
        self.dropped = 0
        self._reader = reader
        self._pace = pace
        self._clock = clock
        self._closed = False

    @property
    def can_wait(self) -> bool:
        """A file that is not paced waits for its reader."""
        return self._pace is FramePace.UNPACED

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames. Raises SourceError when there is none."""
        started_s = self._clock.monotonic_s()
        index = read = 0
        try:
            while not self._closed:
                if self._pace is FramePace.REALTIME:
                    behind = int((self._clock.monotonic_s() - started_s) * self._reader.frames_per_s) - index
                    for _ in range(behind):
                        if not self._reader.skip():
                            return
                        self.dropped += 1
                        index += 1
                    early_s = started_s + index / self._reader.frames_per_s - self._clock.monotonic_s()
                    if early_s > 0:
                        self._clock.sleep_s(early_s)
                picture = self._reader.read()
                if picture is None:
                    break
                yield Frame(picture, self._clock.now(), index / self._reader.frames_per_s)
                index += 1
                read += 1
        finally:
            self._reader.release()
        if not read and not self._closed:
            raise SourceError(f"{self.name} holds no picture that can be read")

    def close(self) -> None:
        """Stop before the next frame."""
        self._closed = True
