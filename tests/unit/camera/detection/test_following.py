"""What is found of known faces between two searches of the whole picture, and when only such a search will do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from cekalwatch.camera.detection.colours import UNKNOWN
from cekalwatch.camera.detection.following import UNSURE, Following
from cekalwatch.camera.detection.motion_gate import Look
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.vision.faces import Face, Part, Picture
from tests.support.builders.camera import BEGIN, face_at

SIZE = (1280, 720)
EVERYBODY, SOME = Look((), everybody=True), Look((), everybody=False)
LEFT, RIGHT = face_at(300, 300, score=0.9), face_at(900, 300, score=0.8)
PART = (0.0, 0.0, 0.5, 1.0)


class Sees:
    """People stand before it at given places; it follows those who are expected near, and finds the others."""

    name, upright_score = "sees", 0.5

    def __init__(self, *there: Face) -> None:
        self.there = there
        self.followed: list[tuple[float, float]] = []

    def detect(self, picture: Picture) -> list[Face]:
        assert picture.size
        return list(self.there)

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        assert part
        return [face for face in self.detect(picture) if not any(_near(face, other) for other in besides)]

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        assert picture.size
        self.followed += [(face.left, face.top) for face in expected]
        return [next((face for face in self.there if _near(face, one)), None) for one in expected]


def _near(one: Face, other: Face) -> bool:
    return abs(one.left - other.left) < 40 and abs(one.top - other.top) < 40


def known(*faces: Face) -> tuple[Following, Tracker]:
    following, tracker = Following(), Tracker()
    following.searched(tracker.update(faces, [UNKNOWN] * len(faces), SIZE, 0.0).tracks, faces)
    return following, tracker


def looked(
    following: Following,
    tracker: Tracker,
    sees: Sees,
    look: Look = EVERYBODY,
    *,
    settled: bool = True,
    at_s: float = 0.1,
) -> list[Face] | None:
    frame = Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), BEGIN, at_s)
    return following.look(sees, frame, look, tracker, lambda track, face: settled)  # noqa: ARG005


def places(faces: list[Face] | None) -> list[float] | None:
    return None if faces is None else sorted(face.left for face in faces)


def test_known_faces_are_found_where_they_have_moved() -> None:
    assert places(looked(*known(LEFT, RIGHT), Sees(face_at(320, 300), face_at(880, 300)))) == [280, 840]


def test_a_sure_face_that_is_gone_makes_a_search() -> None:
    assert looked(*known(LEFT, RIGHT), Sees(LEFT)) is None


def test_two_that_have_become_one_make_a_search() -> None:
    assert looked(*known(face_at(300, 300), face_at(335, 300)), Sees(face_at(318, 300))) is None


def test_a_face_that_no_search_was_sure_of_may_be_missing_and_is_looked_for_again() -> None:
    unsure = replace(RIGHT, score=UNSURE)
    following, tracker = known(LEFT, unsure)
    found = looked(following, tracker, Sees(LEFT))
    assert places(found) == [LEFT.left]
    assert found
    following.followed(tracker.update(found, [UNKNOWN], SIZE, 0.1).tracks, found, tracker)
    assert places(list(following.known.values())) == [LEFT.left, RIGHT.left]
    assert places(looked(following, tracker, Sees(LEFT, RIGHT), at_s=0.2)) == [LEFT.left, RIGHT.left]


def test_a_look_is_never_surer_than_the_search_before_and_one_bad_look_does_not_last() -> None:
    following, tracker = known(LEFT)
    scores = []
    for number, score in enumerate((0.99, 0.6, 0.99), start=1):
        found = looked(following, tracker, Sees(replace(LEFT, score=score)), at_s=0.1 * number)
        assert found
        following.followed(tracker.update(found, [UNKNOWN], SIZE, 0.1 * number).tracks, found, tracker)
        scores += [face.score for face in found]
    assert scores == [0.9, 0.6, 0.9]


def test_between_looks_at_everybody_only_who_is_not_settled_is_followed() -> None:
    sees = Sees(LEFT)
    assert looked(*known(LEFT), sees, SOME, settled=True) == []
    assert sees.followed == []
    assert places(looked(*known(LEFT), sees, SOME, settled=False)) == [LEFT.left]


def test_what_moves_is_searched_for_others() -> None:
    assert places(looked(*known(LEFT), Sees(LEFT, RIGHT), Look((PART,), everybody=False))) == [RIGHT.left]


def test_a_track_that_was_ended_makes_a_search() -> None:
    following, tracker = known(LEFT)
    tracker.end()
    assert looked(following, tracker, Sees(LEFT)) is None
