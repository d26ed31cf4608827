"""The pictures that are kept and shown: bounded, encoded here, and hardly different from what came."""

from __future__ import annotations

import numpy as np
import pytest

from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.server.recognition.crops import MAX_PROBE_BYTES, PROBE_SIDE, decode_crop, face_jpeg, probe_jpeg
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_CROP_PIXELS
from tests.support.builders.jpegs import segment
from tests.support.builders.portraits import astronaut, encoded


def noise(height: int, width: int) -> Picture:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("quality", [50, 85, 95])
def test_a_probe_that_is_encoded_anew_shows_what_the_crop_shows(quality: int) -> None:
    crop = encoded(astronaut()[:320, 60:380], quality=quality)
    before, after = decode_crop(crop).astype(int), decode_crop(probe_jpeg(crop)).astype(int)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 1.5


def test_nothing_of_a_crops_bytes_is_kept() -> None:
    crop = encoded(astronaut()[:320, 60:380])
    marked = crop[:2] + segment(0xE1, b"Exif\0\0 where and when") + crop[2:]
    assert probe_jpeg(marked) == probe_jpeg(crop)
    assert b"where and when" not in probe_jpeg(marked)


@pytest.mark.parametrize("size", [(1000, 1000), (120, 120), (4, 60_000), (60_000, 4), (1, 1)])
def test_a_probe_is_bounded_whatever_the_crop(size: tuple[int, int]) -> None:
    picture = noise(*size)
    crop = next(one for quality in (90, 20, 1) if len(one := encoded(picture, quality=quality)) <= MAX_CROP_BYTES)
    found = probe_jpeg(crop)
    assert len(found) <= MAX_PROBE_BYTES
    plain = read_plain_jpeg(found, MAX_CROP_PIXELS)
    assert max(plain.width, plain.height) <= PROBE_SIDE


@pytest.mark.parametrize("most", [60_000, 5_000, 1_500])
def test_a_picture_is_made_smaller_until_it_has_the_bytes_it_may_have(most: int) -> None:
    assert len(face_jpeg(noise(500, 400), 90, 480, most)) <= most
