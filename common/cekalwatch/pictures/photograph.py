"""A photograph from outside, of any format that is read: what it shows, ready for a decoder, and which way it was held.

Five formats are read: JPEG, PNG, WebP, TIFF and BMP. GIF is none, since it has 256 colours, and moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cekalwatch.pictures import bmp, exif, png, tiff, webp
from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.jpeg import Jpeg, read_jpeg

MAX_SCAN_PIXELS: Final = 600_000_000
"""Pixels times scans of a JPEG: 50 megapixels in 12 scans, which libjpeg and mozjpeg write. A scan that changes
nothing costs 0.7 ns a pixel, so that all of these take about half a second; what they hold is bounded by the file."""


class PictureFormat(StrEnum):
    """The formats that are read, by Pillow's names."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    TIFF = "TIFF"
    BMP = "BMP"


@dataclass(frozen=True)
class PhotographFile:
    """A photograph whose structure was read."""

    format: PictureFormat
    essence: bytes
    """The picture without metadata: the only bytes that a decoder may read."""
    orientation: int = exif.UPRIGHT
    """How it has to be turned, 1 to 8, as EXIF numbers it."""
    jpeg: Jpeg | None = None
    """Its markers, where it is one."""


def read_photograph(data: bytes) -> PhotographFile:
    """Read the structure of a photograph. Raises PictureError; pixels are bounded by who decodes them."""
    if data.startswith(png.SIGNATURE):
        essence, block = png.read_png(data)
        return PhotographFile(PictureFormat.PNG, essence, exif.orientation(block))
    if webp.is_webp(data):
        essence, block = webp.read_webp(data)
        return PhotographFile(PictureFormat.WEBP, essence, exif.orientation(block))
    if data[:4] in tiff.SIGNATURES:
        return PhotographFile(PictureFormat.TIFF, tiff.read_tiff(data), exif.orientation(data))
    if data.startswith(bmp.SIGNATURE):
        bmp.check_bmp(data)
        return PhotographFile(PictureFormat.BMP, data)
    jpeg = read_jpeg(data)
    if jpeg.scan_pixels > MAX_SCAN_PIXELS:
        raise PictureError(PictureFault.TOO_COSTLY, f"{jpeg.width}x{jpeg.height} in {jpeg.scans} scans")
    return PhotographFile(PictureFormat.JPEG, jpeg.essence, exif.orientation(jpeg.exif), jpeg)
