"""Decodes reference photographs as people have them: phones, scanners, exports of other systems.

Bounded in bytes, pixels and memory, whatever the file claims; one photograph is decoded at a time.
"""

from __future__ import annotations

import io
import threading
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

MAX_PHOTO_PIXELS: Final = 50_000_000
LONG_SIDE: Final = 2_000
"""Larger photographs are scaled to this length of their longer side: a face in it has pixels enough."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_DEEP_GREY: Final = ("I;16", "I;16L", "I;16B", "I;16N")

# Many large photographs at once would take gigabytes; one at a time takes a quarter of one.
_one_at_a_time: Final = threading.Lock()


def decode_photograph(data: bytes) -> Picture:
    """Return the photograph upright, on white where it is transparent, its longer side at most LONG_SIDE.

    Raises CekalwatchError PHOTO_TOO_LARGE or PHOTO_UNREADABLE.
    """
    if len(data) > MAX_PHOTO_BYTES:
        raise CekalwatchError(Code.PHOTO_TOO_LARGE, f"{len(data)} bytes")
    with _one_at_a_time:
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _require_few_pixels(image)
                return _upright_bgr(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise CekalwatchError(Code.PHOTO_TOO_LARGE, "pixels") from None
        except CekalwatchError:
            raise
        except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads them to
            raise CekalwatchError(Code.PHOTO_UNREADABLE, type(error).__name__) from error


def _require_few_pixels(image: Image.Image) -> None:
    if image.width * image.height > MAX_PHOTO_PIXELS:
        raise CekalwatchError(Code.PHOTO_TOO_LARGE, f"{image.width}x{image.height}")


def _upright_bgr(image: Image.Image) -> Picture:
    # A JPEG can be decoded at a fraction of its size; other formats do nothing here.
    image.draft(None, (LONG_SIDE, LONG_SIDE))
    small = _small(image)
    upright = ImageOps.exif_transpose(small)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        upright = Image.alpha_composite(white, layer)
    return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[:, :, ::-1])


def _small(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_GREY:
        image = _with_exif_of(image, Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)))
    elif image.mode in ("I", "F"):
        image = _with_exif_of(image, _stretched(np.asarray(image).astype(np.float32)))
    elif image.mode in ("1", "P"):
        image = _with_exif_of(image, image.convert("RGBA" if image.has_transparency_data else "RGB"))
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image


def _stretched(values: np.ndarray) -> Image.Image:
    """Return 8-bit grey from numbers without a stated range: their least is black, their greatest white."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ValueError("pixels that are not finite")
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8))


def _with_exif_of(source: Image.Image, image: Image.Image) -> Image.Image:
    image.getexif().update(source.getexif())
    return image
