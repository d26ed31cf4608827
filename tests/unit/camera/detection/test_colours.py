"""What the colours of a face and of clothes tell, on drawn people."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import pytest

from cekalwatch.camera.detection.colours import MOST, colours_of, evidence
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.vision.faces import Face, Picture
from tests.support.builders.camera import face_at

SIZE: Final = 80.0
VIEW: Final = (640, 480)
RED, BLUE, BLACK, WHITE = (40, 40, 160), (150, 70, 40), (30, 30, 32), (225, 225, 220)
DARK_HAIR, SCARF, SKIN = (25, 25, 30), (190, 120, 170), (120, 150, 200)
Look = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Hair, or what is worn on it, and clothes; BGR."""


def drawn(*people: tuple[Face, Look], gain: float = 1.0) -> Picture:
    """Draw people before a grey wall, those given later in front."""
    picture = np.full((VIEW[1], VIEW[0], 3), 130, np.uint8)
    for face, (hair, clothes) in people:
        x, y = int((face.left + face.right) / 2), int((face.top + face.bottom) / 2)
        unit = int(face.width / 2)
        cv2.rectangle(picture, (x - 2 * unit, y + int(1.5 * unit)), (x + 2 * unit, VIEW[1]), clothes, -1)
        cv2.ellipse(picture, (x, y - unit // 4), (int(1.1 * unit), int(1.4 * unit)), 0, 0, 360, hair, -1)
        cv2.ellipse(picture, (x, y), (int(0.75 * unit), unit), 0, 0, 360, SKIN, -1)
    noise = np.random.default_rng(1).normal(0, 4, picture.shape)
    return np.clip(picture * gain + noise, 0, 255).astype(np.uint8)


def against(one: tuple[Look, float], other: tuple[Look, float]) -> float:
    """Return what colours say against two pictures being of one person; each has a look and a gain."""
    faces = face_at(300, 150, SIZE), face_at(330, 160, 1.1 * SIZE)
    colours = [
        colours_of(drawn((face, look), gain=gain), face) for face, (look, gain) in zip(faces, (one, other), strict=True)
    ]
    return float(evidence(*colours))


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.2])
def test_one_person_in_changing_light_is_not_taken_for_two(gain: float) -> None:
    look = (DARK_HAIR, BLUE)
    assert against((look, 1.0), (look, gain)) < 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((DARK_HAIR, BLUE), (DARK_HAIR, RED)),
        ((DARK_HAIR, BLACK), (SCARF, WHITE)),
        ((DARK_HAIR, BLUE), (SCARF, BLUE)),
    ],
)
def test_people_who_are_dressed_otherwise_are_told_apart(one: Look, other: Look) -> None:
    assert against((one, 1.0), (other, 1.0)) >= 2


def test_what_is_out_of_the_picture_says_nothing() -> None:
    whole, cut_off = face_at(300, 150, SIZE), face_at(300, 445, SIZE)
    colours = [colours_of(drawn((face, (DARK_HAIR, BLUE))), face) for face in (whole, cut_off)]
    assert np.isnan(colours[1]).any()
    assert evidence(*colours) < 2
    assert evidence(colours[0], colours_of(drawn(), face_at(-500, -500, SIZE))) == 0


def follow(*frames: list[tuple[Face, Look]], gap_s: float = 0.1, begin_s: float = 0.0) -> list[list[int]]:
    """Follow people through frames; return the tracks in each."""
    tracker, had = Tracker(), []
    for number, people in enumerate(frames):
        picture, faces = drawn(*people), [face for face, _ in people]
        colours = [colours_of(picture, face) for face in faces]
        had.append(list(tracker.update(faces, colours, VIEW, begin_s + number * gap_s).tracks))
    return had


@pytest.mark.parametrize("missed", [2, 5, 8])
def test_a_track_does_not_jump_to_another_person_who_appears_where_one_was_lost(missed: int) -> None:
    """Within two face widths and 0.9 s, which places alone take for one walking person."""
    first = [(face_at(300, 150, SIZE), (DARK_HAIR, BLUE))]
    second = [(face_at(380, 150, SIZE), (SCARF, WHITE))]
    had = follow(*[first] * 5, *[[]] * missed, *[second] * 3)
    assert [tracks for tracks in had if tracks] == [[1]] * 5 + [[2]] * 3


def test_one_who_is_lost_for_a_moment_and_comes_back_as_they_were_keeps_their_track() -> None:
    first = [(face_at(300, 150, SIZE), (DARK_HAIR, BLUE))]
    again = [(face_at(380, 150, SIZE), (DARK_HAIR, BLUE))]
    assert follow(*[first] * 5, *[[]] * 8, *[again] * 3)[-1] == [1]


def test_one_whose_clothes_somebody_passes_before_keeps_their_track() -> None:
    """The face stays visible; a white coat passes below it."""
    stands, coat = face_at(300, 150, SIZE), (DARK_HAIR, WHITE)
    frames = [
        [(stands, (DARK_HAIR, BLACK)), (face_at(120 + 30 * number, 330, 1.4 * SIZE), coat)] for number in range(12)
    ]
    assert {tracks[0] for tracks in follow(*frames)} == {1}


def test_two_who_turn_back_while_they_hide_one_another_keep_their_tracks() -> None:
    """By their motion alone each would come out as the other."""
    look, other = (DARK_HAIR, BLUE), (SCARF, RED)
    towards = [[(face_at(200 + 30 * n, 150, SIZE), look), (face_at(440 - 30 * n, 155, SIZE), other)] for n in range(3)]
    back = [[(face_at(260 - 30 * n, 150, SIZE), look), (face_at(380 + 30 * n, 155, SIZE), other)] for n in range(3)]
    had = follow(*towards, [], [], [], *back)
    assert had[-1] == [1, 2]


def test_colours_say_less_than_it_takes_to_end_a_track_that_is_where_it_was_expected() -> None:
    one, other = (DARK_HAIR, BLUE), (SCARF, WHITE)
    stands = face_at(300, 150, SIZE)
    assert against((one, 1.0), (other, 1.0)) == MOST
    assert follow(*[[(stands, one)]] * 5, [(stands, other)])[-1] == [1]
