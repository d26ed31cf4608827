"""JPEGs that are written marker by marker: plain ones, and ones that cost a decoder more than they weigh."""

from __future__ import annotations

import struct
from math import ceil

BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
ARITHMETIC, LOSSLESS = 0xC9, 0xC3

START, END = b"\xff\xd8", b"\xff\xd9"


def segment(code: int, content: bytes) -> bytes:
    """A marker with its content."""
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def frame(coding: int, width: int, height: int, colours: int = 1, bits: int = 8) -> bytes:
    """The frame header; no colour is coarser than another."""
    parts = b"".join(bytes([number, 0x11, 0]) for number in range(1, colours + 1))
    return segment(coding, struct.pack(">BHHB", bits, height, width, colours) + parts)


def tables() -> bytes:
    """A quantisation table of ones; a code for DC and for AC whose only bit means zero, and the end of a block."""
    one_code = bytes([1]) + bytes(15) + b"\0"
    return segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC4, b"\0" + one_code) + segment(0xC4, b"\x10" + one_code)


def scan(
    colours: int = 1, first: int = 0, last: int = 63, data: bytes = b"", only: int = 0, bits: int = 0, table: int = 0
) -> bytes:
    """A scan of the coefficients `first` to `last` of all colours, or of one; `bits` says how they are refined."""
    numbers = [only] if only else range(1, colours + 1)
    parts = b"".join(bytes([number, table]) for number in numbers)
    return segment(0xDA, bytes([len(numbers)]) + parts + bytes([first, last, bits])) + data


def grey_blocks(width: int, height: int) -> bytes:
    """The data of a picture that is grey all over."""
    bits = 2 * ceil(width / 8) * ceil(height / 8)
    return bytes(bits // 8) + b"\x3f"


def plain_jpeg(width: int = 8, height: int = 8) -> bytes:
    """A grey picture as our programs send them."""
    return b"".join(
        (START, tables(), frame(BASELINE, width, height), scan(data=grey_blocks(width, height)), END),
    )


def scan_bomb(width: int, height: int, scans: int, colours: int = 1) -> bytes:
    """A progressive picture that says of its blocks, in some 14 bytes for each scan, that they are refined by nothing.

    A decoder goes through all coefficients of all blocks for every one.
    """
    runs = segment(0xC4, b"\x11" + bytes([1]) + bytes(15) + b"\xe0")  # one code: 16,384 blocks and more end here
    blocks = ceil(width / 8) * ceil(height / 8)
    bits = ("0" + f"{0x3FFD:014b}") * ceil(blocks / 0x7FFD)
    data = int(bits.ljust(ceil(len(bits) / 8) * 8, "1"), 2).to_bytes(ceil(len(bits) / 8), "big")
    again = scan(first=1, last=63, data=data.replace(b"\xff", b"\xff\0"), bits=0x10, table=1)
    begin = scan(colours, 0, 0)
    return b"".join(
        (START, tables(), runs, frame(PROGRESSIVE, width, height, colours), begin, again * (scans - 1), END)
    )


def repeated_scans(width: int, height: int, scans: int) -> bytes:
    """A baseline picture of two colours' worth of scans and more: the same colours again and again."""
    each = b"".join(scan(only=number) for number in (1, 2, 3))
    return b"".join((START, tables(), frame(BASELINE, width, height, 3), each * ceil(scans / 3), END))
