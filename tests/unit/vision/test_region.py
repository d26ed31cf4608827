from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pytest

from cekalwatch.vision.faces import Face, Part, PartialDetector, Picture
from cekalwatch.vision.region import Corner, Region, RegionDetector, limited_to
from tests.support.builders.camera import face_at


class Finds:
    """Finds faces at given places of the part that it is shown, and remembers how large that was."""

    name, upright_score = "finds", 0.5

    def __init__(self, *places: tuple[float, float]) -> None:
        self._places = places
        self.shown: tuple[int, ...] = ()

    def detect(self, picture: Picture) -> list[Face]:
        self.shown = picture.shape
        return [face_at(x, y, 40) for x, y in self._places]


PICTURE = np.zeros((200, 400, 3), np.uint8)


def test_only_the_region_is_looked_at_and_faces_have_their_place_in_the_whole_picture() -> None:
    finds = Finds((50, 50))
    (face,) = RegionDetector(finds, Region([(0.75, 1.0), (0.25, 0.5)])).detect(PICTURE)
    assert finds.shown == (100, 200, 3)
    assert (face.left, face.top, face.right, face.bottom) == (130, 130, 170, 170)
    assert np.allclose(face.landmarks, face_at(150, 150, 40).landmarks)


def test_a_polygon_leaves_out_faces_beside_it() -> None:
    """The triangle has its right angle at the picture's left bottom."""
    detector = RegionDetector(Finds((100, 150), (300, 50)), Region([(0, 0), (0, 1), (1, 1)]))
    assert [(face.left, face.top) for face in detector.detect(PICTURE)] == [(80, 130)]


class FindsInParts(Finds):
    """Finds in each part whom it is not to leave out, and whoever is followed."""

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        self.part = part
        others = [(face.left, face.top) for face in besides]
        return [face for face in self.detect(picture) if (face.left, face.top) not in others]

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        self.shown = picture.shape
        return list(expected)


def test_parts_of_a_region_are_searched_and_faces_followed_in_it() -> None:
    finds = FindsInParts((50, 50), (120, 50))
    detector = limited_to(Region([(0.25, 0.5), (0.75, 1.0)]), finds)
    assert isinstance(detector, PartialDetector)
    (face,) = detector.search(PICTURE, (0, 0, 0.5, 1), [face_at(220, 150, 40)])
    assert (finds.part, finds.shown) == ((0, 0, 0.5, 1), (100, 200, 3))
    assert (face.left, face.top) == (130, 130)
    inside, outside = detector.follow(PICTURE, [face_at(150, 150, 40), face_at(50, 150, 40)])
    assert finds.shown == (200, 400, 3)
    assert inside
    assert outside is None


def test_a_detector_that_cannot_search_parts_cannot_in_a_region_either() -> None:
    assert not isinstance(limited_to(Region([(0, 0), (1, 1)]), Finds()), PartialDetector)


@pytest.mark.parametrize(
    "corners",
    [[(0.1, 0.1)], [(0.1, 0.1), (0.1, 0.9)], [(0, 0), (1.1, 1)], [(float("nan"), 0), (1, 1)], [(0, 0)] * 40],
)
def test_what_is_no_region_is_refused(corners: list[Corner]) -> None:
    with pytest.raises(ValueError, match="region"):
        Region(corners)
