"""The one thing in a photograph's metadata that matters: which way it was held (TIFF tag 274, EXIF 2.32, 4.6.4).

Metadata is read by no library: its directories can name the same bytes thousands of times, and 64 kB of them became
hundreds of megabytes.
"""

from __future__ import annotations

import struct
from typing import Final

UPRIGHT: Final = 1
MAX_ENTRIES: Final = 512
"""Entries of a directory that are looked at; cameras write some tens, in the order of their tags."""

_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION: Final = 274
_SHORT: Final = 3
_ENTRY_BYTES: Final = 12


def orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8, of an EXIF block (which is a TIFF); UPRIGHT where there is none that is sound."""
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
