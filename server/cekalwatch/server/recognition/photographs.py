"""Decodes reference photographs from phones, scanners and other systems.

Decoding is limited in bytes, pixels, time and memory, whatever the file claims: its structure is checked first, and the
decoder gets only the picture. Each photograph reserves memory from a budget that all photographs share. Photographs
from outside are decoded in confined processes: an exploited decoder finds neither keys nor network there, and returns
only pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Generator
from typing import Final

import cv2
import numpy as np
import structlog
from PIL import ExifTags, Image, ImageFilter, ImageOps

from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.photograph import PhotographFile, PictureFormat, read_photograph
from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.confined.messages import Refusal
from cekalwatch.program.confined.pool import Cause, ConfinedError, ConfinedPool
from cekalwatch.server.concurrency.byte_budget import ByteBudget
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

MAX_PHOTO_PIXELS: Final = 50_000_000
MAX_PHOTO_SIDE: Final = 100_000
"""Maximum pixels in a row: a decoder of fax codes needs sixteen bytes for each."""
LONG_SIDE: Final = 2_000
"""Larger photographs are scaled to this length of their longer side, which leaves enough pixels for a face."""
DOTS_BLUR: Final = 1.5
"""Blur radius in pixels: a dithered portrait of 1,000 pixels or more then has a cosine of 0.96 with the original."""
DECODE_BYTES: Final = 400_000_000
"""Memory for all photographs that are being decoded; a photograph that alone needs more is too large."""
DECODE_WAIT_S: Final = 120.0
"""How long a photograph may wait for memory."""

_BYTES_PER_PIXEL: Final = {
    PictureFormat.JPEG: 2,
    PictureFormat.PNG: 6,
    PictureFormat.WEBP: 18,
    PictureFormat.BMP: 8,
    PictureFormat.TIFF: 10,
    PictureFormat.JPEG2000: 8,
}
"""Measured maximum memory of the decoders for each pixel: a JPEG of several scans needs two bytes per colour, a
JPEG 2000 eight, WebP stores its canvas four times."""
_JPEG_OUTPUT: Final = 4 * (2 * LONG_SIDE) ** 2
_BAND_PIXELS: Final = 2_000_000
_DEEP_GREY: Final = ("I;16", "I;16L", "I;16B", "I;16N")

_FAULTS: Final = {
    PictureFault.TOO_LARGE: Code.PHOTO_TOO_LARGE,
    PictureFault.TOO_COSTLY: Code.PHOTO_TOO_LARGE,
    PictureFault.HEIC: Code.PHOTO_HEIC,
    PictureFault.GIF: Code.PHOTO_GIF,
    PictureFault.NIST_PACKAGE: Code.PHOTO_NIST_PACKAGE,
}

decoding_memory: Final = ByteBudget(DECODE_BYTES, DECODE_WAIT_S)
"""The budget of all photographs of this server, in whatever process they are decoded."""


def decode_photograph(data: bytes) -> Picture:
    """Return the photograph upright, on white where it is transparent, its longer side at most LONG_SIDE.

    It is decoded in this process, so use it only for our own photographs; those from outside need a
    `PhotographDecoder`. Raises CekalwatchError PHOTO_TOO_LARGE or PHOTO_UNREADABLE; SERVER_BUSY without memory in time.
    """
    steps = decoding(data)
    with decoding_memory.taken(next(steps)):
        try:
            next(steps)
        except StopIteration as done:
            picture: Picture = done.value
            return picture
    raise TypeError("a photograph is decoded in one step")


def decoding(data: bytes) -> Generator[int, None, Picture]:
    """Yield the maximum number of bytes that decoding needs, and then return the picture.

    Raises CekalwatchError PHOTO_TOO_LARGE or PHOTO_UNREADABLE.
    """
    if len(data) > MAX_PHOTO_BYTES:
        raise CekalwatchError(Code.PHOTO_TOO_LARGE, f"{len(data)} bytes")
    try:
        file = read_photograph(data)
        with Image.open(io.BytesIO(file.essence), formats=(file.format,)) as image:
            yield _memory(image)
            return _upright_bgr(image, file)
    except PictureError as error:
        raise CekalwatchError(_FAULTS.get(error.fault, Code.PHOTO_UNREADABLE), str(error)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise CekalwatchError(Code.PHOTO_TOO_LARGE, "pixels") from None
    except MemoryError:
        raise CekalwatchError(Code.PHOTO_TOO_LARGE, "memory") from None
    except CekalwatchError:
        raise
    except Exception as error:  # Pillow's plug-ins raise all kinds of exceptions for a damaged file
        raise CekalwatchError(Code.PHOTO_UNREADABLE, type(error).__name__) from error


def _memory(image: Image.Image) -> int:
    """Return the maximum number of bytes that decoding needs, by the header only; raises PHOTO_TOO_LARGE."""
    pixels, kind = image.width * image.height, PictureFormat(str(image.format))
    needed = pixels * _BYTES_PER_PIXEL[kind]
    if kind in (PictureFormat.JPEG, PictureFormat.JPEG2000):
        needed *= len(image.getbands())
    if kind is PictureFormat.JPEG:
        needed += min(4 * pixels, _JPEG_OUTPUT)
    if pixels > MAX_PHOTO_PIXELS or max(image.size) > MAX_PHOTO_SIDE or needed > DECODE_BYTES:
        raise CekalwatchError(Code.PHOTO_TOO_LARGE, f"{kind} of {image.width}x{image.height}")
    return needed


def _upright_bgr(image: Image.Image, file: PhotographFile) -> Picture:
    # A JPEG can be decoded at a fraction of its size; for other formats this does nothing.
    image.draft(None, (LONG_SIDE, LONG_SIDE))
    image.load()
    small = _small(image)
    small.getexif()[ExifTags.Base.Orientation] = file.orientation
    upright = ImageOps.exif_transpose(small)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        upright = Image.alpha_composite(white, layer)
    return np.asarray(cv2.cvtColor(np.asarray(upright.convert("RGB")), cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _small(image: Image.Image) -> Image.Image:
    """Return the picture in 8 bits a colour, its longer side at most LONG_SIDE.

    It works band by band, since a copy of the whole picture in another mode would need as much memory as decoding it.
    """
    plain = _plainly(image)
    factor = max(1, max(image.size) // LONG_SIDE)
    if factor == 1:
        reduced = plain(image)
    else:
        height = max(1, _BAND_PIXELS // (image.width * factor)) * factor
        bands = [
            plain(image.crop((0, top, image.width, min(top + height, image.height)))).reduce(factor)
            for top in range(0, image.height, height)
        ]
        reduced = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
        top = 0
        for band in bands:
            reduced.paste(band, (0, top))
            top += band.height
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    # In a dithered picture people see greys, but detector and recogniser see only dots.
    return reduced.filter(ImageFilter.GaussianBlur(DOTS_BLUR)) if image.mode == "1" else reduced


def _plainly(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts a part of `image` to 8 bits a colour and a mode that can be scaled."""
    if image.mode in _DEEP_GREY:
        return lambda part: Image.fromarray((np.asarray(part).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        return _stretch(image)
    if image.mode in ("1", "P", "PA"):
        mode = "RGBA" if image.has_transparency_data else "RGB"
        return lambda part: part.convert(mode)
    return lambda part: part


def _stretch(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return a function that maps numbers without a stated range to 8-bit grey; the smallest becomes black."""
    low, high = (float(end) for end in image.getextrema())  # type: ignore[arg-type]  # these modes have one band
    if not np.isfinite([low, high]).all():
        raise ValueError("pixels that are not finite")
    scale = 255 / max(high - low, 1e-6)

    def stretched(part: Image.Image) -> Image.Image:
        values = (np.asarray(part, dtype=np.float32) - low) * scale
        return Image.fromarray(np.nan_to_num(values).clip(0, 255).astype(np.uint8))

    return stretched


DECODER_LIMITS: Final = Limits(memory_bytes=1_200_000_000, processor_s=30)
"""The decoders' libraries alone take 400 MB of address space."""

_NEEDED: Final = struct.Struct("!Q")
_SIZE: Final = struct.Struct("!II")
_MAX_ANSWER_BYTES: Final = _SIZE.size + 3 * LONG_SIDE**2
_CODES: Final = {
    Cause.MEMORY: Code.PHOTO_TOO_LARGE,
    Cause.TIME: Code.PHOTO_TOO_LARGE,
    Cause.CRASHED: Code.PHOTO_UNREADABLE,
    Cause.FAILED: Code.PHOTO_UNREADABLE,
    Cause.NOT_STARTED: Code.SERVER_BUSY,
}

log = structlog.get_logger()


class PhotographDecoder:
    """Decodes photographs, `count` at once; threads may share it."""

    def __init__(self, count: int) -> None:
        function = f"{__name__}:{decoded_answers.__name__}"
        self._pool = ConfinedPool(function, DECODER_LIMITS, count=count, max_answer_bytes=_MAX_ANSWER_BYTES)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def decode(self, data: bytes) -> Picture:
        """Do as `decode_photograph`; if a decoder dies, its photograph is refused, and the next gets a new decoder."""
        try:
            with self._pool.conversation() as ask, decoding_memory.taken(_needed(ask(data))):
                return _picture(ask(b""))
        except Refusal as refusal:
            raise _refused(refusal) from None
        except ConfinedError as error:
            log.warning("photograph_decoder_died", cause=error.cause, detail=error.detail)
            raise CekalwatchError(_CODES[error.cause], str(error)) from None


def decoded_answers(data: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process, with the memory that decoding needs, and once it is granted, with the picture."""
    steps = decoding(data)
    try:
        yield _NEEDED.pack(next(steps))
        try:
            next(steps)
        except StopIteration as done:
            picture: Picture = done.value
            height, width = picture.shape[:2]
            yield _SIZE.pack(height, width) + picture.tobytes()
    except CekalwatchError as error:
        raise Refusal(error.code, error.detail) from error


def _needed(answer: bytes | None) -> int:
    if answer is None or len(answer) != _NEEDED.size:
        raise ConfinedError(Cause.CRASHED, "no memory is named")
    (needed,) = _NEEDED.unpack(answer)
    if not 0 <= needed <= DECODE_BYTES:
        raise ConfinedError(Cause.CRASHED, "more memory is named than there is")
    return int(needed)


def _picture(answer: bytes | None) -> Picture:
    if answer is None or len(answer) < _SIZE.size:
        raise ConfinedError(Cause.CRASHED, "no picture")
    height, width = _SIZE.unpack_from(answer)
    if not (1 <= height <= LONG_SIDE and 1 <= width <= LONG_SIDE) or len(answer) != _SIZE.size + 3 * height * width:
        raise ConfinedError(Cause.CRASHED, "no picture of the stated size")
    # Its own copy, which may be written to.
    return np.frombuffer(bytearray(answer), dtype=np.uint8, offset=_SIZE.size).reshape(height, width, 3)


def _refused(refusal: Refusal) -> CekalwatchError:
    """Return the decoder's own error, which can only say that the photograph is bad."""
    code = next((one for one in _FAULTS.values() if one == refusal.kind), Code.PHOTO_UNREADABLE)
    return CekalwatchError(code, refusal.detail[:200])
