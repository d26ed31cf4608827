from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from cekalwatch.evaluation.collection import LabelledPhotograph
from cekalwatch.evaluation.samples import FaceTemplates, Failure
from cekalwatch.evaluation.templates import WINDOW, TemplateCache, TemplateMaker, middle_face
from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, Recogniser, Templates
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.vision.faces import Face, FaceDetector
from tests.support.builders.portraits import astronaut, encoded, group, wall
from tests.support.scenarios.server import engine


class Counting:
    """The pack `light`'s recogniser, counting the faces it was given."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self.model_version, self.size = recogniser.model_version, recogniser.size
        self.faces = 0
        self._lock = threading.Lock()

    def embed(self, faces: AlignedFaces) -> Templates:
        with self._lock:
            self.faces += len(faces)
        return self._recogniser.embed(faces)


@pytest.fixture
def recogniser() -> Counting:
    return Counting(engine().recogniser)


@pytest.fixture
def maker(recogniser: Counting) -> TemplateMaker:
    return TemplateMaker(detector, recogniser, TemplateCache(), threads=1)


def detector() -> FaceDetector:
    return engine().detector


def photograph(path: Path, data: bytes | None) -> LabelledPhotograph:
    if data is not None:
        path.write_bytes(data)
    return LabelledPhotograph(path, path.name, "ani")


def result(maker: TemplateMaker, one: LabelledPhotograph, *, as_reference: bool = False) -> FaceTemplates | Failure:
    (sample,) = maker.samples([(one, as_reference)])
    return sample.result


def test_templates_are_those_of_the_server(maker: TemplateMaker, tmp_path: Path):
    data = encoded(astronaut(), ".png")
    made = result(maker, photograph(tmp_path / "1.png", data), as_reference=True)
    assert isinstance(made, FaceTemplates)
    enrolled = Enroller(detector(), engine().recogniser).enrol(data)
    assert made.reference == pytest.approx(enrolled.template, abs=1e-5)
    assert 0.3 < made.quality < 1
    assert made.probe @ enrolled.template > 0.9


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (None, Failure.UNREADABLE),
        (b"", Failure.UNREADABLE),
        (b"no picture", Failure.UNREADABLE),
        (encoded(astronaut())[:2000], Failure.UNREADABLE),
        (encoded(wall()), Failure.NO_FACE),
    ],
)
def test_what_gives_no_template_says_why(maker: TemplateMaker, tmp_path: Path, data: bytes | None, failure: Failure):
    assert result(maker, photograph(tmp_path / "1.jpg", data)) is failure


def test_the_same_picture_is_computed_once(maker: TemplateMaker, recogniser: Counting, tmp_path: Path):
    copies = [photograph(tmp_path / f"{number}.jpg", encoded(astronaut())) for number in range(3)]
    first, *others = [result(maker, copy) for copy in copies]
    assert recogniser.faces == 1
    assert all(other is first for other in others)
    made = result(maker, copies[0], as_reference=True)
    assert isinstance(made, FaceTemplates)
    assert made.reference is not None, "a picture that was a probe first can still become a reference"


def test_photographs_are_not_read_far_ahead(recogniser: Counting, tmp_path: Path):
    one = photograph(tmp_path / "1.jpg", encoded(wall()))
    asked = itertools.count()

    def endless() -> Iterator[tuple[LabelledPhotograph, bool]]:
        for _ in asked:
            yield one, False

    samples = TemplateMaker(detector, recogniser, TemplateCache(), threads=2).samples(endless())
    for _ in range(20):
        next(samples)
    assert next(asked) <= 20 + 2 * WINDOW + 1
    samples.close()  # type: ignore[attr-defined]


def test_several_threads_give_the_same_in_the_same_order(recogniser: Counting, tmp_path: Path):
    portrait = astronaut()
    wanted = []
    for number, scale in enumerate((0.4, 0.5, 0.6, 0.7, 0.8)):
        scaled = np.asarray(cv2.resize(portrait, None, fx=scale, fy=scale), dtype=np.uint8)
        wanted.append((photograph(tmp_path / f"{number}.jpg", encoded(scaled)), False))
    lock = threading.Lock()

    class OneAtATime:
        name, upright_score = "light", engine().detector.upright_score

        def detect(self, picture: np.ndarray) -> list[Face]:
            with lock:
                return engine().detector.detect(picture)

    alone = list(TemplateMaker(detector, recogniser, TemplateCache(), threads=1).samples(wanted))
    together = list(TemplateMaker(OneAtATime, recogniser, TemplateCache(), threads=3).samples(wanted))
    assert [sample.photograph for sample in together] == [one for one, _ in wanted]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(one.result, FaceTemplates)
        assert isinstance(other.result, FaceTemplates)
        assert one.result.probe == pytest.approx(other.result.probe, abs=1e-5)


def test_the_face_in_the_middle_is_meant_though_another_is_larger():
    faces = engine().detector.detect(group())
    largest = max(faces, key=lambda face: face.width)
    smallest = min(faces, key=lambda face: face.width)
    middle = ((smallest.left + smallest.right) / 2, (smallest.top + smallest.bottom) / 2)
    left, top = (round(max(0.0, value - 120)) for value in middle)
    part = group()[top : round(middle[1] + 120), left : round(middle[0] + 120)]
    chosen = middle_face(engine().detector.detect(np.ascontiguousarray(part)), part)
    assert chosen is not None
    assert chosen.width == pytest.approx(smallest.width, rel=0.2)
    assert middle_face([largest], group()) is largest
    assert middle_face([], group()) is None
