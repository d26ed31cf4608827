"""The markers of JPEGs: what is read from them, and what is never decoded."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cekalwatch.pictures.errors import PictureError, PictureFault
from cekalwatch.pictures.jpeg import MAX_SCANS, MAX_SEGMENTS, Coding, read_jpeg, read_plain_jpeg
from tests.support.builders.jpegs import (
    ARITHMETIC,
    BASELINE,
    END,
    EXTENDED,
    LOSSLESS,
    PROGRESSIVE,
    START,
    frame,
    grey_blocks,
    plain_jpeg,
    repeated_scans,
    scan,
    scan_bomb,
    segment,
    tables,
)
from tests.support.builders.portraits import astronaut, encoded

GREY = grey_blocks(8, 8)
MANY = 10**9


def saved(**options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(astronaut()[:100, :200, ::-1]).save(out, "JPEG", **options)
    return out.getvalue()


def fault(data: bytes) -> PictureFault:
    with pytest.raises(PictureError) as caught:
        read_plain_jpeg(data, MANY)
    return caught.value.fault


def test_what_opencv_writes_is_plain_and_comes_out_unchanged() -> None:
    data = encoded(astronaut()[:100, :200])
    found = read_plain_jpeg(data, MANY)
    assert (found.coding, found.width, found.height, found.colours, found.scans) == (Coding.BASELINE, 200, 100, 3, 1)
    assert found.essence == data


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 3}])
def test_what_pillow_writes_is_read_whatever_its_options(options: dict[str, object]) -> None:
    data = saved(**options)
    found = read_jpeg(data)
    assert (found.width, found.height) == (200, 100)
    assert (found.scans > 1) == ("progressive" in options)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(found.essence)) as after:
        assert np.array_equal(np.asarray(before), np.asarray(after))


def test_metadata_and_what_follows_the_end_are_left_out() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(exif=exif, comment=b"a comment", icc_profile=b"profile" * 20_000) + b"more"
    found = read_jpeg(data)
    assert found.trailing == 4
    assert found.exif.startswith((b"MM", b"II"))
    for part in (b"a comment", b"profile", b"Exif", b"more"):
        assert part in data
        assert part not in found.essence


def test_fill_bytes_before_markers_are_no_damage() -> None:
    data = plain_jpeg()
    assert read_plain_jpeg(data.replace(END, b"\xff" * 1000 + END), MANY).essence == data


PLAIN = tables() + frame(BASELINE, 8, 8)
NOT_PLAIN: dict[str, tuple[PictureFault, Callable[[], bytes]]] = {
    "nothing": (PictureFault.OTHER_FORMAT, lambda: b""),
    "no JPEG": (PictureFault.OTHER_FORMAT, lambda: b"\x89PNG\r\n\x1a\n"),
    "its start alone": (PictureFault.DAMAGED, lambda: START),
    "progressive": (PictureFault.OTHER_FORMAT, lambda: saved(progressive=True)),
    "extended": (
        PictureFault.OTHER_FORMAT,
        lambda: START + tables() + frame(EXTENDED, 8, 8) + scan(data=GREY) + END,
    ),
    "arithmetic coding": (PictureFault.OTHER_FORMAT, lambda: START + frame(ARITHMETIC, 8, 8) + scan() + END),
    "lossless": (PictureFault.OTHER_FORMAT, lambda: START + frame(LOSSLESS, 8, 8) + scan() + END),
    "twelve bits": (PictureFault.OTHER_FORMAT, lambda: START + frame(BASELINE, 8, 8, bits=12) + scan() + END),
    "two colours": (PictureFault.OTHER_FORMAT, lambda: START + frame(BASELINE, 8, 8, 2) + scan(2) + END),
    "four colours": (PictureFault.OTHER_FORMAT, lambda: START + frame(BASELINE, 8, 8, 4) + scan(4) + END),
    "a scan for each colour": (PictureFault.OTHER_FORMAT, lambda: repeated_scans(8, 8, 3)),
    "a colour scanned twice": (PictureFault.TOO_COSTLY, lambda: repeated_scans(8, 8, 4)),
    "a colour not scanned": (PictureFault.DAMAGED, lambda: START + frame(BASELINE, 8, 8, 3) + scan(only=1) + END),
    "an unknown colour": (PictureFault.DAMAGED, lambda: START + PLAIN + scan(only=9) + END),
    "no scan": (PictureFault.DAMAGED, lambda: START + PLAIN + END),
    "no frame": (PictureFault.DAMAGED, lambda: START + tables() + scan() + END),
    "two frames": (PictureFault.DAMAGED, lambda: START + PLAIN + frame(BASELINE, 9, 9) + scan() + END),
    "no height yet": (
        PictureFault.DAMAGED,
        lambda: START + tables() + frame(BASELINE, 8, 0) + scan(data=GREY) + segment(0xDC, b"\0\x08") + END,
    ),
    "a height that comes later": (PictureFault.OTHER_FORMAT, lambda: START + segment(0xDC, b"\0\x08") + END),
    "a picture in a picture": (PictureFault.DAMAGED, lambda: START + START + PLAIN + scan(data=GREY) + END),
    "restart markers outside a scan": (PictureFault.DAMAGED, lambda: START + b"\xff\xd0" + PLAIN + scan() + END),
    "bytes between segments": (PictureFault.DAMAGED, lambda: START + b"\0" + PLAIN + scan(data=GREY) + END),
    "a segment longer than the file": (PictureFault.DAMAGED, lambda: START + b"\xff\xe0\xff\xff" + bytes(99)),
    "a segment shorter than its length": (PictureFault.DAMAGED, lambda: START + b"\xff\xe0\0\1" + bytes(99)),
    "no end": (PictureFault.DAMAGED, lambda: plain_jpeg().removesuffix(END)),
    "bytes after its end": (PictureFault.DAMAGED, lambda: plain_jpeg() + b"\0"),
    "another picture after its end": (PictureFault.DAMAGED, lambda: plain_jpeg() * 2),
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_a_picture_that_is_not_plain_has_its_fault(what: str) -> None:
    expected, made = NOT_PLAIN[what]
    assert fault(made()) is expected


def test_more_pixels_than_asked_for_are_refused() -> None:
    assert read_plain_jpeg(plain_jpeg(100, 40), 4000).pixels == 4000
    with pytest.raises(PictureError) as caught:
        read_plain_jpeg(plain_jpeg(100, 41), 4000)
    assert caught.value.fault is PictureFault.TOO_LARGE


def test_scans_and_segments_are_counted() -> None:
    assert read_jpeg(scan_bomb(80, 80, MAX_SCANS)).scan_pixels == 6400 * MAX_SCANS
    assert fault(scan_bomb(80, 80, MAX_SCANS + 1)) is PictureFault.TOO_COSTLY
    comment = segment(0xFE, b"")
    assert read_jpeg(START + comment * (MAX_SEGMENTS - 6) + plain_jpeg()[2:]).scans == 1
    assert fault(START + comment * MAX_SEGMENTS + plain_jpeg()[2:]) is PictureFault.TOO_COSTLY


def test_a_second_scan_may_not_hide_behind_restart_markers_or_stuffed_bytes() -> None:
    data = GREY + b"\xff\0\xff\xd0" + b"\xff\xff" + scan(data=GREY)[1:]
    assert fault(START + PLAIN + scan(data=data) + END) is PictureFault.TOO_COSTLY
    data = GREY + b"\xff\0\xff\xd0\xff\xd7" + GREY
    assert read_plain_jpeg(START + PLAIN + scan(data=data) + END, MANY).scans == 1


def test_no_byte_string_raises_anything_else() -> None:
    random = np.random.default_rng(4)
    for good in (encoded(astronaut()[:48, :48]), saved(progressive=True)):
        for _ in range(500):
            data = bytearray(good)
            for place in random.integers(2, min(len(data), 700), 4):
                data[place] = random.integers(256)
            try:
                found = read_jpeg(bytes(data))
            except PictureError:
                continue
            assert 0 < found.scans <= MAX_SCANS
            size = struct.pack(">HH", found.height, found.width)
            assert size in found.essence


def test_a_progressive_frame_is_told_apart() -> None:
    assert read_jpeg(START + tables() + frame(PROGRESSIVE, 8, 8) + scan(last=0) + END).coding is Coding.PROGRESSIVE
