"""What every face detector must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cekalwatch.server.recognition.packs.installed import import_pack, open_engine
from cekalwatch.vision.alignment import align
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, FaceDetector, PartialDetector, Picture
from cekalwatch.vision.manifest import PackError
from cekalwatch.vision.region import Region, limited_to
from tests.support.builders.portraits import astronaut, group, wall
from tests.support.tools.packs import light_pack, standard_pack
from tests.support.tools.shared import shared_faces, shared_models


def _standard(_: Path) -> FaceDetector:
    return open_detector(standard_pack(), threads=1)


def _light(_: Path) -> FaceDetector:
    return open_detector(light_pack(), threads=1)


def _scrfd_500m(_: Path) -> FaceDetector:
    return open_detector(shared_models() / "insightface-layout" / "det_500m.onnx", threads=1)


def _scrfd_2_5g(_: Path) -> FaceDetector:
    return open_detector(shared_models() / "detectors" / "scrfd_2.5g.onnx", threads=1)


def _yunet(_: Path) -> FaceDetector:
    return open_detector(shared_models() / "detectors" / "yunet_n_dynamic.onnx", threads=1)


def _light_in_a_region(_: Path) -> FaceDetector:
    return limited_to(Region([(0, 0), (1, 1)]), open_detector(light_pack(), threads=1))


def _insightface(models: Path) -> FaceDetector:
    pack = import_pack(shared_models() / "insightface-layout", models, "pack", "test data")
    return open_engine(pack, threads=1).detector


DETECTORS = [_standard, _light, _scrfd_500m, _scrfd_2_5g, _yunet, _light_in_a_region, _insightface]


@pytest.fixture(params=DETECTORS, ids=lambda make: make.__name__.strip("_"), scope="module")
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FaceDetector:
    make: Callable[[Path], FaceDetector] = request.param
    return make(tmp_path_factory.mktemp("models"))


def resized(picture: Picture, factor: float) -> Picture:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way), dtype=np.uint8)


FAR_OFF = {"yunet": 0.35}
"""Parts of the eye distance; YuNet's landmarks are rough, the others' are within FINE."""
FINE = 0.2


def assert_astronaut(face: Face, name: str, factor: float = 1.0, x: float = 0, y: float = 0) -> None:
    """The landmarks were read off the picture by eye."""
    wanted = np.array([[204, 101], [247, 103], [224, 128], [202, 140], [246, 141]]) * factor + (x, y)
    distance = np.linalg.norm(face.landmarks - wanted, axis=1) / (43 * factor)
    assert distance.max() < FAR_OFF.get(name, FINE)


def test_it_has_a_short_name(detector: FaceDetector):
    assert 0 < len(detector.name) <= 32


def test_it_finds_a_portrait_with_its_landmarks(detector: FaceDetector):
    (face,) = detector.detect(astronaut())
    assert_astronaut(face, detector.name)
    assert face.score > 0.7
    assert face.landmarks.dtype == np.float32
    assert face.left < face.landmarks[:, 0].min()
    assert face.landmarks[:, 0].max() < face.right
    assert face.top < face.landmarks[:, 1].min()
    assert face.landmarks[:, 1].max() < face.bottom


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2.5])
def test_it_finds_small_and_large_faces_in_a_frame(detector: FaceDetector, factor: float):
    frame = wall(1280, 1600)
    portrait = resized(astronaut(), factor)
    height, width = portrait.shape[:2]
    frame[:height, 100 : 100 + width] = portrait
    faces = detector.detect(frame)
    assert len(faces) == 1
    assert_astronaut(faces[0], detector.name, factor, 100, 0)


def test_it_finds_everybody_once_and_the_surest_first(detector: FaceDetector):
    faces = detector.detect(group())
    assert len(faces) == 6
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    centres = np.array([face.landmarks.mean(axis=0) for face in faces])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + np.eye(6) * 1e9
    assert apart.min() > 50


def test_it_finds_nobody_where_nobody_is(detector: FaceDetector):
    assert detector.detect(wall()) == []


def test_a_face_that_leaves_the_picture_is_still_found(detector: FaceDetector):
    picture = astronaut()[:, 195:]
    faces = detector.detect(np.ascontiguousarray(picture))
    assert all(np.isfinite(face.landmarks).all() for face in faces)
    assert any(abs(face.landmarks[1, 0] - (248 - 195)) < 15 for face in faces)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (2, 3), (16, 16), (33, 4000)])
def test_any_picture_size_is_accepted(detector: FaceDetector, shape: tuple[int, int]):
    assert isinstance(detector.detect(wall(*shape)), list)


def test_the_same_picture_gives_the_same_faces(detector: FaceDetector):
    first, second = detector.detect(group()), detector.detect(group())
    assert [face.score for face in first] == [face.score for face in second]
    assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(first, second, strict=True))


def test_a_part_of_a_larger_picture_will_do(detector: FaceDetector):
    part = group()[:, 200:1000]
    assert len(detector.detect(part)) == len(detector.detect(np.ascontiguousarray(part)))


@pytest.fixture(
    params=[_standard, _light, _light_in_a_region], ids=lambda make: make.__name__.strip("_"), scope="module"
)
def partial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PartialDetector:
    """Detectors with O-Net can search parts, others cannot."""
    detector = request.param(tmp_path_factory.mktemp("models"))
    assert isinstance(detector, PartialDetector)
    return detector


def in_a_hall(x: int, y: int) -> Picture:
    """A frame of a camera with one person in it."""
    frame = wall(720, 1280)
    portrait = resized(astronaut(), 0.6)
    height, width = portrait.shape[:2]
    frame[y : y + height, x : x + width] = portrait
    return frame


def test_networks_alone_cannot_search_parts(tmp_path: Path):
    assert not isinstance(_scrfd_500m(tmp_path), PartialDetector)


def test_a_part_shows_the_faces_of_the_whole_that_are_in_it(partial: PartialDetector):
    frame = in_a_hall(600, 256)
    (whole,), (part,) = partial.detect(frame), partial.search(frame, (0.4, 0.3, 0.8, 1.0))
    assert np.allclose(part.landmarks, whole.landmarks, atol=0.1 * whole.eye_distance)
    assert part.score == pytest.approx(whole.score, abs=0.1)
    assert partial.search(frame, (0.0, 0.0, 0.4, 1.0)) == []


@pytest.mark.parametrize("right", [0.8, 0.58])
def test_who_is_known_is_left_out_even_where_a_part_cuts_the_face(partial: PartialDetector, right: float):
    frame = in_a_hall(600, 256)
    (whole,) = partial.detect(frame)
    assert whole.left < 0.58 * 1280 < whole.right
    assert partial.search(frame, (0.4, 0.3, right, 1.0), [whole]) == []


def test_a_face_is_found_again_near_where_it_is_expected(partial: PartialDetector):
    (before,), after = partial.detect(in_a_hall(600, 256)), in_a_hall(608, 250)
    (whole,), (followed,) = partial.detect(after), partial.follow(after, [before])
    assert followed
    assert np.allclose(followed.landmarks, whole.landmarks, atol=0.1 * whole.eye_distance)


def test_where_nobody_is_any_more_nobody_is_followed(partial: PartialDetector):
    (before,) = partial.detect(in_a_hall(600, 256))
    beside = replace(before, left=before.left + 2 * before.width, right=before.right + 2 * before.width)
    assert partial.follow(in_a_hall(0, 200), [before, beside]) == [None, None]
    assert partial.follow(in_a_hall(0, 200), []) == []


def test_our_scrfd_finds_what_insightface_finds(tmp_path: Path):
    ours, theirs = _scrfd_500m(tmp_path), _insightface(tmp_path)
    for picture in (astronaut(), group()):
        for mine, other in zip(ours.detect(picture), theirs.detect(picture), strict=True):
            near = min(theirs.detect(picture), key=lambda face: float(np.linalg.norm(face.landmarks - mine.landmarks)))
            assert np.abs(near.landmarks - mine.landmarks).max() < 0.1 * mine.eye_distance
            assert other.score == pytest.approx(mine.score, abs=0.1)


@pytest.mark.slow
def test_the_light_misses_none_of_a_hundred_photographs(tmp_path: Path):
    detector = _light(tmp_path)
    files = sorted(path for path in (shared_faces() / "lfw").glob("*/*.jpg"))[::40]
    assert len(files) > 90
    for file in files:
        faces = detector.detect(np.asarray(cv2.imread(str(file)), dtype=np.uint8))
        middles = [face for face in faces if np.hypot(*(face.landmarks.mean(axis=0) - 125)) < 50]
        assert middles, file.name
        align(wall(250, 250), middles[0].landmarks)


@pytest.mark.slow
def test_the_standard_finds_a_large_face_that_is_out_of_focus(tmp_path: Path):
    blurred = np.asarray(cv2.GaussianBlur(astronaut()[:288, 48:400], (0, 0), 8), dtype=np.uint8)
    (face,) = _standard(tmp_path).detect(blurred)
    assert face.score > 0.7
    # The middle of the landmarks in `assert_astronaut`, 48 pixels further left.
    assert np.linalg.norm(face.landmarks.mean(axis=0) - (176, 123)) < 15


@pytest.mark.slow
@pytest.mark.parametrize("each", [160, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_the_lights_landmarks_are_near_those_of_a_better_detector(tmp_path: Path, each: int):
    """Recognition rests on them. One pass of O-Net instead of three gives 0.064 of the eye distance, not 0.043."""
    ours, theirs = _light(tmp_path), _scrfd_2_5g(tmp_path)
    distances = []
    for file in sorted((shared_faces() / "lfw").glob("*/*.jpg"))[::each]:
        picture = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
        mine, other = (
            min(detector.detect(picture), key=lambda face: float(np.hypot(*(face.landmarks.mean(axis=0) - 125))))
            for detector in (ours, theirs)
        )
        distances.append(np.linalg.norm(mine.landmarks - other.landmarks, axis=1).mean() / other.eye_distance)
    assert np.mean(distances) < 0.05


def test_a_network_that_is_no_detector_is_refused(tmp_path: Path):
    with pytest.raises(PackError, match="no SCRFD"):
        open_detector(light_pack() / "recogniser.onnx", threads=1)
    with pytest.raises(PackError, match="There is no file"):
        open_detector(tmp_path / "nothing.onnx", threads=1)
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes((light_pack() / "onet.onnx").read_bytes()[:1000])
    with pytest.raises(PackError, match="cannot load"):
        open_detector(damaged, threads=1)
