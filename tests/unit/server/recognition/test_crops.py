from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import decode_crop
from cekalwatch.wire.bounds import MAX_CROP_BYTES
from tests.support.builders.portraits import astronaut, encoded, wall


def saved(picture: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def refused(data: bytes) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        decode_crop(data)
    return caught.value.code


def claiming(data: bytes, width: int, height: int) -> bytes:
    """The JPEG with another size in its frame header."""
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]


def test_a_crop_comes_out_as_it_went_in():
    crop = astronaut()[50:300, 100:300]
    decoded = decode_crop(encoded(crop, quality=95))
    assert decoded.shape == (250, 200, 3)
    assert np.abs(decoded.astype(int) - crop).mean() < 3


def test_a_grey_crop_is_decoded():
    grey = Image.fromarray(astronaut()[:200, :200, ::-1]).convert("L")
    assert decode_crop(saved(grey, format="JPEG")).shape == (200, 200, 3)


def test_a_progressive_crop_is_refused():
    colours = Image.fromarray(astronaut()[:200, :200, ::-1])
    assert refused(saved(colours, format="JPEG", progressive=True)) is Code.CROP_NOT_JPEG


def test_a_crop_of_four_colours_is_refused():
    ink = Image.fromarray(astronaut()[:200, :200, ::-1]).convert("CMYK")
    assert refused(saved(ink, format="JPEG")) is Code.CROP_NOT_JPEG


def test_landmarks_stay_right_since_no_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    data = saved(Image.fromarray(astronaut()[:100, :200, ::-1]), format="JPEG", exif=exif)
    assert decode_crop(data).shape == (100, 200, 3)


@pytest.mark.parametrize("data", [b"", b"\xff", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_is_no_jpeg_is_refused(data: bytes):
    assert refused(data) is Code.CROP_NOT_JPEG


def test_another_format_is_refused():
    assert refused(encoded(wall(100, 100), ".png")) is Code.CROP_NOT_JPEG


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_crop_is_refused(part: float):
    data = encoded(astronaut()[:200, :200])
    assert refused(data[: int(len(data) * part)]) in (Code.CROP_DAMAGED, Code.CROP_NOT_JPEG)


def test_bytes_after_the_picture_are_refused():
    assert refused(encoded(astronaut()[:200, :200]) + b"more") is Code.CROP_DAMAGED


def test_a_header_without_a_picture_is_refused():
    data = encoded(astronaut()[:200, :200])
    assert refused(data[: data.index(b"\xff\xda")] + b"\xff\xd9") is Code.CROP_DAMAGED


def test_too_many_bytes_are_refused_unread():
    assert refused(b"\xff\xd8\xff" + b"\0" * MAX_CROP_BYTES) is Code.CROP_TOO_LARGE


@pytest.mark.parametrize(("width", "height"), [(8000, 6250), (60000, 60000), (65500, 62)])
def test_fifty_megapixels_are_refused_before_they_are_decoded(width: int, height: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    assert refused(claiming(encoded(wall(64, 64)), width, height)) is Code.CROP_TOO_MANY_PIXELS


def test_no_byte_string_raises_anything_else():
    good = bytearray(encoded(astronaut()[:64, :64]))
    random = np.random.default_rng(5)
    for _ in range(400):
        data = bytearray(good)
        for place in random.integers(2, len(data) - 2, 6):
            data[place] = random.integers(256)
        try:
            picture = decode_crop(bytes(data))
        except CekalwatchError as error:
            assert error.code.name.startswith("CROP_")  # noqa: PT017  # either may come
        else:
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
