"""The first directory of a TIFF (TIFF 6.0): what shows the picture is kept, in a copy whose other entries are gone.

A TIFF can hold any other format. Only codings whose cost follows from the sizes are read: none, fax, LZW, deflate and
packed bits. Strips may not share bytes, since each reading of one would count again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

MAX_ENTRIES: Final = 512
MAX_STRIPS: Final = 100_000
"""Strips of a picture. Some programs write one for each row."""
MAX_COLOURS: Final = 5
"""Four colours and transparency."""

SIGNATURES: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES: Final = 12
_INLINE_BYTES: Final = 4

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _COLOURS, _ROWS, _BYTE_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_FAX_3, _FAX_4, _PREDICTOR, _PALETTE, _EXTRA, _FORMAT = 292, 293, 317, 320, 338, 339
_KEPT: Final = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _COLOURS, _ROWS, _BYTE_COUNTS}
    | {_PLANAR, _FAX_3, _FAX_4, _PREDICTOR, _PALETTE, _EXTRA, _FORMAT}
)
"""Tags for sizes, places and meaning of the pixels. Scanners do not write tiles."""
_TYPES: Final = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}
"""Bytes, shorts and longs, which these entries have."""
_PLAIN: Final = 1
_CODINGS: Final = frozenset({_PLAIN, 2, 3, 4, 5, 8, 32773, 32946})


@dataclass(frozen=True)
class _Entry:
    raw: bytes
    values: tuple[int, ...]


def read_tiff(data: bytes) -> bytes:
    """Return a copy that holds the first picture and nothing else. Raises PictureError."""
    order = SIGNATURES.get(data[:4])
    if order is None:
        raise PictureError(PictureFault.OTHER_FORMAT, "no TIFF")
    start = int.from_bytes(data[4:8], "little" if order == "<" else "big")
    if start + 2 > len(data):
        raise PictureError(PictureFault.DAMAGED, "no directory")
    (count,) = struct.unpack(f"{order}H", data[start : start + 2])
    end = start + 2 + count * _ENTRY_BYTES + 4
    if count > MAX_ENTRIES:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_ENTRIES} entries")
    if end > len(data):
        raise PictureError(PictureFault.DAMAGED, "it ends within the directory")
    entries: dict[int, _Entry] = {}
    for at in range(start + 2, end - 4, _ENTRY_BYTES):
        tag = int.from_bytes(data[at : at + 2], "little" if order == "<" else "big")
        if tag in _KEPT:
            entries.setdefault(tag, _Entry(data[at : at + _ENTRY_BYTES], _values(data, at, order)))
    _check(entries, len(data))
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag].raw for tag in sorted(entries))
    copy = bytearray(data)
    copy[start:end] = directory.ljust(end - start, b"\0")  # no further directory
    return bytes(copy)


def _values(data: bytes, at: int, order: str) -> tuple[int, ...]:
    kind, count = struct.unpack(f"{order}HI", data[at + 2 : at + 8])
    if kind not in _TYPES:
        raise PictureError(PictureFault.DAMAGED, "an entry of the wrong type")
    letter, size = _TYPES[kind]
    if count > MAX_STRIPS:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_STRIPS} strips")
    place = at + 8
    if count * size > _INLINE_BYTES:
        (place,) = struct.unpack(f"{order}I", data[place : place + 4])
    if place + count * size > len(data):
        raise PictureError(PictureFault.DAMAGED, "an entry beyond the end")
    return struct.unpack_from(f"{order}{count}{letter}", data, place)


def _check(entries: dict[int, _Entry], size: int) -> None:
    """Refuse what has no strips, a coding that is not read, or strips with more bytes than the file."""
    coding = entries[_COMPRESSION].values if _COMPRESSION in entries else (_PLAIN,)
    if not coding or coding[0] not in _CODINGS:
        raise PictureError(PictureFault.OTHER_FORMAT, f"coding {coding[:1]}")
    if _COLOURS in entries and max(entries[_COLOURS].values, default=0) > MAX_COLOURS:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_COLOURS} colours")
    if _OFFSETS not in entries or _BYTE_COUNTS not in entries:
        raise PictureError(PictureFault.OTHER_FORMAT, "no strips")
    offsets, counts = entries[_OFFSETS].values, entries[_BYTE_COUNTS].values
    if len(offsets) != len(counts) or any(at + count > size for at, count in zip(offsets, counts, strict=True)):
        raise PictureError(PictureFault.DAMAGED, "strips beyond the end")
    if sum(counts) > size:
        raise PictureError(PictureFault.TOO_COSTLY, "strips that share bytes")
