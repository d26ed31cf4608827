"""The same portrait in every kind of file that agencies send gives the same face."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.server.recognition.enrolment import Enroller
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import engine

PORTRAIT = Image.fromarray(astronaut()[:, :, ::-1])


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def sideways(orientation: int, turn: Image.Transpose) -> bytes:
    """As a phone that was held sideways stores it: turned, and a mark that says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(PORTRAIT.transpose(turn), "JPEG", exif=exif, quality=95)


def cut_out() -> bytes:
    """The person before nothing, as a cut-out has it: what is transparent holds rubbish that must not be seen."""
    pixels = np.array(PORTRAIT.convert("RGBA"))
    pixels[:, :120] = (255, 0, 255, 0)
    return saved(Image.fromarray(pixels), "PNG")


def deep_colour(suffix: str) -> bytes:
    """Sixteen bits a colour."""
    return cv2.imencode(suffix, astronaut().astype(np.uint16) * 257)[1].tobytes()


KINDS: dict[str, Callable[[], bytes]] = {
    "turned right": lambda: sideways(6, Image.Transpose.ROTATE_90),
    "upside down": lambda: sideways(3, Image.Transpose.ROTATE_180),
    "turned left": lambda: sideways(8, Image.Transpose.ROTATE_270),
    "mirrored": lambda: sideways(2, Image.Transpose.FLIP_LEFT_RIGHT),
    "grey": lambda: saved(PORTRAIT.convert("L"), "JPEG", quality=95),
    "CMYK": lambda: saved(PORTRAIT.convert("CMYK"), "JPEG", quality=95),
    "CMYK, TIFF": lambda: saved(PORTRAIT.convert("CMYK"), "TIFF"),
    "grey of 16 bits": lambda: saved(Image.fromarray(np.asarray(PORTRAIT.convert("L")).astype(np.uint16) * 257), "PNG"),
    "colour of 16 bits, PNG": lambda: deep_colour(".png"),
    "WebP": lambda: saved(PORTRAIT, "WEBP", quality=90),
    "WebP with transparency": lambda: saved(PORTRAIT.convert("RGBA"), "WEBP", quality=90),
    "transparent": cut_out,
    "grey with transparency": lambda: saved(PORTRAIT.convert("LA"), "PNG"),
    "palette": lambda: saved(PORTRAIT.quantize(256), "PNG"),
    "black and white dots": lambda: saved(PORTRAIT.resize((1024, 1024)).convert("1"), "TIFF"),
    "BMP": lambda: saved(PORTRAIT, "BMP"),
    "LZW, TIFF": lambda: saved(PORTRAIT, "TIFF", compression="tiff_lzw"),
    "progressive": lambda: saved(PORTRAIT, "JPEG", quality=95, progressive=True),
}
LEAST = {"grey": 0.85, "grey of 16 bits": 0.85, "grey with transparency": 0.85, "palette": 0.94}
"""Where colour is lost the template differs a little. The least cosine is 0.95 else."""


@pytest.fixture(scope="module")
def enroller() -> Enroller:
    return Enroller(engine().detector, engine().recogniser)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_shows_the_same_face(enroller: Enroller, kind: str) -> None:
    plain, found = enroller.enrol(saved(PORTRAIT, "PNG")), enroller.enrol(KINDS[kind]())
    assert float(found.template @ plain.template) > LEAST.get(kind, 0.95)
    enlarged = 2 if kind == "black and white dots" else 1
    assert found.figures.eye_distance_px == pytest.approx(plain.figures.eye_distance_px * enlarged, rel=0.05)
    assert found.figures.faces == 1


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_picture_that_lies_without_saying_so_is_turned(enroller: Enroller, quarters: int) -> None:
    plain = enroller.enrol(saved(PORTRAIT, "PNG"))
    found = enroller.enrol(saved(PORTRAIT.rotate(90 * quarters), "PNG"))
    assert float(found.template @ plain.template) > 0.95
    assert (EnrolmentWarning.PICTURE_TURNED in found.warnings) == bool(quarters)
    assert EnrolmentWarning.PICTURE_TURNED not in plain.warnings
