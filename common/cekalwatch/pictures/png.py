"""The chunks of a PNG (ISO/IEC 15948): chunks of the picture are kept, and metadata is not read.

Profiles and texts are compressed and may be repeated, so a few kilobytes of each take seconds and gigabytes to unpack.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

MAX_CHUNKS: Final = 50_000
"""Chunks of a file: the smallest pieces in which programs write a picture of 20 MB are of 512 bytes."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = b"IHDR"
_DATA: Final = b"IDAT"
_END: Final = b"IEND"
_COLOURS: Final = frozenset({b"PLTE", b"tRNS"})
_EXIF: Final = b"eXIf"
_FRAME_BYTES: Final = 12
"""Length, name and check sum of a chunk."""


def read_png(data: bytes) -> tuple[bytes, bytes]:
    """Return the picture without metadata, and the EXIF block (empty without one). Raises PictureError.

    Of an animation it is the picture that is shown where animations are not. The data is in one chunk.
    """
    if not data.startswith(SIGNATURE):
        raise PictureError(PictureFault.OTHER_FORMAT, "no PNG")
    before: dict[bytes, bytes] = {}
    pieces: list[bytes] = []
    exif, at = b"", len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        name, content, at = _chunk(data, at)
        if name == _END:
            break
        if name == _DATA:
            pieces.append(content)
        elif name == _HEADER or name in _COLOURS:
            if name in before or pieces:
                raise PictureError(PictureFault.DAMAGED, "chunks in the wrong order")
            before[name] = content
        elif name == _EXIF and not exif:
            exif = content
        elif name[:1].isupper():
            raise PictureError(PictureFault.OTHER_FORMAT, "a critical chunk that is not known")
    else:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_CHUNKS} chunks")
    if next(iter(before), b"") != _HEADER or not pieces:
        raise PictureError(PictureFault.DAMAGED, "no picture")
    chunks = [*before.items(), (_DATA, b"".join(pieces)), (_END, b"")]
    return SIGNATURE + b"".join(_written(name, content) for name, content in chunks), exif


def _chunk(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Return name and content of the chunk at a place, and where the next begins."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + length + _FRAME_BYTES
    if end > len(data) or len(data) - at < _FRAME_BYTES:
        raise PictureError(PictureFault.DAMAGED, "it ends within a chunk")
    name, content = data[at + 4 : at + 8], data[at + 8 : end - 4]
    if name[:1].isupper() and zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
        raise PictureError(PictureFault.DAMAGED, "a wrong check sum")
    return name, content, end


def _written(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
