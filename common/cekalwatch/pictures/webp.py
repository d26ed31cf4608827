"""The chunks of a WebP (RFC 9649): picture and transparency are kept; animations are refused."""

from __future__ import annotations

import struct
from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

MAX_CHUNKS: Final = 100
"""Chunks of a file; one with everything has six."""

_EXTENDED: Final = b"VP8X"
_ALPHA: Final = b"ALPH"
_PICTURES: Final = frozenset({b"VP8 ", b"VP8L"})
_ANIMATION: Final = frozenset({b"ANIM", b"ANMF"})
_EXIF: Final = b"EXIF"
_EXIF_NAME: Final = b"Exif\0\0"
_TRANSPARENT: Final = 0x10
"""The flag of the extended header that an ALPH chunk goes with."""


def is_webp(data: bytes) -> bool:
    """Whether the file says that it is one."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_webp(data: bytes) -> tuple[bytes, bytes]:
    """Return the picture without metadata, and the EXIF block (empty without one). Raises PictureError."""
    if not is_webp(data):
        raise PictureError(PictureFault.OTHER_FORMAT, "no WebP")
    end = int.from_bytes(data[4:8], "little") + 8
    if end > len(data):
        raise PictureError(PictureFault.DAMAGED, "it ends early")
    found: dict[bytes, bytes] = {}
    at = 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > end:
            break
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            raise PictureError(PictureFault.DAMAGED, "it ends within a chunk")
        if name in _ANIMATION:
            raise PictureError(PictureFault.OTHER_FORMAT, "an animation")
        found.setdefault(name, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    else:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_CHUNKS} chunks")
    pictures = [name for name in found if name in _PICTURES]
    if len(pictures) != 1:
        raise PictureError(PictureFault.DAMAGED, "no picture, or several")
    kept = [(pictures[0], found[pictures[0]])]
    if _ALPHA in found and found.get(_EXTENDED):
        header = bytes([found[_EXTENDED][0] & _TRANSPARENT]) + found[_EXTENDED][1:]
        kept = [(_EXTENDED, header), (_ALPHA, found[_ALPHA]), *kept]
    return _written(kept), found.get(_EXIF, b"").removeprefix(_EXIF_NAME)


def _written(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
