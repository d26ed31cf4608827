"""What every recogniser must do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from cekalwatch.server.recognition.engines import opening
from cekalwatch.server.recognition.engines.recogniser import AlignedFaces
from cekalwatch.server.recognition.packs.installed import Engine, import_pack, open_engine
from cekalwatch.vision import openvino_runtime
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.portraits import astronaut, group
from tests.support.tools.packs import accurate_pack, light_pack, standard_pack
from tests.support.tools.shared import shared_models


def _standard(_: Path) -> Engine:
    return open_engine(load_pack(standard_pack()), threads=1)


def _light(_: Path) -> Engine:
    return open_engine(load_pack(light_pack()), threads=1)


def _insightface(models: Path) -> Engine:
    return open_engine(import_pack(shared_models() / "insightface-layout", models, "pack", "test data"), threads=1)


def _openvino(_: Path, pack: Path | None = None, precision: Precision = Precision.F32) -> Engine:
    choice = InferenceChoice(InferenceEngine.OPENVINO, precision)
    return open_engine(load_pack(pack or light_pack()), 1, choice)


def _standard_by_openvino(folder: Path) -> Engine:
    return _openvino(folder, standard_pack())


def _accurate_by_openvino(folder: Path) -> Engine:
    return _openvino(folder, accurate_pack())


def _accurate_by_openvino_bf16(folder: Path) -> Engine:
    return _openvino(folder, accurate_pack(), _bf16())


def _openvino_bf16(folder: Path) -> Engine:
    return _openvino(folder, None, _bf16())


def _standard_by_openvino_bf16(folder: Path) -> Engine:
    return _openvino(folder, standard_pack(), _bf16())


def _bf16() -> Precision:
    if not openvino_runtime.has_bf16():
        pytest.skip("this processor has no bf16")
    return Precision.BF16


BY_OPENVINO = [
    *(_standard_by_openvino, _standard_by_openvino_bf16, _openvino, _accurate_by_openvino),
    *(pytest.param(make, marks=pytest.mark.exhaustive) for make in (_openvino_bf16, _accurate_by_openvino_bf16)),
]


def _name(make: Callable[[Path], Engine]) -> str:
    return make.__name__.strip("_")


@pytest.fixture(params=[*BY_OPENVINO, _standard, _light, _insightface], ids=_name, scope="module")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    make: Callable[[Path], Engine] = request.param
    return make(tmp_path_factory.mktemp("models"))


def faces_of(engine: Engine, picture: Picture) -> AlignedFaces:
    return np.stack([align(picture, face.landmarks) for face in engine.detector.detect(picture)])


@pytest.mark.slow
def test_templates_have_the_stated_size_and_length_1(engine: Engine):
    faces = faces_of(engine, group())
    templates = engine.recogniser.embed(faces)
    assert templates.shape == (6, engine.recogniser.size)
    assert templates.dtype == np.float32
    assert np.linalg.norm(templates, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_faces_give_no_templates(engine: Engine):
    templates = engine.recogniser.embed(np.zeros((0, 112, 112, 3), np.uint8))
    assert templates.shape == (0, engine.recogniser.size)


@pytest.mark.slow
def test_a_batch_gives_what_single_faces_give(engine: Engine):
    faces = faces_of(engine, group())
    singles = np.concatenate([engine.recogniser.embed(face[None]) for face in faces])
    # In bf16 a batch may be computed with other kernels.
    tolerance = 5e-3 if engine.inference.precision is Precision.BF16 else 1e-4
    assert engine.recogniser.embed(faces) == pytest.approx(singles, abs=tolerance)


@pytest.mark.slow
def test_one_person_is_near_and_others_are_far(engine: Engine):
    portrait = astronaut()
    darker = cv2.GaussianBlur((portrait * 0.6).astype(np.uint8), (0, 0), 1.2)
    (first,) = engine.recogniser.embed(faces_of(engine, portrait))
    (again,) = engine.recogniser.embed(faces_of(engine, np.asarray(darker, dtype=np.uint8)))
    others = engine.recogniser.embed(faces_of(engine, group()))
    assert first @ again > 0.7
    assert (others @ first).max() < 0.35
    between = others @ others.T - np.eye(len(others))
    assert between.max() < 0.45


@pytest.mark.slow
def test_threads_share_it(engine: Engine):
    faces = faces_of(engine, group())
    each = [faces[number : number + 1] for number in range(4)]
    wanted = [engine.recogniser.embed(faces) for faces in each]
    with ThreadPoolExecutor(4) as pool:
        for which, templates in enumerate(pool.map(engine.recogniser.embed, each * 6)):
            assert np.array_equal(templates, wanted[which % 4])


@pytest.mark.slow
def test_templates_are_bound_to_pack_and_network(engine: Engine):
    name = engine.pack.name
    assert engine.recogniser.model_version == f"{name}-{engine.pack.sha256[engine.pack.recogniser.file][:8]}"


def test_the_light_recogniser_is_one_for_insightface_too():
    """Its colours and its batch are what insightface feeds."""
    from insightface.model_zoo import get_model

    engine = _light(Path())
    faces = faces_of(engine, group())
    path = engine.pack.path(engine.pack.recogniser.file)
    features = get_model(str(path), providers=["CPUExecutionProvider"]).get_feat(list(faces))
    theirs = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert engine.recogniser.embed(faces) == pytest.approx(theirs, abs=1e-4)


def test_the_light_recogniser_has_its_colours_in_insightfaces_order(tmp_path: Path):
    """The same network, changed by hand for insightface, is among the test models."""
    ours, theirs = _light(tmp_path), _insightface(tmp_path)
    faces = faces_of(ours, group())
    assert ours.recogniser.embed(faces) == pytest.approx(theirs.recogniser.embed(faces), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("engine", BY_OPENVINO, ids=_name, indirect=True)
def test_each_engine_gives_templates_for_the_same_gallery(engine: Engine):
    plain = open_engine(load_pack(engine.pack.folder), threads=1)
    agreement = opening.MIN_AGREEMENT if engine.inference.precision is Precision.BF16 else 0.9999
    portraits = [astronaut(scale) for scale in (0.5, 0.7, 1.0)]
    faces = np.concatenate([faces_of(plain, picture) for picture in (group(), *portraits)])
    assert engine.recogniser.model_version == plain.recogniser.model_version
    scores = np.sum(plain.recogniser.embed(faces) * engine.recogniser.embed(faces), axis=1)
    assert len(scores) == 9
    assert scores.min() > agreement
