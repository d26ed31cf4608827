from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from cekalwatch.camera.sources.stream_health import FIRST_PATIENCE_S, StreamFault, StreamHealth
from cekalwatch.vision.faces import Picture
from tests.support.builders.scenes import background

RATE = 15
WALL = background(640, 360)


def live(number: int, noise: float = 1.5) -> Picture:
    """The wall as a camera sees it: with the noise of its sensor."""
    random = np.random.default_rng(number)
    return np.clip(WALL + random.normal(0, noise, WALL.shape), 0, 255).astype(np.uint8)


def encoded(quality: int) -> Picture:
    """The wall, encoded."""
    jpeg = cv2.imencode(".jpg", WALL, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def grey_from(row: int) -> Picture:
    """What a decoder without key frame shows: some of the picture, and its own grey."""
    picture = live(0)
    picture[row:] = 130
    return picture


def faults(health: StreamHealth, pictures: Iterable[Picture], begin_s: float = 0.0) -> list[tuple[float, StreamFault]]:
    """Judge pictures of a camera; return the faults with their seconds since the beginning."""
    found = []
    for number, picture in enumerate(pictures):
        if fault := health.judge(picture, begin_s + number / RATE):
            found.append((number / RATE, fault))
            health.opened()
    return found


@pytest.mark.slow
def test_a_live_view_without_anybody_is_well() -> None:
    assert faults(StreamHealth(), (live(number) for number in range(10 * RATE))) == []


@pytest.mark.parametrize(
    "picture",
    [
        lambda _: WALL,
        # A key frame each second, which differs a little from what followed the one before.
        lambda number: encoded(80 + number // RATE % 3 * 5),
    ],
    ids=["bit-identical", "encoded again"],
)
def test_the_same_picture_again_and_again_is_noticed_within_five_seconds(picture: Callable[[int], Picture]) -> None:
    found = faults(StreamHealth(), (picture(number) for number in range(5 * RATE)))
    assert [fault for _, fault in found] == [StreamFault.REPEATS]


def test_a_large_clock_in_the_picture_shows_that_it_lives() -> None:
    def with_clock(number: int) -> Picture:
        picture = WALL.copy()
        cv2.putText(picture, f"12:00:{number // RATE:02}", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
        return picture

    assert faults(StreamHealth(), (with_clock(number) for number in range(10 * RATE))) == []


def test_where_opening_brings_the_same_picture_it_is_tried_ever_more_rarely() -> None:
    seconds = [at for at, _ in faults(StreamHealth(), (WALL for _ in range(40 * RATE)))]
    assert np.diff(seconds) == pytest.approx([2 * FIRST_PATIENCE_S, 4 * FIRST_PATIENCE_S], abs=0.7)


def test_where_opening_brings_another_picture_the_next_repeat_is_noticed_as_soon() -> None:
    health, number = StreamHealth(), 0
    somebody = WALL.copy()
    somebody[100:200, 100:150] = 30
    for picture in (WALL, somebody, WALL):
        begin = number
        while health.judge(picture, number / RATE) is None:
            number += 1
        assert number - begin < 5 * RATE
        health.opened()


def test_another_size_is_noticed_at_once() -> None:
    pictures = [live(number) for number in range(3)] + [np.ascontiguousarray(live(3)[::2, ::2])]
    assert faults(StreamHealth(), pictures) == [(3 / RATE, StreamFault.SIZE_CHANGED)]


@pytest.mark.parametrize("row", [0, 180])
def test_a_decoders_grey_is_noticed_within_five_seconds(row: int) -> None:
    found = faults(StreamHealth(), [live(0)] + [grey_from(row) for _ in range(5 * RATE)])
    assert [fault for _, fault in found] == [StreamFault.GREY]


@pytest.mark.slow
def test_a_grey_wall_is_not_a_decoders_grey() -> None:
    wall = np.full((360, 640, 3), 129.0) + np.linspace(-12, 12, 640)[None, :, None]

    def seen(number: int) -> Picture:
        random = np.random.default_rng(number)
        return np.clip(wall + random.normal(0, 1.5, wall.shape), 0, 255).astype(np.uint8)

    assert faults(StreamHealth(), (seen(number) for number in range(10 * RATE))) == []
