from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.enrolment import MAX_FACE_JPEG_BYTES, Enroller, EnrolmentError, plain_and_reference
from cekalwatch.server.recognition.packs.installed import Engine, open_engine
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.quality import NOSE_AT
from tests.support.builders.portraits import astronaut, encoded, group, wall
from tests.support.tools.packs import light_pack


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(load_pack(light_pack()), threads=1)


@pytest.fixture
def enroller(engine: Engine) -> Enroller:
    return Enroller(engine.detector, engine.recogniser)


def resized(picture: Picture, factor: float) -> Picture:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way), dtype=np.uint8)


def refused(enroller: Enroller, picture: Picture) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        enroller.enrol(encoded(picture))
    return caught.value.code


def head() -> Picture:
    """The portrait's head, 140x130 pixels."""
    return astronaut()[40:180, 160:290]


def beside(main_factor: float, other_factor: float, *, cut: bool = False) -> Picture:
    """A wall with the portrait's head at two sizes, the second possibly cut by the right edge."""
    picture = wall(700, 1200)
    main, other = resized(head(), main_factor), resized(head(), other_factor)
    picture[100 : 100 + main.shape[0], 100 : 100 + main.shape[1]] = main
    left = 1200 - other.shape[1] * 2 // 3 if cut else 800
    shown = other[:, : 1200 - left]
    picture[100 : 100 + shown.shape[0], left : left + shown.shape[1]] = shown
    return picture


def test_a_portrait_is_enrolled(enroller: Enroller, engine: Engine):
    enrolment = enroller.enrol(encoded(astronaut(), ".png"))
    (face,) = engine.detector.detect(astronaut())
    (template,) = engine.recogniser.embed(align(astronaut(), face.landmarks)[None])
    assert enrolment.template.shape == (512,)
    assert np.linalg.norm(enrolment.template) == pytest.approx(1, abs=1e-5)
    assert enrolment.template @ template > 0.9
    assert enrolment.figures.eye_distance_px == pytest.approx(43, abs=2)
    assert enrolment.figures.detector_score > 0.9
    assert enrolment.figures.faces == 1


def test_the_reference_does_not_know_left_from_right(engine: Engine):
    (face,) = engine.detector.detect(astronaut())
    aligned = align(astronaut(), face.landmarks)
    mirrored = np.ascontiguousarray(aligned[:, ::-1])
    once, again = (plain_and_reference(engine.recogniser, face)[1] for face in (aligned, mirrored))
    assert once == pytest.approx(again, abs=1e-5)


def test_the_kept_picture_shows_the_face_with_half_its_width_around(enroller: Enroller, engine: Engine):
    large = resized(astronaut(), 3)
    enrolment = enroller.enrol(encoded(large, quality=98))
    assert len(enrolment.face_jpeg) <= MAX_FACE_JPEG_BYTES
    kept = np.asarray(cv2.imdecode(np.frombuffer(enrolment.face_jpeg, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
    (face,) = engine.detector.detect(kept)
    assert face.width / kept.shape[1] == pytest.approx(0.5, abs=0.07)


def test_a_picture_full_of_detail_is_kept_small_all_the_same(enroller: Enroller):
    rough = resized(astronaut(), 3).astype(int) + np.random.default_rng(2).integers(-40, 40, (1536, 1536, 3))
    enrolment = enroller.enrol(encoded(np.clip(rough, 0, 255).astype(np.uint8), quality=98))
    assert 0 < len(enrolment.face_jpeg) <= MAX_FACE_JPEG_BYTES


def test_a_photograph_without_a_face_is_refused(enroller: Enroller):
    assert refused(enroller, wall()) is Code.PHOTO_NO_FACE


def test_a_group_is_refused(enroller: Enroller):
    assert refused(enroller, group()) is Code.PHOTO_SEVERAL_FACES


def test_two_people_of_similar_size_are_refused(enroller: Enroller):
    assert refused(enroller, beside(3, 1.5)) is Code.PHOTO_SEVERAL_FACES


def test_a_much_smaller_face_in_the_background_is_a_warning(enroller: Enroller):
    enrolment = enroller.enrol(encoded(beside(4, 1)))
    assert EnrolmentWarning.OTHER_FACES in enrolment.warnings
    assert enrolment.figures.eye_distance_px > 150


def test_a_neighbour_cut_by_the_edge_is_a_warning(enroller: Enroller):
    enrolment = enroller.enrol(encoded(beside(3, 3, cut=True)))
    assert EnrolmentWarning.OTHER_FACES in enrolment.warnings


def test_a_face_that_is_too_small_is_refused(enroller: Enroller, engine: Engine):
    small = resized(astronaut(), 0.5)
    assert refused(enroller, small) is Code.PHOTO_FACE_TOO_SMALL
    lenient = Enroller(engine.detector, engine.recogniser, min_eye_distance_px=15)
    assert lenient.enrol(encoded(small)).figures.eye_distance_px < 32


@pytest.mark.parametrize(
    ("factor", "warning"),
    [
        (0.9, EnrolmentWarning.EYE_DISTANCE_BELOW_45),
        (1.5, EnrolmentWarning.EYE_DISTANCE_BELOW_90),
        (2.5, None),
    ],
)
def test_pixels_between_the_eyes_decide_the_warning(
    enroller: Enroller, factor: float, warning: EnrolmentWarning | None
):
    found = enroller.enrol(encoded(resized(astronaut(), factor))).warnings
    expected = {warning} if warning else set()
    assert {name for name in found if name.startswith("EYE_DISTANCE")} == expected


def test_blur_and_darkness_are_warnings(enroller: Enroller):
    large = resized(astronaut(), 2)
    blurred = np.asarray(cv2.GaussianBlur(large, (0, 0), 9), dtype=np.uint8)
    assert EnrolmentWarning.BLURRED in enroller.enrol(encoded(blurred)).warnings
    assert EnrolmentWarning.BADLY_LIT in enroller.enrol(encoded((large * 0.3).astype(np.uint8))).warnings
    fine = enroller.enrol(encoded(large)).warnings
    assert EnrolmentWarning.BLURRED not in fine
    assert EnrolmentWarning.BADLY_LIT not in fine


class OneFace:
    """A detector that says of any picture that this face is in it, so that its figures can be any."""

    name, upright_score = "one face", 0.5

    def __init__(self, face: Face) -> None:
        self._face = face

    def detect(self, picture: Picture) -> list[Face]:  # noqa: ARG002  # a detector's signature
        return [self._face]


@pytest.fixture
def large(engine: Engine) -> tuple[Picture, Face]:
    """The portrait at twice its size, and its face."""
    picture = resized(astronaut(), 2)
    (face,) = engine.detector.detect(picture)
    return picture, face


def test_a_blurred_face_is_refused_with_its_figures(enroller: Enroller, large: tuple[Picture, Face]):
    fine = enroller.enrol(encoded(large[0])).figures
    with pytest.raises(EnrolmentError) as caught:
        enroller.enrol(encoded(np.asarray(cv2.GaussianBlur(large[0], (0, 0), 12), dtype=np.uint8)))
    assert caught.value.code is Code.PHOTO_BLURRED
    assert caught.value.figures.sharpness < 0.04 < fine.sharpness
    assert caught.value.figures.eye_distance_px == pytest.approx(fine.eye_distance_px, rel=0.2)


def test_darkness_alone_is_no_blur(enroller: Enroller, large: tuple[Picture, Face]):
    soft = cv2.GaussianBlur(large[0], (0, 0), 3)
    enrolment = enroller.enrol(encoded((soft * 0.15).astype(np.uint8), ".png"))
    assert enrolment.figures.sharpness < 0.04
    assert enroller.enrol(encoded(np.asarray(soft, dtype=np.uint8))).figures.sharpness > 0.04
    assert EnrolmentWarning.BADLY_LIT in enrolment.warnings


@pytest.mark.parametrize(("gain", "offset"), [(0.05, 0), (0.1, 235)], ids=["dark", "overexposed"])
def test_a_face_without_light_or_shades_is_refused(
    engine: Engine, large: tuple[Picture, Face], gain: float, offset: float
):
    picture = np.clip(large[0] * gain + offset, 0, 255).astype(np.uint8)
    with pytest.raises(EnrolmentError) as caught:
        Enroller(OneFace(large[1]), engine.recogniser).enrol(encoded(picture))
    assert caught.value.code is Code.PHOTO_BADLY_LIT
    assert not 0.04 <= caught.value.figures.brightness <= 0.93


@pytest.mark.parametrize(
    ("nose", "outcome"), [(0.0, None), (0.3, EnrolmentWarning.NOT_FRONTAL), (0.9, Code.PHOTO_FACE_TURNED)]
)
def test_a_turned_head_is_a_warning_and_a_profile_is_refused(
    engine: Engine, large: tuple[Picture, Face], nose: float, outcome: EnrolmentWarning | Code | None
):
    """The nose stands off the axis of the face, by so many distances between the eyes."""
    landmarks = large[1].landmarks.copy()
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    landmarks[2] = eyes + NOSE_AT * (mouth - eyes) + (nose * large[1].eye_distance, 0)
    enroller = Enroller(OneFace(replace(large[1], landmarks=landmarks)), engine.recogniser)
    if outcome is Code.PHOTO_FACE_TURNED:
        with pytest.raises(EnrolmentError) as caught:
            enroller.enrol(encoded(large[0]))
        assert caught.value.code is outcome
        assert caught.value.figures.yaw_degrees > 60
    else:
        found = enroller.enrol(encoded(large[0])).warnings
        assert (EnrolmentWarning.NOT_FRONTAL in found) == (outcome is EnrolmentWarning.NOT_FRONTAL)


def test_an_uncertain_face_is_a_warning(engine: Engine, large: tuple[Picture, Face]):
    unsure = Enroller(OneFace(replace(large[1], score=0.65)), engine.recogniser).enrol(encoded(large[0]))
    assert EnrolmentWarning.FACE_UNCERTAIN in unsure.warnings
    assert unsure.figures.detector_score == pytest.approx(0.65)


def test_a_photograph_cut_close_around_the_face_is_enrolled(enroller: Enroller):
    close = resized(astronaut()[70:165, 180:270], 4)
    whole = enroller.enrol(encoded(astronaut()))
    assert enroller.enrol(encoded(close)).template @ whole.template > 0.6


def test_what_is_no_photograph_is_refused(enroller: Enroller):
    with pytest.raises(CekalwatchError) as caught:
        enroller.enrol(b"hello")
    assert caught.value.code is Code.PHOTO_UNREADABLE
