"""The header of a BMP: pictures that are not compressed are read, since nothing about those takes longer than it looks.

Run lengths are decoded byte by byte, so that a file of 200 kB could take minutes; nobody has written any for decades.
"""

from __future__ import annotations

from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

SIGNATURE: Final = b"BM"
_HEADER_BYTES: Final = 34
_PLAIN: Final = frozenset({0, 3, 6})
"""BI_RGB, and the two that only say where the colours' bits are."""
_OLD_HEADER_BYTES: Final = 12
"""OS/2's first, which knows no compression."""


def check_bmp(data: bytes) -> None:
    """Raise PictureError for what is no BMP, or a compressed one."""
    if not data.startswith(SIGNATURE):
        raise PictureError(PictureFault.OTHER_FORMAT, "no BMP")
    if len(data) < _HEADER_BYTES:
        raise PictureError(PictureFault.DAMAGED, "it ends within the header")
    if int.from_bytes(data[14:18], "little") == _OLD_HEADER_BYTES:
        return
    compression = int.from_bytes(data[30:34], "little")
    if compression not in _PLAIN:
        raise PictureError(PictureFault.OTHER_FORMAT, f"compression {compression}")
