"""Which faces count as covered: drawn masks, glasses, hands and caps, and the same faces without."""

from __future__ import annotations

from collections import defaultdict

import cv2
import numpy as np
import pytest

from benchmarks.camera.covering import PLAIN, Example, nearest
from cekalwatch.vision.alignment import align
from cekalwatch.vision.covering import covering_features, is_covered
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Picture
from tests.support.builders.camera import ASTRONAUT_FACE
from tests.support.builders.covered_faces import COVERS, covered, in_light
from tests.support.builders.portraits import astronaut
from tests.support.tools.packs import standard_pack
from tests.support.tools.shared import shared_faces

PEOPLE = 12


def test_a_plain_face_is_not_covered() -> None:
    assert not is_covered(align(astronaut(), ASTRONAUT_FACE.landmarks))


def test_a_face_is_covered_that_wears_a_cover() -> None:
    told = [
        is_covered(
            align(
                covered(astronaut(), ASTRONAUT_FACE.landmarks, cover, np.random.default_rng(seed)),
                ASTRONAUT_FACE.landmarks,
            )
        )
        for cover in COVERS
        for seed in range(10)
    ]
    assert sum(told) >= 0.8 * len(told)


def test_a_mirrored_face_looks_the_same() -> None:
    aligned = align(astronaut(), ASTRONAUT_FACE.landmarks)
    mirrored = np.ascontiguousarray(aligned[:, ::-1])
    assert covering_features(mirrored) == pytest.approx(covering_features(aligned), abs=0.05)


def test_a_black_picture_is_judged_too() -> None:
    assert np.isfinite(covering_features(np.zeros((112, 112, 3), np.uint8))).all()


@pytest.mark.slow
def test_of_covered_people_eighty_of_a_hundred_are_told_and_of_plain_ones_few() -> None:
    """`benchmarks/camera/covering.py` measures it with hundreds of people; here are some whom nothing was fitted on."""
    folders = [one for one in sorted((shared_faces() / "lfw").iterdir())[-120:] if _not_fitted(one.name)][:PEOPLE]
    detector = open_detector(standard_pack(), threads=1)
    told: defaultdict[bool, list[bool]] = defaultdict(list)
    for number, folder in enumerate(folders):
        generator = np.random.default_rng(number)
        picture: Picture = np.asarray(cv2.imread(str(min(folder.glob("*.jpg")))), np.uint8)
        face = nearest(detector.detect(picture), np.array(picture.shape[1::-1]) / 2, picture.shape[1])
        assert face is not None
        for cover in (None, *COVERS):
            worn = picture if cover is None else covered(picture, face.landmarks, cover, generator)
            drawn = in_light(worn, generator)
            found = nearest(detector.detect(drawn), face.landmarks[2], picture.shape[1])
            told[cover is not None].append(found is not None and is_covered(align(drawn, found.landmarks)))
    assert np.mean(told[True]) >= 0.8
    assert sum(told[False]) <= 1


def _not_fitted(person: str) -> bool:
    return not Example(person, PLAIN, None).fitted
