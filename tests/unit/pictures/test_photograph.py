"""The structure of photographs: what is kept of each format, which way it was held, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from cekalwatch.pictures import jpeg2000, png, tiff, webp
from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.jpeg import MAX_SCANS
from cekalwatch.pictures.photograph import MAX_SCAN_PIXELS, UPRIGHT, PictureFormat, orientation, read_photograph
from tests.support.builders import picture_bombs as bombs
from tests.support.builders.jpegs import scan_bomb
from tests.support.builders.picture_bombs import drawing, png_chunk, png_with, saved

SECRET = b"where it was taken"
FORMS: dict[str, tuple[PictureFormat, Callable[[], bytes]]] = {
    "JPEG": (PictureFormat.JPEG, lambda: saved("JPEG", comment=SECRET)),
    "JPEG in four colours": (PictureFormat.JPEG, lambda: saved("JPEG", "CMYK")),
    "PNG": (PictureFormat.PNG, lambda: png_with(png_chunk(b"tEXt", b"a\0" + SECRET))),
    "PNG with a palette": (PictureFormat.PNG, lambda: saved("PNG", "P", transparency=0)),
    "PNG of 16 bits": (PictureFormat.PNG, lambda: saved("PNG", "I;16")),
    "WebP": (PictureFormat.WEBP, lambda: saved("WEBP", xmp=SECRET, icc_profile=SECRET)),
    "WebP with transparency": (PictureFormat.WEBP, lambda: saved("WEBP", "RGBA", xmp=SECRET)),
    "WebP without loss": (PictureFormat.WEBP, lambda: saved("WEBP", lossless=True)),
    "TIFF": (PictureFormat.TIFF, lambda: saved("TIFF")),
    "TIFF by LZW": (PictureFormat.TIFF, lambda: saved("TIFF", compression="tiff_lzw")),
    "TIFF by deflate": (PictureFormat.TIFF, lambda: saved("TIFF", "F", compression="tiff_deflate")),
    "TIFF by fax": (PictureFormat.TIFF, lambda: saved("TIFF", "1", compression="group4")),
    "TIFF in four colours": (PictureFormat.TIFF, lambda: saved("TIFF", "CMYK", compression="packbits")),
    "TIFF with a palette": (PictureFormat.TIFF, lambda: saved("TIFF", "P")),
    "JPEG 2000": (PictureFormat.JPEG2000, lambda: saved("JPEG2000", comment=SECRET)),
    "JPEG 2000 without boxes": (PictureFormat.JPEG2000, lambda: saved("JPEG2000", no_jp2=True, comment=SECRET)),
    "JPEG 2000 in tiles and layers": (
        PictureFormat.JPEG2000,
        lambda: saved("JPEG2000", tile_size=(32, 32), quality_layers=[9, 3], irreversible=True, plt=True),
    ),
    "JPEG 2000 in precincts": (PictureFormat.JPEG2000, lambda: saved("JPEG2000", precinct_size=(32, 32))),
    "JPEG 2000 with transparency": (PictureFormat.JPEG2000, lambda: saved("JPEG2000", "RGBA")),
    "JPEG 2000 of 16 bits": (PictureFormat.JPEG2000, lambda: saved("JPEG2000", "I;16")),
    "JPEG 2000 with a colour profile": (PictureFormat.JPEG2000, lambda: bombs.jp2_with_profile(SECRET)),
    "BMP": (PictureFormat.BMP, lambda: saved("BMP")),
    "BMP with a palette": (PictureFormat.BMP, lambda: saved("BMP", "P")),
}


def fault(data: bytes) -> PictureFault:
    with pytest.raises(PictureError) as caught:
        read_photograph(data)
    return caught.value.fault


@pytest.mark.parametrize("what", FORMS)
def test_the_essence_shows_the_same_picture_and_says_nothing_else(what: str) -> None:
    kind, made = FORMS[what]
    data = made()
    found = read_photograph(data)
    assert found.format is kind
    assert found.orientation == UPRIGHT
    assert SECRET not in found.essence
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(found.essence)) as after:
        assert (before.mode, before.size) == (after.mode, after.size)
        assert np.array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_way_it_was_held_is_read_from_each_format(kind: str, orientation: int) -> None:
    mark = Image.Exif()
    mark[0x0112] = orientation
    found = read_photograph(saved(kind, exif=mark))
    assert found.orientation == orientation
    with Image.open(io.BytesIO(found.essence)) as image:
        assert image.getexif().get(0x0112, 1) == 1, "nobody turns it a second time"


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"II+\0", b"\0\0\0\x18ftypisom", b"1.1:"]
)
def test_other_formats_are_not_read(data: bytes) -> None:
    assert fault(data) is PictureFault.OTHER_FORMAT


@pytest.mark.parametrize("brand", ["heic", "heix", "mif1"])
def test_a_format_that_people_send_is_named(brand: str) -> None:
    assert fault(b"\0\0\0\x1cftyp" + brand.encode()) is PictureFault.HEIC
    assert fault(b"GIF87a") is fault(b"GIF89a") is PictureFault.GIF
    assert fault(b"1.001:00145\x1d") is fault(b"1.01:00145\x1d") is PictureFault.NIST_PACKAGE


@pytest.mark.parametrize("what", bombs.REFUSED)
def test_what_costs_too_much_is_refused(what: str) -> None:
    assert fault(bombs.REFUSED[what]()) is not PictureFault.DAMAGED


@pytest.mark.parametrize("what", FORMS)
def test_a_file_cut_anywhere_is_refused_or_whole(what: str) -> None:
    data = FORMS[what][1]()
    for end in range(0, len(data) - 1, max(1, len(data) // 60)):
        try:
            found = read_photograph(data[:end])
        except PictureError:
            continue
        # What stands beyond the pixels may be missing; the decoder says whether they are all there.
        assert found.format in (PictureFormat.BMP, PictureFormat.TIFF)


def test_scans_are_bounded_together_with_pixels() -> None:
    side = 7_000
    scans = MAX_SCAN_PIXELS // side**2
    assert read_photograph(scan_bomb(side, side, scans)).format is PictureFormat.JPEG
    assert scans < MAX_SCANS
    assert fault(scan_bomb(side, side, scans + 1)) is PictureFault.TOO_COSTLY


BROKEN: dict[str, Callable[[], bytes]] = {
    "a PNG with a wrong check sum": lambda: saved("PNG").replace(b"IDAT", b"IDAT\1", 1)[:-1],
    "a PNG without a header": lambda: png.SIGNATURE + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b""),
    "a PNG without a picture": lambda: (
        png.SIGNATURE + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + png_chunk(b"IEND", b"")
    ),
    "a PNG with two headers": lambda: png_with(png_chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 0, 0, 0, 0))),
    "a WebP of no picture": lambda: b"RIFF\x04\0\0\0WEBP",
    "a WebP longer than its file": lambda: b"RIFF\xff\0\0\0WEBP",
    "a TIFF without a directory": lambda: b"II*\0\xff\0\0\0",
    "a TIFF with a directory beyond its end": lambda: b"II*\0\x08\0\0\0\xff\0" + bytes(100),
    "a TIFF with strips beyond its end": lambda: bombs.tiff({256: (3, 1, 8), 273: (4, 1, 9999), 279: (4, 1, 1)}),
    "a TIFF with an entry beyond its end": lambda: bombs.tiff({273: (4, 9, 9999), 279: (4, 1, 1)}),
    "a JPEG 2000 of boxes alone": lambda: jpeg2000.SIGNATURE,
    "a JPEG 2000 whose boxes say another size": lambda: bombs.jp2_with_size(65, bombs.SIDE),
    "a JPEG 2000 whose tiles begin beyond it": lambda: bombs.codestream_with(siz=bombs.siz(tile_at=(99, 0))),
    "a JPEG 2000 without a coding style": lambda: bombs.codestream_with(cod=b""),
    "a JPEG 2000 coded in two ways": lambda: bombs.codestream_with(cod=bombs.cod() * 2),
    "a JPEG 2000 of no layers": lambda: bombs.codestream_with(cod=bombs.cod(layers=0)),
    "a BMP of a header": lambda: b"BM" + bytes(20),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_refused(what: str) -> None:
    assert fault(BROKEN[what]()) is PictureFault.DAMAGED


def test_parts_are_counted() -> None:
    empty = png_chunk(b"teXt", b"")
    assert read_photograph(png_with(empty * (png.MAX_CHUNKS - 10))).format is PictureFormat.PNG
    assert fault(png_with(empty * png.MAX_CHUNKS)) is PictureFault.TOO_COSTLY
    picture = saved("WEBP")[12:]
    many = b"none\0\0\0\0" * webp.MAX_CHUNKS + picture
    assert fault(b"RIFF" + struct.pack("<I", len(many) + 4) + b"WEBP" + many) is PictureFault.TOO_COSTLY
    entries = {1_000 + number: (3, 1, 1) for number in range(tiff.MAX_ENTRIES + 1)}
    assert fault(bombs.tiff(entries)) is PictureFault.TOO_COSTLY
    strips = {273: (4, tiff.MAX_STRIPS + 1, 8), 279: (4, 1, 1)}
    assert fault(bombs.tiff(strips, bytes(500_000))) is PictureFault.TOO_COSTLY


UNREAD: dict[str, Callable[[], bytes]] = {
    "one with a palette": lambda: bombs.jp2_with(bombs.jp2_box(b"pclr", b"\0\1\3\7\7\7\0\0\0")),
    "one in four printing colours": lambda: bombs.jp2_with(bombs.jp2_box(b"colr", b"\1\0\0\0\0\0\x0c")),
    "one of five channels": lambda: bombs.codestream_with(siz=bombs.siz(channels=5)),
    "one of 17 bits": lambda: bombs.codestream_with(siz=bombs.siz(bits=17)),
    "one whose tiles are coded by themselves": lambda: bombs.codestream_with(tile=bombs.cod()),
    "one that changes its order": lambda: bombs.codestream_with(cod=bombs.cod() + b"\xff\x5f\0\2"),
}


@pytest.mark.parametrize("what", UNREAD)
def test_kinds_of_jpeg2000_whose_cost_nobody_foresees_are_not_read(what: str) -> None:
    assert fault(UNREAD[what]()) is PictureFault.OTHER_FORMAT


def test_a_jpeg2000_without_marks_of_its_end_is_read_up_to_it() -> None:
    """The last part of a tile may say nothing of its length."""
    data = bytearray(saved("JPEG2000", no_jp2=True))
    at = data.index(b"\xff\x90\0\x0a")
    data[at + 6 : at + 10] = bytes(4)
    assert read_photograph(bytes(data)).essence == read_photograph(saved("JPEG2000", no_jp2=True)).essence
    assert fault(bytes(data[:-2])) is PictureFault.DAMAGED


def test_pieces_of_a_png_become_one() -> None:
    data = saved("PNG")
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    packed = data[at + 4 : at + 4 + length]
    pieces = b"".join(png_chunk(b"IDAT", packed[start : start + 7]) for start in range(0, length, 7))
    found = read_photograph(data[: at - 4] + pieces + data[at + 8 + length :])
    assert found.essence.count(b"IDAT") == 1
    with Image.open(io.BytesIO(found.essence)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(drawing()))


def test_no_block_of_metadata_raises_anything() -> None:
    random = np.random.default_rng(8)
    mark = Image.Exif()
    mark[0x0112] = 6
    good = mark.tobytes().removeprefix(b"Exif\0\0")
    assert orientation(good) == 6
    for _ in range(2_000):
        block = bytearray(good)
        for place in random.integers(0, len(block), 3):
            block[place] = random.integers(256)
        assert 1 <= orientation(bytes(block[: random.integers(len(block) + 1)])) <= 8


@pytest.mark.parametrize("what", FORMS)
def test_no_byte_string_raises_anything_else(what: str) -> None:
    random = np.random.default_rng(9)
    good = FORMS[what][1]()
    for _ in range(200):
        data = bytearray(good)
        for place in random.integers(0, min(len(data), 400), 4):
            data[place] = random.integers(256)
        if bytes(data[:2]) == b"BM":
            continue
        with suppress(PictureError):
            read_photograph(bytes(data))


def test_a_critical_chunk_that_nobody_knows_is_not_read() -> None:
    assert fault(png_with(png_chunk(b"QUIT", zlib.compress(b"x")))) is PictureFault.OTHER_FORMAT
