"""The composed scene keeps the truth that it states."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cekalwatch.vision.faces import Picture
from deploy.demo.people import Person, Photo, Role
from deploy.demo.scene import FRAME_RATE, SIZE, Place, Scene, Walk, frames, people_passing, write_video

LANDMARKS = np.array([[40, 50], [80, 50], [60, 72], [45, 92], [75, 92]], np.float32)


def person(number: int, colour: tuple[int, int, int] = (90, 140, 200)) -> Person:
    picture: Picture = np.full((150, 120, 3), colour, np.uint8)
    photo = Photo(picture, LANDMARKS)
    return Person(f"S-{number}", f"Person {number}", "", Role.UNLISTED, photo, (photo,))


def test_a_walk_begins_and_ends_where_it_says() -> None:
    walk = Walk("S-1", 2.0, 4.0, Place(100, 200, 40), Place(500, 300, 80))
    first, last = walk.at(2.0), walk.at(5.9999)
    assert walk.at(1.99) is None
    assert walk.at(6.0) is None
    assert first is not None
    assert last is not None
    assert (first.x, first.eye_distance) == pytest.approx((100, 40))
    assert (last.x, last.eye_distance) == pytest.approx((500, 80), rel=0.01)
    assert last.y == pytest.approx(300, abs=0.07 * 80)


def test_an_approaching_walker_grows_faster_when_near() -> None:
    walk = Walk("S-1", 0.0, 4.0, Place(100, 200, 40), Place(500, 300, 80))
    sizes = [place.eye_distance for second in (0.0, 1.0, 2.0, 3.0) if (place := walk.at(second))]
    steps = np.diff(sizes)
    assert (np.diff(steps) > 0).all()


def test_the_head_is_drawn_where_the_truth_says() -> None:
    red = person(1, (10, 10, 250))
    walk = Walk("S-1", 0.0, 1.0, Place(640, 300, 60), Place(640, 300, 60))
    first = next(iter(frames(Scene((walk,)), [red])))
    blue, green, strength = first[310, 640].astype(int)
    assert strength > 200
    assert max(blue, green) < 60
    assert first.shape == (SIZE[1], SIZE[0], 3)


def test_a_nearer_person_hides_a_farther_one() -> None:
    far = Walk("S-1", 0.0, 1.0, Place(640, 300, 40), Place(640, 300, 40))
    near = Walk("S-2", 0.0, 1.0, Place(640, 300, 70), Place(640, 300, 70))
    picture = next(iter(frames(Scene((near, far)), [person(1, (10, 10, 250)), person(2, (250, 10, 10))])))
    assert picture[310, 640, 0] > 200


def test_everybody_who_passes_walks_once_and_the_first_again() -> None:
    people = [person(1), person(2), person(3)]
    scene = people_passing(people, again=people[:1])
    assert [walk.subject_id for walk in scene.walks] == ["S-1", "S-2", "S-3", "S-1"]
    assert scene.seconds > scene.walks[-1].end_s


def test_the_video_has_every_frame(tmp_path: Path) -> None:
    walk = Walk("S-1", 0.0, 1.0, Place(640, 300, 60), Place(600, 310, 70))
    scene = Scene((walk,))
    write_video(scene, [person(1)], tmp_path / "scene.mp4")
    video = cv2.VideoCapture(str(tmp_path / "scene.mp4"))
    count = 0
    while video.read()[0]:
        count += 1
    assert count == round(scene.seconds * FRAME_RATE)
    assert video.get(cv2.CAP_PROP_FPS) == FRAME_RATE
