"""What decoding takes is never more than what was taken for it from the budget, measured in processes of their own."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition import photographs
from cekalwatch.server.recognition.photographs import decode_photograph
from tests.support.repository import ROOT

SIDE = 4500
MEASURE = """
import io, os, sys
from pathlib import Path
import numpy, PIL.ImageCms
from PIL import Image, ImageOps
from cekalwatch.server.recognition import photographs
from tests.support.tools.own_memory import peak_bytes

small = io.BytesIO()
Image.new("RGB", (2100, 2100)).save(small, "PNG")
for file in sys.argv[1:]:
    if os.fork():
        os.wait()
        continue
    photographs.decode_photograph(small.getvalue())
    data, before = Path(file).read_bytes(), peak_bytes()
    photographs.decode_photograph(data)
    with Image.open(io.BytesIO(data)) as image:
        print(peak_bytes() - before, photographs._memory(image), flush=True)
    os._exit(0)
"""


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def plain(mode: str) -> Image.Image:
    return Image.new(mode, (SIDE, SIDE))


PICTURES: dict[str, Callable[[], bytes]] = {
    "JPEG of several scans": lambda: saved(plain("RGB"), "JPEG", progressive=True, subsampling=0),
    "JPEG of four colours": lambda: saved(plain("CMYK"), "JPEG", progressive=True),
    "PNG": lambda: saved(plain("RGB"), "PNG", compress_level=1),
    "PNG with transparency": lambda: saved(plain("RGBA"), "PNG", compress_level=1),
    "PNG with a palette": lambda: saved(plain("P"), "PNG", transparency=0),
    "PNG of 16 bits": lambda: saved(Image.fromarray(np.zeros((SIDE, SIDE), np.uint16)), "PNG", compress_level=1),
    "WebP": lambda: saved(plain("RGBA"), "WEBP", method=0),
    "TIFF of floats": lambda: saved(
        Image.fromarray(np.zeros((SIDE, SIDE), np.float32)), "TIFF", compression="tiff_deflate", strip_size=2**31 - 1
    ),
    "TIFF of four colours": lambda: saved(plain("CMYK"), "TIFF", compression="tiff_lzw", strip_size=2**31 - 1),
    "BMP": lambda: saved(plain("1"), "BMP"),
    "JPEG 2000": lambda: saved(Image.new("RGB", (3600, 2700)), "JPEG2000"),
    "JPEG 2000 with transparency": lambda: saved(Image.new("RGBA", (3000, 2500)), "JPEG2000"),
    "JPEG 2000 of 16 bits": lambda: saved(
        Image.fromarray(np.zeros((SIDE, SIDE), np.uint16)), "JPEG2000", tile_size=(512, 512)
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process's peak")
def test_decoding_takes_no_more_memory_than_was_foreseen_from_the_header(tmp_path: Path):
    files = [tmp_path / str(number) for number in range(len(PICTURES))]
    for file, picture in zip(files, PICTURES.values(), strict=True):
        file.write_bytes(picture())
    command = (sys.executable, "-c", MEASURE, *map(str, files))
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures = [tuple(map(int, line.split())) for line in told.stdout.splitlines()]
    found = dict(zip(PICTURES, figures, strict=True))
    assert {what: taken for what, (taken, foreseen) in found.items() if taken > foreseen} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode", "side"), [("WEBP", "RGB", 5000), ("JPEG", "CMYK", 7000), ("TIFF", "RGB", 6400)]
)
def test_a_format_that_takes_more_memory_may_have_fewer_pixels(kind: str, mode: str, side: int):
    assert side**2 < photographs.MAX_PHOTO_PIXELS
    with pytest.raises(CekalwatchError) as caught:
        decode_photograph(saved(Image.new(mode, (side, side)), kind, method=0))
    assert caught.value.code is Code.PHOTO_TOO_LARGE


@pytest.mark.parametrize("size", [(100_000, 1), (1, 100_000), (2001, 1), (9001, 3)])
def test_a_picture_that_is_all_length_is_read(size: tuple[int, int]):
    picture = decode_photograph(saved(Image.new("L", size, 77), "PNG"))
    assert max(picture.shape[:2]) == 2000
    assert min(picture.shape[:2]) >= 1
    assert (picture == 77).all()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "I;16", "F"])
def test_scaling_in_bands_shows_the_same_as_scaling_at_once(mode: str):
    across, down = (np.linspace(0, 127.5, pixels, dtype=np.float32) for pixels in (5003, 4001))
    ramp = (across + down[:, None]).round()
    grey = Image.fromarray(ramp.astype(np.uint8))
    deep: dict[str, Any] = {"F": ramp, "I;16": (ramp * 256).astype(np.uint16)}
    large = Image.fromarray(deep[mode]) if mode in deep else grey.convert(mode)
    data = saved(large, "TIFF", compression="tiff_deflate") if mode == "F" else saved(large, "PNG", compress_level=1)
    found = decode_photograph(data)[:, :, 0].astype(float)
    at_once = np.asarray(grey.resize((2000, 1600), Image.Resampling.BOX), dtype=float)
    assert found.shape == at_once.shape
    assert np.abs(found - at_once).max() < 4
