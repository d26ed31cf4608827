"""A photograph from outside, in any supported format: its picture, ready for a decoder, and its orientation.

Six formats are read: JPEG, JPEG 2000, PNG, WebP, TIFF and BMP. GIF is none, since it has 256 colours, and moves.
Records of faces (`face_record`) are read by their first picture.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cekalwatch.pictures import jpeg2000, png, tiff, webp
from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.face_record import face_picture
from cekalwatch.pictures.jpeg import Jpeg, read_jpeg

UPRIGHT: Final = 1
MAX_ENTRIES: Final = 512
"""Entries of a directory that are looked at; cameras write some tens, in the order of their tags."""

_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION: Final = 274
_SHORT: Final = 3
_ENTRY_BYTES: Final = 12


def orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8, of an EXIF block (which is a TIFF); UPRIGHT without a valid one.

    It is TIFF tag 274 (EXIF 2.32, 4.6.4), and the one thing in the metadata that matters. No library reads metadata:
    its directories can name the same bytes thousands of times, and 64 kB of them became hundreds of megabytes.
    """
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < 8:  # the header
        return UPRIGHT
    (start,) = struct.unpack(f"{order}I", block[4:8])
    (count,) = struct.unpack(f"{order}H", block[start : start + 2].ljust(2, b"\0"))
    for number in range(min(count, MAX_ENTRIES)):
        at = start + 2 + number * _ENTRY_BYTES
        entry = block[at : at + _ENTRY_BYTES]
        if len(entry) < _ENTRY_BYTES:
            break
        tag, kind, values, value = struct.unpack(f"{order}HHIH", entry[:10])
        if tag == _ORIENTATION:
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


_BMP_SIGNATURE: Final = b"BM"
_HEADER_BYTES: Final = 34
_PLAIN: Final = frozenset({0, 3, 6})
"""BI_RGB, and the two that only say where the colours' bits are."""
_OLD_HEADER_BYTES: Final = 12
"""OS/2's first, which knows no compression."""


def _check_bmp(data: bytes) -> None:
    """Raise PictureError for a compressed BMP: its run lengths are decoded byte by byte.

    A file of 200 kB could take minutes, and nobody has written any for decades.
    """
    if len(data) < _HEADER_BYTES:
        raise PictureError(PictureFault.DAMAGED, "it ends within the header")
    if int.from_bytes(data[14:18], "little") == _OLD_HEADER_BYTES:
        return
    compression = int.from_bytes(data[30:34], "little")
    if compression not in _PLAIN:
        raise PictureError(PictureFault.OTHER_FORMAT, f"compression {compression}")


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
    JPEG2000 = "JPEG2000"


@dataclass(frozen=True)
class PhotographFile:
    """A photograph whose structure was read."""

    format: PictureFormat
    essence: bytes
    """The picture without metadata: the only bytes that a decoder may read."""
    orientation: int = UPRIGHT
    """How it has to be turned, 1 to 8, as EXIF numbers it."""
    jpeg: Jpeg | None = None
    """Its markers, where it is one."""


IN_RECORDS: Final = frozenset({PictureFormat.JPEG, PictureFormat.JPEG2000, PictureFormat.PNG})
"""The formats that a record of a face may hold."""


def read_photograph(data: bytes) -> PhotographFile:
    """Read the structure of a photograph, or of a record that holds one.

    Raises PictureError; pixels are bounded by who decodes them.
    """
    held = face_picture(data)
    if held is None:
        return _read_picture(data)
    file = _read_picture(held)
    if file.format not in IN_RECORDS:
        raise PictureError(PictureFault.OTHER_FORMAT, f"a {file.format} in a record")
    return file


_UNREAD: Final = {
    PictureFault.HEIC: re.compile(rb".{4}ftyp(hei[cmsx]|hev[cx]|mif1|msf1)", re.DOTALL),
    PictureFault.GIF: re.compile(rb"GIF8"),
    PictureFault.NIST_PACKAGE: re.compile(rb"1\.0?01:"),
}
"""How formats begin that people send and nobody reads (ISO/IEC 23008-12; ANSI/NIST-ITL, record type 1)."""


def _read_picture(data: bytes) -> PhotographFile:
    if data.startswith(png.SIGNATURE):
        essence, block = png.read_png(data)
        return PhotographFile(PictureFormat.PNG, essence, orientation(block))
    if webp.is_webp(data):
        essence, block = webp.read_webp(data)
        return PhotographFile(PictureFormat.WEBP, essence, orientation(block))
    if jpeg2000.is_jpeg2000(data):
        return PhotographFile(PictureFormat.JPEG2000, jpeg2000.read_jpeg2000(data))
    if data[:4] in tiff.SIGNATURES:
        return PhotographFile(PictureFormat.TIFF, tiff.read_tiff(data), orientation(data))
    if data.startswith(_BMP_SIGNATURE):
        _check_bmp(data)
        return PhotographFile(PictureFormat.BMP, data)
    for fault, begins in _UNREAD.items():
        if begins.match(data):
            raise PictureError(fault, f"a {fault}: save it as JPEG")
    jpeg = read_jpeg(data)
    if jpeg.scan_pixels > MAX_SCAN_PIXELS:
        raise PictureError(PictureFault.TOO_COSTLY, f"{jpeg.width}x{jpeg.height} in {jpeg.scans} scans")
    return PhotographFile(PictureFormat.JPEG, jpeg.essence, orientation(jpeg.exif), jpeg)
