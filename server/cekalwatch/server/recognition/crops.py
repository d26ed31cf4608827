"""Decodes the crops that cameras send. Strict, since anybody who reaches the port can send bytes, and quick, since
every crop passes here. Landmarks are in the coded picture's pixels, so an EXIF rotation is not applied.
"""

from __future__ import annotations

import io
from typing import Final

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_CROP_PIXELS

_START_OF_IMAGE: Final = b"\xff\xd8\xff"
_END_OF_IMAGE: Final = b"\xff\xd9"
_FLAGS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode_crop(jpeg: bytes) -> Picture:
    """Return the picture; raises CekalwatchError with a code CROP_... for what is no sound JPEG within the bounds."""
    if len(jpeg) > MAX_CROP_BYTES:
        raise CekalwatchError(Code.CROP_TOO_LARGE, f"{len(jpeg)} bytes")
    if not jpeg.startswith(_START_OF_IMAGE):
        raise CekalwatchError(Code.CROP_NOT_JPEG)
    width, height = _coded_size(jpeg)
    # OpenCV before 5 fills up what is missing of a truncated JPEG with grey, and says so only on standard error.
    if not jpeg.endswith(_END_OF_IMAGE):
        raise CekalwatchError(Code.CROP_DAMAGED, "no end marker")
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), _FLAGS)
    except cv2.error as error:
        raise CekalwatchError(Code.CROP_DAMAGED, "cannot be decoded") from error
    if picture is None or picture.shape != (height, width, 3):
        raise CekalwatchError(Code.CROP_DAMAGED, "cannot be decoded")
    return np.asarray(picture, dtype=np.uint8)


def _coded_size(jpeg: bytes) -> tuple[int, int]:
    """Return width and height from the header, before any pixel is decoded."""
    try:
        width, height = Image.open(io.BytesIO(jpeg), formats=("JPEG",)).size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise CekalwatchError(Code.CROP_TOO_MANY_PIXELS) from None
    except UnidentifiedImageError:
        raise CekalwatchError(Code.CROP_NOT_JPEG, "no header") from None
    except (OSError, SyntaxError, ValueError, IndexError, KeyError) as error:
        raise CekalwatchError(Code.CROP_DAMAGED, "header cannot be read") from error
    if width * height > MAX_CROP_PIXELS:
        raise CekalwatchError(Code.CROP_TOO_MANY_PIXELS, f"{width}x{height}")
    return width, height
