"""The markers of a JPEG: frame, tables and scans (ITU-T T.81, annex B), read in microseconds and before decoding.

A decoder goes through all blocks of a picture for each of its scans, however few bytes a scan has: 40 kB of scans that
change nothing took 7 seconds. Baseline pictures can repeat scans as well, so they are counted in both.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

MAX_SEGMENTS: Final = 1_000
"""Marker segments of a file. A phone's photograph has some tens, one with a map of depth a few hundred."""
MAX_SCANS: Final = 32
"""Scans of a progressive picture. libjpeg and mozjpeg write 10 to 15."""

MAX_SIDE: Final = 65_535
"""What a frame's two bytes can say."""

_START: Final = b"\xff\xd8"
_MARKER: Final = re.compile(rb"\xff+([^\xff])", re.DOTALL)
_AFTER_SCAN: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Inside a scan, 00 stands after each FF of the data, and restart markers (D0 to D7) may come."""
_COLOURS: Final = (1, 3, 4)
_MAX_SAMPLING: Final = 4


class Coding(Enum):
    """The kinds of frame that are read: Huffman coding, 8 bits. The value is the byte of its marker."""

    BASELINE = 0xC0
    EXTENDED = 0xC1
    PROGRESSIVE = 0xC2


_CODINGS: Final = {one.value: one for one in Coding}


class _Code(IntEnum):
    HUFFMAN = 0xC4
    END = 0xD9
    SCAN = 0xDA
    QUANTISATION = 0xDB
    RESTART_INTERVAL = 0xDD
    JFIF = 0xE0
    EXIF = 0xE1
    ADOBE = 0xEE
    LAST_APPLICATION = 0xEF
    COMMENT = 0xFE


_TABLES: Final = frozenset({_Code.HUFFMAN, _Code.QUANTISATION, _Code.RESTART_INTERVAL})
_COLOUR_SPACE: Final = {_Code.JFIF: b"JFIF\0", _Code.ADOBE: b"Adobe"}
"""The application segments by which a decoder knows the meaning of the colours."""
_EXIF_NAME: Final = b"Exif\0\0"


@dataclass(frozen=True)
class Jpeg:
    """What the markers say."""

    coding: Coding
    width: int
    height: int
    colours: int
    scans: int
    essence: bytes
    """The picture without metadata, and without what follows its end: what a decoder may read."""
    exif: bytes
    """The first EXIF block, a TIFF of its own; empty without one."""
    trailing: int
    """Bytes after the end of the picture."""

    @property
    def pixels(self) -> int:
        """Pixels in one colour."""
        return self.width * self.height

    @property
    def scan_pixels(self) -> int:
        """Pixels times scans: what decoding goes through."""
        return self.pixels * self.scans


def read_jpeg(data: bytes, max_pixels: int = MAX_SIDE**2) -> Jpeg:
    """Read the markers from start to end. Raises PictureError, for more than `max_pixels` as well."""
    if not data.startswith(_START):
        raise PictureError(PictureFault.OTHER_FORMAT, "no JPEG")
    return _Reader(data, max_pixels).read()


def read_plain_jpeg(data: bytes, max_pixels: int) -> Jpeg:
    """Read what the programs send each other: baseline, grey or three colours, one scan, nothing after its end.

    Raises PictureError, for more than `max_pixels` as well.
    """
    jpeg = read_jpeg(data, max_pixels)
    if jpeg.coding is not Coding.BASELINE or jpeg.scans != 1 or jpeg.colours not in (1, 3):
        raise PictureError(
            PictureFault.OTHER_FORMAT, f"{jpeg.coding.name} in {jpeg.scans} scans and {jpeg.colours} colours"
        )
    if jpeg.trailing:
        raise PictureError(PictureFault.DAMAGED, f"{jpeg.trailing} bytes after the end")
    return jpeg


class _Reader:
    """Goes from marker to marker once."""

    def __init__(self, data: bytes, max_pixels: int) -> None:
        self._data = data
        self._max_pixels = max_pixels
        self._kept = [_START]
        self._coding: Coding | None = None
        self._size = (0, 0)
        self._components: frozenset[int] = frozenset()
        self._scanned: list[int] = []
        self._scans = 0
        self._exif = b""
        self._known_colours: set[int] = set()

    def read(self) -> Jpeg:
        at = len(_START)
        for _ in range(MAX_SEGMENTS):
            code, at = self._marker(at)
            if code == _Code.END:
                return self._found(at)
            content, at = self._content(at)
            at = self._segment(code, content, at)
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_SEGMENTS} segments")

    def _found(self, end: int) -> Jpeg:
        if self._coding is None or not self._components <= set(self._scanned):
            raise PictureError(PictureFault.DAMAGED, "no picture before its end")
        self._kept.append(b"\xff\xd9")
        return Jpeg(
            self._coding,
            *self._size,
            len(self._components),
            self._scans,
            b"".join(self._kept),
            self._exif,
            len(self._data) - end,
        )

    def _marker(self, at: int) -> tuple[int, int]:
        found = _MARKER.match(self._data, at)
        if found is None:
            raise PictureError(PictureFault.DAMAGED, "no marker where one must be")
        return found[1][0], found.end()

    def _content(self, at: int) -> tuple[bytes, int]:
        length = int.from_bytes(self._data[at : at + 2], "big")
        end = at + length
        if length < 2 or end > len(self._data):  # the two bytes of the length count
            raise PictureError(PictureFault.DAMAGED, "a segment longer than the file")
        return self._data[at + 2 : end], end

    def _segment(self, code: int, content: bytes, at: int) -> int:
        """Take a segment; return where the next begins."""
        if code == _Code.SCAN:
            self._begin_scan(content)
            self._keep(code, content)
            return self._end_of_scan(at)
        if code in _CODINGS:
            self._frame(_CODINGS[code], content)
            self._keep(code, content)
        elif code in _TABLES:
            self._keep(code, content)
        elif _Code.JFIF <= code <= _Code.LAST_APPLICATION:
            self._application(code, content)
        elif code != _Code.COMMENT:
            # Arithmetic coding, hierarchies, lossless frames, a height that comes after the picture.
            raise PictureError(PictureFault.OTHER_FORMAT, f"marker {code:02X}")
        return at

    def _keep(self, code: int, content: bytes) -> None:
        self._kept.append(struct.pack(">BBH", 0xFF, code, len(content) + 2) + content)

    def _application(self, code: int, content: bytes) -> None:
        name = _COLOUR_SPACE.get(_Code(code)) if code in _COLOUR_SPACE else None
        if name and content.startswith(name) and code not in self._known_colours:
            self._known_colours.add(code)
            self._keep(code, content)
        elif code == _Code.EXIF and not self._exif and content.startswith(_EXIF_NAME):
            self._exif = content.removeprefix(_EXIF_NAME)

    def _frame(self, coding: Coding, content: bytes) -> None:
        if self._coding is not None:
            raise PictureError(PictureFault.DAMAGED, "two frames")
        if len(content) < 6 or len(content) != 6 + 3 * content[5]:
            raise PictureError(PictureFault.DAMAGED, "a frame of the wrong length")
        bits, height, width, count = struct.unpack(">BHHB", content[:6])
        parts = [content[6 + 3 * number : 9 + 3 * number] for number in range(count)]
        if bits != 8 or count not in _COLOURS:
            raise PictureError(PictureFault.OTHER_FORMAT, f"{bits} bits in {count} colours")
        sampling = [factor for part in parts for factor in (part[1] >> 4, part[1] & 15)]
        if not width or not height or not all(1 <= factor <= _MAX_SAMPLING for factor in sampling):
            raise PictureError(PictureFault.DAMAGED, "a frame without size")
        if width * height > self._max_pixels:
            raise PictureError(PictureFault.TOO_LARGE, f"{width}x{height}")
        self._coding, self._size = coding, (width, height)
        self._components = frozenset(part[0] for part in parts)
        if len(self._components) != count:
            raise PictureError(PictureFault.DAMAGED, "two colours of one name")

    def _begin_scan(self, content: bytes) -> None:
        count = content[0] if content else 0
        parts = list(content[1 : 1 + 2 * count : 2])
        whole = len(content) == 4 + 2 * count == 4 + 2 * len(set(parts))
        if self._coding is None or not count or not whole or not self._components >= set(parts):
            raise PictureError(PictureFault.DAMAGED, "a scan of nothing")
        if self._coding is not Coding.PROGRESSIVE and set(parts) & set(self._scanned):
            raise PictureError(PictureFault.TOO_COSTLY, "a colour that is scanned twice")
        self._scanned += parts
        self._scans += 1
        if self._scans > MAX_SCANS:
            raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_SCANS} scans")

    def _end_of_scan(self, at: int) -> int:
        end = _AFTER_SCAN.search(self._data, at)
        if end is None:
            raise PictureError(PictureFault.DAMAGED, "it ends within a scan")
        self._kept.append(self._data[at : end.start()].rstrip(b"\xff"))  # fill bytes
        return end.start()
