"""Photographs that are small, and cost a reader of all that they hold seconds or hundreds of megabytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from PIL import Image

from cekalwatch.pictures.png import SIGNATURE
from tests.support.builders.jpegs import START, plain_jpeg, repeated_scans, scan_bomb, segment

SIDE = 64


def drawing(mode: str = "RGB") -> Image.Image:
    """A small picture."""
    return Image.linear_gradient("L").resize((SIDE, SIDE)).convert(mode)


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    """The drawing as a file."""
    out = io.BytesIO()
    drawing(mode).save(out, kind, **options)
    return out.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as it stands in a file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(chunks: bytes) -> bytes:
    """A PNG with chunks after its header."""
    data = saved("PNG")
    end_of_header = len(SIGNATURE) + 25
    return data[:end_of_header] + chunks + data[end_of_header:]


def png_of_profiles() -> bytes:
    """A megabyte of zeros in each of 2,000 colour profiles."""
    profile = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(1_000_000), 9))
    return png_with(profile * 2_000)


def tiff(entries: Mapping[int, tuple[int, int, int]], content: bytes = b"") -> bytes:
    """A TIFF with a directory of types, counts, and values or places; `content` stands at the end."""
    directory = struct.pack("<H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        directory += struct.pack("<HHI", tag, kind, count) + (
            struct.pack("<HH", value, 0) if kind == 3 and count == 1 else struct.pack("<I", value)
        )
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + content


def tiff_of_shared_strips(strips: int = 20_000, size: int = 1_000_000) -> bytes:
    """Rows of which each is all of the same megabyte, with the row in its first bytes."""
    start = 8 + 2 + 10 * 12 + 4
    offsets = start + size
    return tiff(
        {
            256: (4, 1, SIDE),
            257: (4, 1, strips),
            258: (3, 1, 8),
            259: (3, 1, 8),
            262: (3, 1, 1),
            273: (4, strips, offsets),
            277: (3, 1, 1),
            278: (4, 1, 1),
            279: (4, strips, offsets + 4 * strips),
            284: (3, 1, 1),
        },
        zlib.compress(bytes(SIDE)).ljust(size, b"\0")
        + struct.pack("<I", start) * strips
        + struct.pack("<I", size) * strips,
    )


def tiff_of_jpeg() -> bytes:
    """A strip that is a JPEG of thousands of scans."""
    bomb = scan_bomb(2_000, 2_000, 3_000)
    start = 8 + 2 + 10 * 12 + 4
    return tiff(
        {
            256: (4, 1, 2_000),
            257: (4, 1, 2_000),
            258: (3, 1, 8),
            259: (3, 1, 7),
            262: (3, 1, 1),
            273: (4, 1, start),
            277: (3, 1, 1),
            278: (4, 1, 2_000),
            279: (4, 1, len(bomb)),
            284: (3, 1, 1),
        },
        bomb,
    )


def bmp_of_run_lengths(width: int = 7_000, height: int = 7_000) -> bytes:
    """Rows of one pixel: four bytes each, and the reader fills them up by itself."""
    lines = b"\1\0\0\0" * height + b"\0\1"
    palette = bytes(4 * 256)
    start = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(lines), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(lines), 0, 0, start) + header + palette + lines


def moving_webp() -> bytes:
    """An animation."""
    out = io.BytesIO()
    frames = [drawing().rotate(90 * turn) for turn in range(4)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def exif_directory() -> bytes:
    """An EXIF block whose 4,000 entries each claim nearly all of its 64 kB."""
    count = 4_000
    entries = b"".join(struct.pack(">HHII", 40_000 + number, 7, 60_000, 8) for number in range(count))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", count) + entries.ljust(65_000, b"\0")


def jpeg_with(*segments: bytes) -> bytes:
    """A small JPEG with segments after its start."""
    return START + b"".join(segments) + saved("JPEG")[len(START) :]


def jp2_box(name: bytes, content: bytes) -> bytes:
    """A box of a JPEG 2000 as it stands in a file."""
    return struct.pack(">I", len(content) + 8) + name + content


def jp2_with(*boxes: bytes) -> bytes:
    """A JPEG 2000 whose header has more boxes, before those that it has."""
    data = saved("JPEG2000")
    at = data.index(b"jp2h") - 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    return data[:at] + jp2_box(b"jp2h", b"".join(boxes) + data[at + 8 : end]) + data[end:]


def jp2_with_profile(profile: bytes) -> bytes:
    """A JPEG 2000 whose colours are those of a profile."""
    return jp2_with(jp2_box(b"colr", b"\2\0\0" + profile))


def jp2_with_size(width: int, height: int) -> bytes:
    """A JPEG 2000 whose boxes state a size."""
    return jp2_with(jp2_box(b"ihdr", struct.pack(">IIHBBBB", height, width, 3, 7, 7, 0, 0)))


def siz(
    width: int = SIDE,
    height: int = SIDE,
    tile: tuple[int, int] = (SIDE, SIDE),
    tile_at: tuple[int, int] = (0, 0),
    channels: int = 3,
    bits: int = 8,
) -> bytes:
    """The segment of a JPEG 2000 that says its size."""
    parts = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tile, *tile_at, channels)
    content = parts + bytes([bits - 1, 1, 1]) * channels
    return struct.pack(">BBH", 0xFF, 0x51, len(content) + 2) + content


def cod(layers: int = 1, levels: int = 5, block: int = 4, precincts: bytes = b"") -> bytes:
    """The segment that says how it is coded: blocks of 4 times a power of two, precincts by resolution."""
    content = struct.pack(">BBHBBBBBB", bool(precincts), 0, layers, 1, levels, block, block, 0, 1) + precincts
    return struct.pack(">BBH", 0xFF, 0x52, len(content) + 2) + content


def codestream_with(siz: bytes = siz(), cod: bytes = cod(), tile: bytes = b"") -> bytes:
    """A codestream of one empty tile, with segments in the header and in the tile's."""
    quantisation = b"\xff\x5c\0\x04\x40\x40"
    part = tile + b"\xff\x93"
    length = struct.pack(">HIBB", 0, 12 + len(part), 0, 1)
    return b"\xff\x4f" + siz + cod + quantisation + b"\xff\x90\0\x0a" + length + part + b"\xff\xd9"


REFUSED: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        "a progressive JPEG of thousands of scans": lambda: scan_bomb(2_000, 2_000, 4_000),
        "a JPEG in three colours of thousands of scans": lambda: scan_bomb(2_000, 2_000, 2_000, colours=3),
        "a small JPEG of very many scans": lambda: scan_bomb(8, 8, 500_000),
        "a large JPEG of some scans": lambda: scan_bomb(7_000, 7_000, 30),
        "a baseline JPEG of thousands of scans": lambda: repeated_scans(2_000, 2_000, 4_000),
        "a JPEG of very many segments": lambda: jpeg_with(segment(0xE5, b"") * 2_000_000),
        "a PNG of very many chunks": lambda: png_with(png_chunk(b"quIt", b"") * 1_000_000),
        "a TIFF that holds a JPEG": tiff_of_jpeg,
        "a TIFF of shared strips": tiff_of_shared_strips,
        "a BMP of run lengths": bmp_of_run_lengths,
        "a WebP that moves": moving_webp,
        "a JPEG 2000 of very many samples": lambda: codestream_with(siz(5_001, 2_000, (5_001, 2_000))),
        "a JPEG 2000 of very many tiles": lambda: codestream_with(siz(2_000, 2_000, (1, 1))),
        "a JPEG 2000 of very many blocks": lambda: codestream_with(siz(3_000, 3_000, (3_000, 3_000)), cod(block=0)),
        "a JPEG 2000 of very many layers": lambda: codestream_with(cod=cod(layers=65_535)),
        "a JPEG 2000 of very small precincts": lambda: codestream_with(
            siz(3_000, 3_000, (3_000, 3_000)), cod(precincts=bytes(6))
        ),
        "a JPEG 2000 of very many parts": lambda: codestream_with().replace(
            b"\xff\xd9", b"\xff\x90\0\x0a\0\0\0\0\0\x0e\0\0\xff\x93" * 300_000 + b"\xff\xd9"
        ),
        "a JPEG 2000 of very many comments": lambda: codestream_with(cod=b"\xff\x64\0\2" * 500_000 + cod()),
    }
)
"""What costs too much by its structure, or holds what has a cost that nobody bounds."""
READ: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        "a PNG of colour profiles": png_of_profiles,
        "a JPEG with a directory that repeats itself": lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + exif_directory())),
        "a JPEG with another one after its end": lambda: plain_jpeg(SIDE, SIDE) + scan_bomb(2_000, 2_000, 4_000),
    }
)
"""Pictures like others, beside metadata that is not read."""
