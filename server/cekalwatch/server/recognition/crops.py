"""A camera's crop: decoded and aligned for recognition, or encoded as it is kept and shown.

The server has all of it done in confined processes (`crop_decoder`). Decoding is strict, since anybody who reaches the
port can send bytes, and quick, since every crop passes here. Landmarks are in the encoded picture's pixels, so EXIF
rotation is not applied. This server encodes all pictures that are stored or shown, whatever bytes they came from.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Sequence
from enum import IntEnum
from itertools import chain, repeat
from typing import Final

import cv2
import numpy as np

from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.program.confined.messages import Refusal
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Landmarks, Picture
from cekalwatch.vision.softening import aiming_scale, softened
from cekalwatch.wire.bounds import MAX_AIMING_BYTES, MAX_AIMING_SIDES, MAX_CROP_BYTES, MAX_CROP_PIXELS

_FLAGS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_CODES: Final = {
    PictureFault.OTHER_FORMAT: Code.CROP_NOT_JPEG,
    PictureFault.DAMAGED: Code.CROP_DAMAGED,
    PictureFault.TOO_LARGE: Code.CROP_TOO_MANY_PIXELS,
    PictureFault.TOO_COSTLY: Code.CROP_NOT_JPEG,  # none in one scan
}


def decode_crop(jpeg: bytes) -> Picture:
    """Decode a JPEG within the contract's bounds; raises CekalwatchError with a code CROP_... for anything else.

    Its markers are checked first: the decoder gets one baseline scan of at most MAX_CROP_PIXELS, without metadata.
    """
    if len(jpeg) > MAX_CROP_BYTES:
        raise CekalwatchError(Code.CROP_TOO_LARGE, f"{len(jpeg)} bytes")
    try:
        found = read_plain_jpeg(jpeg, MAX_CROP_PIXELS)
        picture = cv2.imdecode(np.frombuffer(found.essence, dtype=np.uint8), _FLAGS)
    except PictureError as error:
        raise CekalwatchError(_CODES[error.fault], str(error)) from None
    except cv2.error as error:
        raise CekalwatchError(Code.CROP_DAMAGED, "cannot be decoded") from error
    if picture is None or picture.shape != (found.height, found.width, 3):
        raise CekalwatchError(Code.CROP_DAMAGED, "cannot be decoded")
    return np.asarray(picture, dtype=np.uint8)


def aligned_face(jpeg: bytes, landmarks: Landmarks) -> Picture:
    """Decode a crop and return its aligned face, shape (112, 112, 3).

    Raises CekalwatchError as `decode_crop` does, and LANDMARKS_INVALID.
    """
    picture = decode_crop(jpeg)
    height, width = picture.shape[:2]
    if (landmarks < 0).any() or (landmarks > (width, height)).any():
        raise CekalwatchError(Code.LANDMARKS_INVALID, "outside the crop")
    try:
        return align(picture, landmarks)
    except LandmarksError as error:
        raise CekalwatchError(Code.LANDMARKS_INVALID, str(error)) from None


MAX_PROBE_BYTES: Final = 100_000
"""Maximum size of a stored probe; it leaves room in a message for two references and people's notes."""
PROBE_SIDE: Final = 640
"""Maximum that cameras send. The one deciding thread encodes it, so encoding must be fast: 2 ms for a usual crop, and
16 for the worst."""

_PROBE_QUALITY: Final = 92
"""Encoding a crop of quality 85 again with this changes a pixel by less than one step of 255 on average."""
_WORSE: Final = (80, 70, 60)
_WORST: Final = 50
_SHRINKING: Final = 4 / 5


def face_jpeg(picture: Picture, quality: int, side: int, max_bytes: int) -> bytes:
    """Encode a picture as a baseline JPEG of one scan without metadata, of `max_bytes` at most.

    It is scaled down to `side` pixels, and to lower quality or size if it still takes more bytes.
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
    """Return a crop as it is stored; raises CekalwatchError as `decode_crop` does."""
    return face_jpeg(decode_crop(crop), _PROBE_QUALITY, PROBE_SIDE, MAX_PROBE_BYTES)


MAX_THUMBNAIL_BYTES: Final = 6_000
"""Two of each of the 20 alerts of a request fit into one message."""
THUMBNAIL_SIDE: Final = 96
_THUMBNAIL_QUALITY: Final = 85


def thumbnail_jpeg(stored: bytes) -> bytes:
    """Return a picture as it stands in lists; raises CekalwatchError as `decode_crop` does."""
    return face_jpeg(decode_crop(stored), _THUMBNAIL_QUALITY, THUMBNAIL_SIDE, MAX_THUMBNAIL_BYTES)


def aiming_jpeg(sent: bytes) -> bytes:
    """Return a camera's picture for aiming as people see it, with the detail reduced to what is allowed.

    Raises CekalwatchError as `decode_crop` does, and for a picture larger than the contract allows.
    """
    if len(sent) > MAX_AIMING_BYTES:
        raise CekalwatchError(Code.CROP_TOO_LARGE, f"{len(sent)} bytes")
    picture = decode_crop(sent)
    height, width = picture.shape[:2]
    long_side, short_side = MAX_AIMING_SIDES
    if max(height, width) > long_side or min(height, width) > short_side:
        raise CekalwatchError(Code.CROP_TOO_MANY_PIXELS, f"{width}x{height}")
    return face_jpeg(softened(picture, aiming_scale(picture)), _PROBE_QUALITY, max(MAX_AIMING_SIDES), MAX_AIMING_BYTES)


class CropTask(IntEnum):
    """What is asked of a confined process: the first byte of a request."""

    FACES = 1
    """`aligned_face` of each crop of a batch: `faces_request`."""
    PROBE = 2
    """`probe_jpeg` of the crop that follows."""
    AIMING = 3
    """`aiming_jpeg`."""
    THUMBNAIL = 4
    """`thumbnail_jpeg`."""


REFUSALS: Final = (
    Code.CROP_TOO_LARGE,
    Code.CROP_TOO_MANY_PIXELS,
    Code.CROP_NOT_JPEG,
    Code.CROP_DAMAGED,
    Code.LANDMARKS_INVALID,
)
"""What may be said of a crop."""
_CROP: Final = struct.Struct("<I10f")
"""Before each crop of a batch: its length in bytes, and its landmarks."""


def faces_request(crops: Iterable[tuple[bytes, Sequence[tuple[float, float]]]]) -> bytes:
    """Return the request for the aligned faces of crops with their landmarks.

    The answer has a byte for each crop, 0 or the place of its refusal in REFUSALS counted from 1, and after these the
    pixels of the faces.
    """
    parts = [bytes([CropTask.FACES])]
    for jpeg, landmarks in crops:
        parts += (_CROP.pack(len(jpeg), *chain.from_iterable(landmarks)), jpeg)
    return b"".join(parts)


def crop_answers(request: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process, each request with the bytes of its pictures. Raises Refusal."""
    cv2.setNumThreads(1)  # it may start none
    while True:
        try:
            answer = _answer(CropTask(request[0]), request[1:])
        except CekalwatchError as error:
            raise Refusal(error.code, error.detail) from error
        request = yield answer


def _answer(task: CropTask, content: bytes) -> bytes:
    match task:
        case CropTask.FACES:
            return _faces(content)
        case CropTask.PROBE:
            return probe_jpeg(content)
        case CropTask.AIMING:
            return aiming_jpeg(content)
        case CropTask.THUMBNAIL:
            return thumbnail_jpeg(content)


def _faces(crops: bytes) -> bytes:
    told, faces, at = bytearray(), list[bytes](), 0
    while at < len(crops):
        length, *numbers = _CROP.unpack_from(crops, at)
        begin = at + _CROP.size
        at = begin + length
        try:
            faces.append(aligned_face(crops[begin:at], np.array(numbers, np.float32).reshape(5, 2)).tobytes())
            told.append(0)
        except CekalwatchError as error:
            told.append(1 + REFUSALS.index(error.code))
    return b"".join((told, *faces))
