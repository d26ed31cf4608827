"""From the crop that a camera sends to the probe that is searched: decode, align, embed, in batches.

Decoding is strict, since anybody who reaches the port can send bytes, and quick, since every crop passes here.
Landmarks are in the coded picture's pixels, so an EXIF rotation is not applied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.engines.recogniser import Recogniser, TemplateError
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_CROP_PIXELS


@dataclass(frozen=True, eq=False)
class Probe:
    """The template of a captured face; it can be compared with templates of its model version only."""

    model_version: str
    template: NDArray[np.float32]
    """Shape (size,), length 1."""


class CaptureEmbedder:
    """Makes the probe of each capture with the recogniser that is in use at that moment."""

    def __init__(self, recogniser: Callable[[], Recogniser]) -> None:
        self._recogniser = recogniser

    def embed(self, captures: list[Capture]) -> Sequence[Probe | Exception]:
        """Return a probe for each capture, or the CekalwatchError why there is none. Raises RecogniserError."""
        recogniser = self._recogniser()
        faces = [_aligned(capture) for capture in captures]
        good = [face for face in faces if not isinstance(face, CekalwatchError)]
        probes = iter(_probes(recogniser, good))
        return [face if isinstance(face, CekalwatchError) else next(probes) for face in faces]


def _probes(recogniser: Recogniser, faces: list[Picture]) -> Sequence[Probe | CekalwatchError]:
    if not faces:
        return ()
    try:
        return [Probe(recogniser.model_version, template) for template in recogniser.embed(np.stack(faces))]
    except TemplateError as error:
        if len(faces) == 1:
            return [CekalwatchError(Code.CROP_WITHOUT_TEMPLATE, str(error))]
    # One face without a template must not affect the others.
    return [probe for face in faces for probe in _probes(recogniser, [face])]


def _aligned(capture: Capture) -> Picture | CekalwatchError:
    try:
        picture = decode_crop(capture.jpeg)
        height, width = picture.shape[:2]
        landmarks = np.array(capture.landmarks, dtype=np.float32)
        if (landmarks < 0).any() or (landmarks > (width, height)).any():
            return CekalwatchError(Code.LANDMARKS_INVALID, "outside the crop")
        return align(picture, landmarks)
    except LandmarksError as error:
        return CekalwatchError(Code.LANDMARKS_INVALID, str(error))
    except CekalwatchError as error:
        return error


_FLAGS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_CODES: Final = {
    PictureFault.OTHER_FORMAT: Code.CROP_NOT_JPEG,
    PictureFault.DAMAGED: Code.CROP_DAMAGED,
    PictureFault.TOO_LARGE: Code.CROP_TOO_MANY_PIXELS,
    PictureFault.TOO_COSTLY: Code.CROP_NOT_JPEG,  # none in one scan
}


def decode_crop(jpeg: bytes) -> Picture:
    """Decode a JPEG within the contract's bounds; raises CekalwatchError with a code CROP_... for anything else.

    Its markers are read first: what the decoder gets is one baseline scan of at most MAX_CROP_PIXELS, without metadata.
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
