from __future__ import annotations

import numpy as np
import pytest

from cekalwatch.camera.detection.pipeline import IDLE_S, KNOWN_S, MotionGate
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.region import Region
from tests.support.builders.camera import face_at
from tests.support.builders.scenes import background

FRAME_S = 1 / 15
WALL = background(1280, 720)


def seen(number: int, *people: tuple[float, float, float], noise: float = 3) -> Picture:
    """The wall with heads and bodies; each has x, y and the width of its face, 100 for 40 between the eyes."""
    picture = WALL + np.random.default_rng(number).normal(0, noise, WALL.shape)
    for x, y, width in people:
        half = width / 2
        picture[int(y - half) :, int(x - half) : int(x + half)] = 60
    return np.clip(picture, 0, 255).astype(np.uint8)


def searched_at(attention: MotionGate, pictures: list[Picture], faces: list[Face], *, all_known: bool) -> list[float]:
    """Show the pictures; return the seconds of those that were searched. `faces` are found in each."""
    seconds = []
    for number, picture in enumerate(pictures):
        if attention.wants(picture, number * FRAME_S):
            seconds.append(number * FRAME_S)
            attention.searched(picture, number * FRAME_S, faces, all_known=all_known)
    return seconds


@pytest.mark.slow
def test_an_empty_scene_is_searched_once_a_second() -> None:
    seconds = searched_at(MotionGate(), [seen(number) for number in range(45)], [], all_known=True)
    assert np.diff([*seconds]) == pytest.approx([IDLE_S] * 2, abs=1.5 * FRAME_S)


@pytest.mark.parametrize("width", [80, 200])
def test_who_comes_in_is_searched_for_in_the_same_frame(width: float) -> None:
    attention = MotionGate()
    attention.searched(seen(0), 0, [], all_known=True)
    assert not attention.wants(seen(1), FRAME_S)
    assert attention.wants(seen(2, (120, 400, width)), 2 * FRAME_S)


def test_a_slow_change_adds_up() -> None:
    attention = MotionGate()
    attention.searched(seen(0, noise=0), 0, [], all_known=True)
    drift = [np.clip(seen(0, noise=0).astype(np.int16) + step, 0, 255).astype(np.uint8) for step in range(12)]
    wanted = [attention.wants(picture, 0.01 * number) for number, picture in enumerate(drift)]
    assert not wanted[5]
    assert wanted[11]


def test_somebody_of_whom_nothing_was_sent_yet_is_followed_in_each_frame() -> None:
    person = (640.0, 300.0, 100.0)
    pictures = [seen(number, person) for number in range(15)]
    seconds = searched_at(MotionGate(), pictures, [face_at(*person)], all_known=False)
    assert len(seconds) == 15


@pytest.mark.slow
def test_known_people_are_followed_more_rarely_and_what_is_new_at_once() -> None:
    def walking(number: int) -> tuple[float, float, float]:
        return (400.0 + 4 * number, 300.0, 100.0)

    attention, count = MotionGate(), 0
    for number in range(30):
        if attention.wants(seen(number, walking(number)), number * FRAME_S):
            count += 1
            attention.searched(
                seen(number, walking(number)), number * FRAME_S, [face_at(*walking(number))], all_known=True
            )
    assert count == pytest.approx(30 * FRAME_S / (2 * FRAME_S), abs=1)
    assert 2 * FRAME_S >= KNOWN_S > FRAME_S
    attention.searched(seen(30, walking(30)), 30 * FRAME_S, [face_at(*walking(30))], all_known=True)
    assert not attention.wants(seen(31, walking(31)), 31 * FRAME_S)
    assert attention.wants(seen(31, walking(31), (1200, 300, 80)), 31 * FRAME_S)


def test_what_moves_outside_the_region_does_not_count() -> None:
    attention = MotionGate(Region([(0, 0), (0.5, 1)]))
    attention.searched(seen(0), 0, [], all_known=True)
    assert not attention.wants(seen(1, (1000, 300, 150)), FRAME_S)
    assert attention.wants(seen(2, (300, 300, 150)), 2 * FRAME_S)


def test_a_picture_of_another_size_is_searched() -> None:
    attention = MotionGate()
    attention.searched(seen(0), 0, [], all_known=True)
    assert attention.wants(np.zeros((480, 640, 3), np.uint8), FRAME_S)
