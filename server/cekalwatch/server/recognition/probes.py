"""From the crop that a camera sends to the probe that is searched: decode, align, embed, in batches.

Decoding is strict, since anybody who reaches the port can send bytes, and quick, since every crop passes here.
Landmarks are in the coded picture's pixels, so an EXIF rotation is not applied.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

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
        """Return a probe for each capture, or the CekalwatchError why there is none."""
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


_START_OF_IMAGE: Final = b"\xff\xd8\xff"
_END_OF_IMAGE: Final = b"\xff\xd9"
_FLAGS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode_crop(jpeg: bytes) -> Picture:
    """Decode a JPEG within the contract's bounds; raises CekalwatchError with a code CROP_... for anything else."""
    if len(jpeg) > MAX_CROP_BYTES:
        raise CekalwatchError(Code.CROP_TOO_LARGE, f"{len(jpeg)} bytes")
    if not jpeg.startswith(_START_OF_IMAGE):
        raise CekalwatchError(Code.CROP_NOT_JPEG)
    width, height = _coded_size(jpeg)
    # OpenCV before 5 fills the missing part of a truncated JPEG with grey, and reports it only on standard error.
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
