"""Tracks as passages: who is who is told by the composed scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cekalwatch.camera.detection.colours import UNKNOWN, Colours
from cekalwatch.camera.detection.tracker import Tracker, Update
from cekalwatch.vision.faces import Face
from tests.support.builders.camera import face_at

Path = Callable[[float], tuple[float, float] | None]
"""Where a face is at a time, or None while it is hidden."""


VIEW = (1280, 720)


def update(tracker: Tracker, faces: list[Face], at_s: float, colours: Colours = UNKNOWN) -> Update:
    return tracker.update(faces, [colours] * len(faces), VIEW, at_s)


def tracks_of(tracker: Tracker, paths: list[Path], frames: int, fps: float = 25.0, size: float = 80) -> list[list[int]]:
    """Follow `paths`; return each one's tracks in the order in which it had them."""
    had: list[list[int]] = [[] for _ in paths]
    for number in range(frames):
        at_s = number / fps
        seen = [(who, face_at(*place, size)) for who, path in enumerate(paths) if (place := path(at_s))]
        seen.sort(key=lambda item: item[1].left)  # the order of detection tells nothing
        found = update(tracker, [face for _, face in seen], at_s)
        for (who, _), track in zip(seen, found.tracks, strict=True):
            if not had[who] or had[who][-1] != track:
                had[who].append(track)
    return had


def test_one_traveller_walking_is_one_track() -> None:
    assert tracks_of(Tracker(), [lambda t: (100 + 300 * t, 200)], frames=100) == [[1]]


def test_two_travellers_are_two_tracks() -> None:
    had = tracks_of(Tracker(), [lambda t: (100 + 50 * t, 200), lambda t: (400 + 50 * t, 210)], frames=50)
    assert had == [[1], [2]]


def test_crossing_travellers_keep_their_tracks() -> None:
    def to_the_right(t: float) -> tuple[float, float]:
        return 100 + 200 * t, 200

    def to_the_left(t: float) -> tuple[float, float]:
        return 700 - 200 * t, 205

    assert tracks_of(Tracker(), [to_the_right, to_the_left], frames=75) == [[1], [2]]


def test_the_faces_of_a_frame_are_shared_out_together() -> None:
    """The second traveller's old place is nearest to the first one's new place."""
    tracker = Tracker()
    update(tracker, [face_at(100, 200), face_at(200, 200)], 0.0)
    moved = update(tracker, [face_at(180, 200), face_at(280, 200)], 0.25)
    assert moved.tracks == (1, 2)


def test_one_who_is_hidden_behind_another_while_they_cross_comes_out_as_himself() -> None:
    def in_front(t: float) -> tuple[float, float]:
        return 100 + 200 * t, 200

    def behind(t: float) -> tuple[float, float] | None:
        x = 700 - 200 * t
        return None if abs(x - in_front(t)[0]) < 60 else (x, 205)

    assert tracks_of(Tracker(), [in_front, behind], frames=75) == [[1], [2]]


def test_a_short_miss_does_not_end_a_passage() -> None:
    had = tracks_of(Tracker(), [lambda t: None if 1.0 < t < 1.6 else (100 + 120 * t, 200)], frames=75)
    assert had == [[1]]


def test_a_long_miss_ends_it() -> None:
    tracker = Tracker(max_miss_s=0.5)
    update(tracker, [face_at(100, 100)], 0.0)
    assert update(tracker, [], 0.4).ended == ()
    assert update(tracker, [], 0.6).ended == (1,)
    assert update(tracker, [face_at(100, 100)], 0.7).tracks[0] == 2


def test_slow_cameras_follow_walkers_too() -> None:
    """At 5 frames a second a walker moves a whole face between two frames."""
    assert tracks_of(Tracker(), [lambda t: (100 + 400 * t, 200)], frames=15, fps=5) == [[1]]


def test_a_new_face_does_not_take_the_track_of_one_who_stays() -> None:
    tracker = Tracker()
    for number in range(10):
        update(tracker, [face_at(200, 200)], number / 25)
    found = update(tracker, [face_at(270, 200), face_at(200, 200)], 10 / 25)
    assert found.tracks == (2, 1)


def test_a_face_elsewhere_or_of_another_size_is_somebody_else() -> None:
    tracker = Tracker()
    update(tracker, [face_at(200, 200, 80)], 0.0)
    assert update(tracker, [face_at(600, 200, 80)], 0.04).tracks[0] == 2
    assert update(tracker, [face_at(200, 200, 200)], 0.08).tracks[0] == 3


def test_the_end_of_the_source_ends_all_tracks() -> None:
    tracker = Tracker()
    update(tracker, [face_at(100, 100), face_at(400, 100)], 0.0)
    assert tracker.end() == (1, 2)
    assert tracker.end() == ()


def test_a_box_without_extent_is_survived() -> None:
    tracker = Tracker()
    flat = Face(100, 100, 100, 100, 0.9, face_at(100, 100).landmarks)
    assert update(tracker, [flat], 0.0).tracks[0] == 1
    assert update(tracker, [flat], 0.04).tracks[0] == 1


def test_in_a_crowd_with_trembling_boxes_and_misses_few_passages_are_mixed_up() -> None:
    """Twenty scenes of five walkers who pass one another; boxes tremble by 3 % and one in ten is missed."""
    people = breaks = 0
    for scene in range(20):
        dice = np.random.default_rng(scene)
        walkers = [
            (dice.uniform(100, 1100), dice.uniform(150, 500), dice.uniform(50, 350) * dice.choice([-1, 1]))
            for _ in range(5)
        ]

        def walk(
            x: float, y: float, speed: float, dice: np.random.Generator = dice
        ) -> Callable[[float], tuple[float, float] | None]:
            def path(t: float) -> tuple[float, float] | None:
                tremble = dice.normal(0, 0.03 * 80, 2)
                place = (x + speed * t + float(tremble[0]), y + float(tremble[1]))
                return place if 0 < place[0] < 1280 and dice.random() > 0.1 else None

            return path

        had = [tracks for tracks in tracks_of(Tracker(), [walk(*walker) for walker in walkers], frames=75) if tracks]
        people += len(had)
        breaks += sum(len(tracks) - 1 for tracks in had)
    assert people > 90
    assert breaks <= 0.08 * people


def test_two_who_enter_together_are_two_tracks() -> None:
    """Side by side, one and a half faces apart, from the first frame on."""
    pair: list[Path] = [lambda t: (100 + 320 * t, 200), lambda t: (220 + 320 * t, 204)]
    assert tracks_of(Tracker(), pair, frames=40, fps=15) == [[1], [2]]


def test_one_behind_the_other_are_two_when_each_comes_to_where_the_other_was() -> None:
    """At five detections a second the second one is found where the first one was, of another size alone."""

    def first(t: float) -> tuple[float, float]:
        return 1200 - 500 * t, 200

    def second(t: float) -> tuple[float, float] | None:
        return (1300 - 500 * t, 200) if t > 0.1 else None

    tracker, had = Tracker(), set()
    for number in range(10):
        at_s = number / 5
        faces = [face_at(*first(at_s), 80)] + [face_at(*place, 58) for place in (second(at_s),) if place]
        had.add(update(tracker, faces, at_s).tracks)
    assert had == {(1,), (1, 2)}


def test_one_who_leaves_and_another_who_comes_in_at_that_place_are_two() -> None:
    def leaves(t: float) -> tuple[float, float] | None:
        return (900 + 400 * t, 200) if t < 0.95 else None

    def comes(t: float) -> tuple[float, float] | None:
        return (1280 - 400 * (t - 1.6), 205) if t >= 1.6 else None

    assert tracks_of(Tracker(), [leaves, comes], frames=45, fps=15) == [[1], [2]]


@pytest.mark.parametrize("every", [1, 2, 3, 4])
def test_crossing_travellers_keep_their_tracks_however_seldom_is_looked(every: int) -> None:
    """They hide one another for a third of a second, in a camera of 15 frames a second."""

    def in_front(t: float) -> tuple[float, float]:
        return 100 + 300 * t, 200

    def behind(t: float) -> tuple[float, float] | None:
        x = 1200 - 300 * t
        return None if abs(x - in_front(t)[0]) < 100 else (x, 210)

    assert tracks_of(Tracker(), [in_front, behind], frames=54 // every, fps=15 / every) == [[1], [2]]


@pytest.mark.parametrize(("hidden_s", "tracks"), [(0.98, [1]), (1.1, [1, 2])])
def test_one_who_stays_hidden_as_long_as_is_allowed_comes_out_as_himself_and_later_as_another(
    hidden_s: float, tracks: list[int]
) -> None:
    def walks(t: float) -> tuple[float, float] | None:
        return None if 1.0 < t < 1.0 + hidden_s else (100 + 120 * t, 200)

    assert tracks_of(Tracker(max_miss_s=1.0), [walks], frames=150, fps=50) == [tracks]


def test_one_who_stands_is_not_taken_for_one_who_passes_before_him() -> None:
    def stands(t: float) -> tuple[float, float] | None:
        return None if abs(passes(t)[0] - 640) < 70 else (640, 200)

    def passes(t: float) -> tuple[float, float]:
        return 100 + 400 * t, 220

    assert tracks_of(Tracker(), [stands, passes], frames=40, fps=15) == [[2], [1]]
