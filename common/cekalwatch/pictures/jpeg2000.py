"""The markers and boxes of a JPEG 2000 (ISO/IEC 15444-1): codestream and colours are kept, and the rest is not read.

Chips of passports hold their portrait as one. What a decoder has to do follows from the main header: samples,
code-blocks and packets, of which a few bytes can claim billions. Headers of tiles may therefore change nothing of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cekalwatch.pictures.errors import PictureError, PictureFault

MAX_TILES: Final = 10_000
MAX_BLOCKS: Final = 500_000
"""Code-blocks of all tiles. A photograph of ten megapixels in the usual blocks of 64x64 has 10,000, one in blocks of
16x16 has 160,000."""
MAX_PACKETS: Final = 1_000_000
"""Packets of all tiles: one for each layer, component, resolution and precinct."""
MAX_SEGMENTS: Final = 1_000
"""Marker segments of a header, and boxes of a file."""
MAX_TILE_PARTS: Final = 20_000
MAX_SAMPLES: Final = 30_000_000
"""Pixels times colours: ten megapixels in three. Each costs about 0.1 µs, and 90 passes over a block can be claimed."""

SIGNATURE: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM: Final = b"\xff\x4f\xff\x51"
_FILE_TYPE: Final = b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
_ENUMERATED: Final = 1
_SRGB, _GREY, _SYCC = 16, 17, 18
_GREYS: Final = 2
"""Most channels without colour: grey and transparency."""
_MAX_CHANNELS: Final = 4
_MAX_BITS: Final = 16
_MAX_FACTOR: Final = 4
_MAX_LEVELS: Final = 32


class _Segment(IntEnum):
    HEADER_END = 0x90  # SOT: tile parts begin
    CODING = 0x52
    QUANTISATION = 0x5C
    QUANTISATION_OF_ONE = 0x5D
    TILE_LENGTHS = 0x55
    PACKET_LENGTHS_HEADER = 0x57
    PACKET_LENGTHS = 0x58
    REGISTRATION = 0x63
    COMMENT = 0x64


_DATA: Final = b"\xff\x93"
_END: Final = b"\xff\xd9"
_LEFT_OUT: Final = frozenset(
    {
        _Segment.TILE_LENGTHS,
        _Segment.PACKET_LENGTHS_HEADER,
        _Segment.PACKET_LENGTHS,
        _Segment.REGISTRATION,
        _Segment.COMMENT,
    }
)
"""Indexes and comments, without which the picture is the same."""
_KEPT: Final = frozenset({_Segment.CODING, _Segment.QUANTISATION, _Segment.QUANTISATION_OF_ONE})
_KEPT_OF_TILES: Final = frozenset({_Segment.QUANTISATION, _Segment.QUANTISATION_OF_ONE})


@dataclass(frozen=True)
class _Size:
    """What the SIZ segment says."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles: int
    channels: int


def is_jpeg2000(data: bytes) -> bool:
    """Whether the file says that it is one, in boxes or as a codestream alone."""
    return data.startswith((SIGNATURE, CODESTREAM))


def read_jpeg2000(data: bytes) -> bytes:
    """Return the picture without metadata. Raises PictureError."""
    if data.startswith(CODESTREAM):
        return _codestream(data)[0]
    if not data.startswith(SIGNATURE):
        raise PictureError(PictureFault.OTHER_FORMAT, "no JPEG 2000")
    header, stream = b"", b""
    for name, content in _boxes(data):
        if name == b"jp2h" and not header:
            header = content
        elif name == b"jp2c":
            stream = content
            break
    if not header or not stream:
        raise PictureError(PictureFault.DAMAGED, "no picture")
    essence, size = _codestream(stream)
    return SIGNATURE + _FILE_TYPE + _box(b"jp2h", _header(header, size)) + _box(b"jp2c", essence)


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return names and contents of the boxes; raises PictureError."""
    found, at = list[tuple[bytes, bytes]](), 0
    while at < len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        start = at + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        end = len(data) if length == 0 else at + length
        if end < start or end > len(data):
            raise PictureError(PictureFault.DAMAGED, "it ends within a box")
        if len(found) == MAX_SEGMENTS:
            raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_SEGMENTS} boxes")
        found.append((name, data[start:end]))
        at = end
    return found


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def _header(header: bytes, size: _Size) -> bytes:
    """Return the boxes of the header that say what the channels mean; a colour profile becomes the usual colours."""
    parts: dict[bytes, bytes] = {}
    for name, content in _boxes(header):
        parts.setdefault(name, content)
    if b"pclr" in parts:
        raise PictureError(PictureFault.OTHER_FORMAT, "a palette")
    first = parts.get(b"ihdr", b"")
    if len(first) != 14 or struct.unpack(">IIH", first[:10]) != (size.height, size.width, size.channels):
        raise PictureError(PictureFault.DAMAGED, "boxes that say another size")
    colour = _GREY if size.channels <= _GREYS else _SRGB
    stated = parts.get(b"colr", b"")
    if stated[:1] == bytes([_ENUMERATED]):
        colour = int.from_bytes(stated[3:7], "big")
        if colour not in (_SRGB, _GREY, _SYCC):
            raise PictureError(PictureFault.OTHER_FORMAT, f"colours {colour}")
    kept = [_box(b"ihdr", first), _box(b"colr", struct.pack(">BBBI", _ENUMERATED, 0, 0, colour))]
    for name, most in ((b"bpcc", size.channels), (b"cdef", 2 + 6 * size.channels)):
        if name in parts:
            if len(parts[name]) > most:
                raise PictureError(PictureFault.DAMAGED, "a box of more channels")
            kept.insert(1, _box(name, parts[name]))
    return b"".join(kept)


def _codestream(data: bytes) -> tuple[bytes, _Size]:
    """Return the codestream without comments, and its size; raises PictureError."""
    size_end = 4 + int.from_bytes(data[4:6], "big")
    size = _size(data[6:size_end])
    kept, coded, at = [data[:size_end]], False, size_end
    for _ in range(MAX_SEGMENTS):
        code, content, end = _segment(data, at, len(data))
        if code == _Segment.HEADER_END:
            break
        if code == _Segment.CODING:
            _check_cost(content, size)
            if coded:
                raise PictureError(PictureFault.DAMAGED, "coded in two ways")
            coded = True
        if code in _KEPT:
            kept.append(data[at:end])
        elif code not in _LEFT_OUT:
            raise PictureError(PictureFault.OTHER_FORMAT, f"marker {code:02X}")
        at = end
    else:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_SEGMENTS} segments")
    if not coded:
        raise PictureError(PictureFault.DAMAGED, "nothing says how it is coded")
    return b"".join([*kept, *_tile_parts(data, at, size), _END]), size


def _segment(data: bytes, at: int, limit: int) -> tuple[int, bytes, int]:
    """Return code and content of a marker segment that ends before `limit`, and where the next begins."""
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    end = at + 2 + length
    if data[at : at + 1] != b"\xff" or length < 2 or end > min(limit, len(data)):
        raise PictureError(PictureFault.DAMAGED, "no whole segment where one must be")
    return data[at + 1], data[at + 4 : end], end


def _size(content: bytes) -> _Size:
    if len(content) < 36:
        raise PictureError(PictureFault.DAMAGED, "it ends within the header")
    _, right, bottom, left, top, tile_w, tile_h, tile_x, tile_y, channels = struct.unpack(">HIIIIIIIIH", content[:36])
    if not 1 <= channels <= _MAX_CHANNELS:
        raise PictureError(PictureFault.OTHER_FORMAT, f"{channels} channels")
    if len(content) != 36 + 3 * channels or right <= left or bottom <= top:
        raise PictureError(PictureFault.DAMAGED, "no picture")
    for bits, across, down in struct.iter_unpack("BBB", content[36:]):
        if bits >= _MAX_BITS or not (1 <= across <= _MAX_FACTOR and 1 <= down <= _MAX_FACTOR):
            raise PictureError(PictureFault.OTHER_FORMAT, "channels of a kind that is not read")
    if (right - left) * (bottom - top) * channels > MAX_SAMPLES:
        raise PictureError(PictureFault.TOO_LARGE, f"{right - left}x{bottom - top} in {channels} channels")
    # The first tile must hold the picture's corner, which the standard asks for.
    if not tile_w or not tile_h or tile_x > left or tile_y > top or tile_x + tile_w <= left or tile_y + tile_h <= top:
        raise PictureError(PictureFault.DAMAGED, "no tiles")
    across, down = -(-(right - tile_x) // tile_w), -(-(bottom - tile_y) // tile_h)
    if across * down > MAX_TILES:
        raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_TILES} tiles")
    width, height = min(tile_w, right - left), min(tile_h, bottom - top)
    return _Size(right - left, bottom - top, width, height, across * down, channels)


def _check_cost(content: bytes, size: _Size) -> None:
    """Raise PictureError for a coding style that asks for more code-blocks or packets than a picture of use."""
    if len(content) < 10:
        raise PictureError(PictureFault.DAMAGED, "it ends within the coding style")
    style, _, layers, _, levels, block_w, block_h = struct.unpack(">BBHBBBB", content[:8])
    own_precincts = style & 1
    if levels > _MAX_LEVELS or len(content) != 10 + (levels + 1) * own_precincts or not layers:
        raise PictureError(PictureFault.DAMAGED, "no coding style")
    precincts = content[10:] if own_precincts else b"\xff" * (levels + 1)
    blocks = packets = 0
    for resolution, exponents in enumerate(precincts):
        width = _halved(size.tile_width, levels - resolution)
        height = _halved(size.tile_height, levels - resolution)
        across, down = exponents & 15, exponents >> 4
        # Above the first resolution there are three bands of half its size, and blocks lie within a band's precincts.
        bands, half = (3, 1) if resolution else (1, 0)
        block_across = min((block_w & 15) + 2, max(0, across - half))
        block_down = min((block_h & 15) + 2, max(0, down - half))
        packets += _pieces(width, across) * _pieces(height, down)
        blocks += bands * _pieces(_halved(width, half), block_across) * _pieces(_halved(height, half), block_down)
    all_tiles = size.tiles * size.channels
    if blocks * all_tiles > MAX_BLOCKS or packets * all_tiles * layers > MAX_PACKETS:
        raise PictureError(
            PictureFault.TOO_COSTLY, f"{blocks * all_tiles} blocks, {packets * all_tiles * layers} packets"
        )


def _halved(length: int, times: int) -> int:
    return -(-length >> times)


def _pieces(length: int, exponent: int) -> int:
    """Return the most pieces of a power of two that a length touches, wherever it begins."""
    return (length >> exponent) + 2


def _tile_parts(data: bytes, at: int, size: _Size) -> list[bytes]:
    """Return the parts of tiles without comments in their headers; raises PictureError."""
    kept = list[bytes]()
    for _ in range(MAX_TILE_PARTS):
        if data[at : at + 2] == _END:
            return kept
        code, content, after = _segment(data, at, len(data))
        if code != _Segment.HEADER_END or len(content) != 8:
            raise PictureError(PictureFault.DAMAGED, "no part of a tile where one must be")
        tile, length, part, parts = struct.unpack(">HIBB", content)
        # A length of nothing is that of the last part, up to the end of the picture.
        end = at + length if length else len(data) - 2
        if tile >= size.tiles or end > len(data) or (not length and data[end:] != _END):
            raise PictureError(PictureFault.DAMAGED, "it ends within a part of a tile")
        header, after = _tile_header(data, after, end)
        body = header + data[after:end]
        kept.append(b"\xff\x90\0\x0a" + struct.pack(">HIBB", tile, 12 + len(body), part, parts) + body)
        at = end
    raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_TILE_PARTS} parts of tiles")


def _tile_header(data: bytes, at: int, limit: int) -> tuple[bytes, int]:
    """Return the header of a part without comments, and where its data begins, before `limit`."""
    kept = list[bytes]()
    for _ in range(MAX_SEGMENTS):
        if data[at : at + 2] == _DATA and at + 2 <= limit:
            return b"".join(kept) + _DATA, at + 2
        code, _, end = _segment(data, at, limit)
        if code in _KEPT_OF_TILES:
            kept.append(data[at:end])
        elif code not in _LEFT_OUT:
            raise PictureError(PictureFault.OTHER_FORMAT, f"marker {code:02X} in a tile")
        at = end
    raise PictureError(PictureFault.TOO_COSTLY, f"more than {MAX_SEGMENTS} segments")
