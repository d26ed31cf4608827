"""The pictures that are kept, or shown to people: encoded by this server, whatever bytes they came from."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Final

import cv2

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.probes import decode_crop
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.softening import aiming_scale, softened
from cekalwatch.wire.bounds import MAX_AIMING_BYTES, MAX_AIMING_SIDES

MAX_PROBE_BYTES: Final = 100_000
"""A probe that is kept; it leaves room in a message for two references and what people wrote."""
PROBE_SIDE: Final = 640
"""What cameras send at most. The one thread that decides encodes it, so it may not take long: 2 ms for a usual crop,
and 16 for the worst."""

_PROBE_QUALITY: Final = 92
"""Coding a crop of quality 85 again with this changes a pixel by less than one step of 255 in the mean."""
_WORSE: Final = (80, 70, 60)
_WORST: Final = 50
_SHRINKING: Final = 4 / 5


def face_jpeg(picture: Picture, quality: int, side: int, max_bytes: int) -> bytes:
    """Encode a picture as a baseline JPEG of one scan without metadata, of `max_bytes` at most.

    It is made smaller to `side` pixels, and coded worse or smaller still where it takes more bytes.
    """
    height, width = picture.shape[:2]
    side = min(side, max(height, width))
    for worse in chain((quality,), _WORSE, repeat(_WORST)):
        scale = side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        _, jpeg = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, worse])
        if len(jpeg) <= max_bytes:
            break
        side = round(side * _SHRINKING)
    return jpeg.tobytes()


def probe_jpeg(crop: bytes) -> bytes:
    """Return a crop as it is kept; raises CekalwatchError as `decode_crop` does."""
    return face_jpeg(decode_crop(crop), _PROBE_QUALITY, PROBE_SIDE, MAX_PROBE_BYTES)


def aiming_jpeg(sent: bytes) -> bytes:
    """Return a camera's picture for aiming as people get it: with no more detail than such a picture may have.

    Raises CekalwatchError as `decode_crop` does, and for what is larger than the contract allows.
    """
    if len(sent) > MAX_AIMING_BYTES:
        raise CekalwatchError(Code.CROP_TOO_LARGE, f"{len(sent)} bytes")
    picture = decode_crop(sent)
    height, width = picture.shape[:2]
    long_side, short_side = MAX_AIMING_SIDES
    if max(height, width) > long_side or min(height, width) > short_side:
        raise CekalwatchError(Code.CROP_TOO_MANY_PIXELS, f"{width}x{height}")
    return face_jpeg(softened(picture, aiming_scale(picture)), _PROBE_QUALITY, max(MAX_AIMING_SIDES), MAX_AIMING_BYTES)
