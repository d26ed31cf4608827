"""Pictures from files of this machine: JPEG and PNG, upright. What costs too much is refused before it is decoded."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import cv2
import numpy as np

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
