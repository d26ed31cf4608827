from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition import photographs
from cekalwatch.server.recognition.photographs import LONG_SIDE, decode_photograph
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES
from tests.support.builders.portraits import astronaut

PORTRAIT = Image.fromarray(astronaut()[:, :, ::-1])


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def refused(data: bytes) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        decode_photograph(data)
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_usual_formats_show_the_same_portrait(kind: str):
    decoded = decode_photograph(saved(PORTRAIT, kind))
    assert decoded.shape == (512, 512, 3)
    assert np.abs(decoded.astype(int) - astronaut()).mean() < 8


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "YCbCr"])
def test_usual_colour_modes_become_bgr(mode: str):
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    decoded = decode_photograph(saved(PORTRAIT.convert(mode), kind))
    assert decoded.shape == (512, 512, 3)
    assert decoded.mean() == pytest.approx(astronaut().mean(), abs=12)


def test_a_cmyk_jpeg_keeps_its_light():
    decoded = decode_photograph(saved(PORTRAIT.convert("CMYK"), "JPEG"))
    assert np.abs(decoded.astype(int) - astronaut()).mean() < 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_keep_their_light(kind: str):
    grey = np.asarray(PORTRAIT.convert("L"))
    decoded = decode_photograph(saved(Image.fromarray(grey.astype(np.uint16) * 257), kind))
    assert np.abs(decoded[:, :, 0].astype(int) - grey).max() <= 1


def test_what_is_transparent_becomes_white():
    layer = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert (decode_photograph(saved(layer, "PNG")) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_sideways_gives_an_upright_photograph(orientation: int):
    turned_back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    upright = PORTRAIT.crop((100, 0, 400, 500))
    stored = upright if turned_back is None else upright.transpose(turned_back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_photograph(saved(stored, "JPEG", exif=exif, quality=95))
    assert decoded.shape == (500, 300, 3)
    assert np.abs(decoded.astype(int) - np.asarray(upright)[:, :, ::-1]).mean() < 6


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_photograph_is_scaled_down(kind: str):
    large = PORTRAIT.resize((5000, 4000))
    decoded = decode_photograph(saved(large, kind, compress_level=1))
    assert decoded.shape == (LONG_SIDE * 4 // 5, LONG_SIDE, 3)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xe0", b"%PDF-1.7", b"<svg/>"])
def test_what_is_no_picture_is_refused(data: bytes):
    assert refused(data) is Code.PHOTO_UNREADABLE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_photograph_is_refused(kind: str):
    data = saved(PORTRAIT, kind)
    assert refused(data[: len(data) // 2]) is Code.PHOTO_UNREADABLE


def test_too_many_bytes_are_refused():
    assert refused(saved(PORTRAIT, "PNG") + b"\0" * MAX_PHOTO_BYTES) is Code.PHOTO_TOO_LARGE


@pytest.mark.parametrize("side", [7100, 12_000, 60_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(side: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photographs, "_upright_bgr", lambda *_: pytest.fail("was decoded"))
    data = saved(Image.new("L", (8, 8)), "PNG")
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + data[24:29]
    claiming = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]
    assert refused(claiming) is Code.PHOTO_TOO_LARGE


def test_no_byte_string_raises_anything_else():
    random = np.random.default_rng(6)
    small = PORTRAIT.resize((48, 48))
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF"):
        good = saved(small, kind)
        for _ in range(60):
            data = bytearray(good)
            for place in random.integers(0, len(data), 5):
                data[place] = random.integers(256)
            try:
                assert decode_photograph(bytes(data)).ndim == 3
            except CekalwatchError as error:
                assert error.code in (Code.PHOTO_UNREADABLE, Code.PHOTO_TOO_LARGE)  # noqa: PT017  # either may come
