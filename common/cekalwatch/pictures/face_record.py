"""Records that hold the picture of a face: ISO/IEC 19794-5, ISO/IEC 39794-5, and the group of a passport's chip.

A record is taken apart in plain Python, and its first picture is read like any other photograph. Nothing else of it is
used: what a record says of the person or of the picture may be wrong, and the list says who the person is.
"""

from __future__ import annotations

import struct
from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

MAX_ELEMENTS: Final = 200
"""Elements beside each other that are looked at (a chip has at most nine portraits)."""

CHIP_GROUP: Final = 0x75
"""Data group 2 of a chip (ICAO 9303-10, 4.7.2): the portrait, in one of the two kinds of record."""
FACE_BLOCK: Final = 0x65
"""A FaceImageDataBlock of ISO/IEC 39794-5, which is [APPLICATION 5]."""
_GROUP, _TEMPLATE, _OLD_RECORD, _NEW_RECORD = 0x7F61, 0x7F60, 0x5F2E, 0x7F2E
_FIRST, _SECOND, _SEQUENCE, _DATA = 0xA0, 0xA1, 0x30, 0x80
_PATH: Final = (_SECOND, _SEQUENCE, _SECOND, _FIRST, _FIRST, _DATA)
"""representationBlocks, the first of them, its imageRepresentation, base, imageRepresentation2DBlock, and the data."""

RECORD: Final = b"FAC\0"
_EDITION: Final = b"010\0"
"""That of 2005, which chips and exchanges use (ICAO 9303-10). The one of 2011 has another layout."""
_HEADER_BYTES: Final = 14
_FACE: Final = struct.Struct(">IH14x")
"""Length of a face's part with its picture, number of landmarks, and what it says of the person and the pose."""
_LANDMARK_BYTES: Final = 8
_PICTURE_HEADER_BYTES: Final = 12


def face_picture(data: bytes) -> bytes | None:
    """Return the file of the first picture; None if `data` is no such record. Raises PictureError."""
    if data.startswith(RECORD):
        return _of_old_record(data)
    if data[:1] not in (bytes([CHIP_GROUP]), bytes([FACE_BLOCK])):
        return None
    tag, start, end = _element(data, 0, len(data))
    return _of_group(data, start, end) if tag == CHIP_GROUP else _of_block(data, start, end)


def _of_old_record(data: bytes) -> bytes:
    if data[4:8] != _EDITION:
        raise PictureError(PictureFault.OTHER_FORMAT, f"edition {data[4:8]!r} of a record")
    if len(data) < _HEADER_BYTES + _FACE.size:
        raise PictureError(PictureFault.DAMAGED, "it ends within the header")
    length, landmarks = _FACE.unpack_from(data, _HEADER_BYTES)
    start = _HEADER_BYTES + _FACE.size + landmarks * _LANDMARK_BYTES + _PICTURE_HEADER_BYTES
    end = _HEADER_BYTES + length
    if not start < end <= int.from_bytes(data[8:12], "big") <= len(data):
        raise PictureError(PictureFault.DAMAGED, "a face that is longer or shorter than its record")
    return data[start:end]


def _of_group(data: bytes, start: int, end: int) -> bytes:
    """Return the picture of a chip's group."""
    start, end = _found(data, *_found(data, start, end, _GROUP), _TEMPLATE)
    for tag, first, last in _elements(data, start, end):
        if tag == _OLD_RECORD:
            if not data.startswith(RECORD, first):
                raise PictureError(PictureFault.OTHER_FORMAT, "no face in the chip's group")
            return _of_old_record(data[first:last])
        if tag == _NEW_RECORD:
            return _of_block(data, *_found(data, *_found(data, first, last, _SECOND), FACE_BLOCK))
    raise PictureError(PictureFault.DAMAGED, "no face in the chip's group")


def _of_block(data: bytes, start: int, end: int) -> bytes:
    for tag in _PATH:
        start, end = _found(data, start, end, tag)
    return data[start:end]


def _found(data: bytes, start: int, end: int, tag: int) -> tuple[int, int]:
    """Return where the content of the first element with a tag begins and ends; raises PictureError."""
    for found, first, last in _elements(data, start, end):
        if found == tag:
            return first, last
    raise PictureError(PictureFault.DAMAGED, f"no element {tag:02X}")


def _elements(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    found = list[tuple[int, int, int]]()
    while start < end:
        if len(found) == MAX_ELEMENTS:
            raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_ELEMENTS} elements")
        found.append(_element(data, start, end))
        start = found[-1][2]
    return found


def _element(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return tag, and beginning and end of the content, of an element (ITU-T X.690, definite lengths)."""
    tag = data[at] if at < end else 0
    at += 1
    if tag & 0x1F == 0x1F:
        tag, at = (tag << 8) + int.from_bytes(data[at : at + 1], "big"), at + 1
    length = int.from_bytes(data[at : at + 1], "big")
    at += 1
    if length > 0x7F:
        octets = length & 0x7F
        if not 1 <= octets <= 4:
            raise PictureError(PictureFault.DAMAGED, "an element without a length")
        length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
    if at + length > end:
        raise PictureError(PictureFault.DAMAGED, "an element longer than what holds it")
    return tag, at, at + length
