from __future__ import annotations

import numpy as np
import pytest

from cekalwatch.camera.detection.motion_gate import IDLE_S, KNOWN_S, WHOLE, Look, MotionGate
from cekalwatch.vision.faces import Face, Part, Picture
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
            attention.looked(picture, number * FRAME_S, faces, WHOLE, all_known=all_known)
    return seconds


@pytest.mark.slow
def test_an_empty_scene_is_searched_once_a_second() -> None:
    seconds = searched_at(MotionGate(), [seen(number) for number in range(45)], [], all_known=True)
    assert np.diff([*seconds]) == pytest.approx([IDLE_S] * 2, abs=1.5 * FRAME_S)


@pytest.mark.parametrize("width", [80, 200])
def test_who_comes_in_is_searched_for_in_the_same_frame(width: float) -> None:
    attention = MotionGate()
    attention.looked(seen(0), 0, [], WHOLE, all_known=True)
    assert not attention.wants(seen(1), FRAME_S)
    assert attention.wants(seen(2, (120, 400, width)), 2 * FRAME_S)


def test_a_slow_change_adds_up() -> None:
    attention = MotionGate()
    attention.looked(seen(0, noise=0), 0, [], WHOLE, all_known=True)
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
            attention.looked(
                seen(number, walking(number)), number * FRAME_S, [face_at(*walking(number))], WHOLE, all_known=True
            )
    assert count == pytest.approx(30 * FRAME_S / (2 * FRAME_S), abs=1)
    assert 2 * FRAME_S >= KNOWN_S > FRAME_S
    attention.looked(seen(30, walking(30)), 30 * FRAME_S, [face_at(*walking(30))], WHOLE, all_known=True)
    assert not attention.wants(seen(31, walking(31)), 31 * FRAME_S)
    assert attention.wants(seen(31, walking(31), (1200, 300, 80)), 31 * FRAME_S)


def test_what_moves_outside_the_region_does_not_count() -> None:
    attention = MotionGate(Region([(0, 0), (0.5, 1)]))
    attention.looked(seen(0), 0, [], WHOLE, all_known=True)
    assert not attention.wants(seen(1, (1000, 300, 150)), FRAME_S)
    assert attention.wants(seen(2, (300, 300, 150)), 2 * FRAME_S)


def test_a_picture_of_another_size_is_searched() -> None:
    attention = MotionGate()
    attention.looked(seen(0), 0, [], WHOLE, all_known=True)
    assert attention.wants(np.zeros((480, 640, 3), np.uint8), FRAME_S)


EVERY_S = 0.4
STANDING = (320.0, 300.0, 100.0)


def watching(*people: tuple[float, float, float], all_known: bool) -> MotionGate:
    """A gate that has searched the whole picture at 0 s, and found these people there."""
    attention = MotionGate(whole_every_s=EVERY_S)
    attention.looked(seen(0, *people), 0, [face_at(*one) for one in people], WHOLE, all_known=all_known)
    return attention


def test_who_is_known_is_followed_and_the_whole_picture_searched_from_time_to_time() -> None:
    attention, looks = watching(STANDING, all_known=True), []
    for number in range(1, 13):
        if look := attention.wants(seen(0, STANDING), number * FRAME_S):
            looks.append((number, look))
            attention.looked(seen(0, STANDING), number * FRAME_S, [face_at(*STANDING)], look, all_known=True)
    follow = Look((), everybody=True)
    assert looks == [(2, follow), (4, follow), (6, WHOLE), (8, follow), (10, follow), (12, WHOLE)]


def test_somebody_of_whom_nothing_was_sent_is_followed_in_each_frame() -> None:
    attention = watching(STANDING, all_known=False)
    assert attention.wants(seen(0, STANDING), FRAME_S) == Look((), everybody=False)


def test_what_moves_is_searched_with_what_is_around_it() -> None:
    attention = watching(all_known=True)
    look = attention.wants(seen(1, (1000, 200, 100)), FRAME_S)
    assert look
    ((left, top, right, bottom),) = look.parts
    assert left * 1280 < 950 - 100
    assert right * 1280 > 1050 + 100
    assert top * 720 < 150 - 50
    assert bottom == 1
    assert (right - left) * (bottom - top) < 0.4


def test_those_who_move_apart_are_parts_of_their_own() -> None:
    look = watching(all_known=True).wants(seen(1, (100, 650, 60), (1200, 650, 60)), FRAME_S)
    assert look
    assert len(look.parts) == 2


def test_motion_in_most_of_the_picture_is_a_search_of_the_whole() -> None:
    brighter = np.clip(seen(0).astype(np.int16) + 30, 0, 255).astype(np.uint8)
    assert watching(all_known=True).wants(brighter, FRAME_S) is WHOLE


def test_a_slow_change_adds_up_beside_a_part_that_was_searched() -> None:
    """Somebody is searched for in one place, while the light changes by a grey level a frame in another."""
    attention, moving = watching(all_known=True), (150.0, 600.0, 100.0)

    def picture(number: int) -> Picture:
        drawn = seen(0, moving).astype(np.int16)
        drawn[:300, 1000:] += 2 * number
        return np.clip(drawn, 0, 255).astype(np.uint8)

    parts: list[Part] = []
    for number in range(1, 6):
        look = attention.wants(picture(number), 0.05 * number)
        if look:
            parts += look.parts
            attention.looked(picture(number), 0.05 * number, [], look, all_known=True)
    assert any(right < 0.5 for *_, right, _ in parts)
    assert any(left > 0.5 for left, *_ in parts)
