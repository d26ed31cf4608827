"""Building the pack `accurate` of the packs `standard` and `light`: what it computes, and wrong sources."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from cekalwatch.server.recognition.engines.recogniser import Templates
from cekalwatch.server.recognition.packs.accurate import (
    SHARE,
    build_accurate,
    check_joined,
    install_accurate,
    joined_network,
)
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.alignment import align
from cekalwatch.vision.manifest import DetectorKind, Pack, PackError, file_sha256, load_pack, write_manifest
from tests.support.builders.portraits import astronaut, group
from tests.support.tools.packs import accurate_pack, light_pack, standard_pack


@cache
def both() -> tuple[Pack, Pack]:
    return load_pack(standard_pack()), load_pack(light_pack())


@cache
def templates() -> tuple[Templates, ...]:
    """Of seven faces: by `standard`, by `light` and by `accurate`."""
    first, *others = (open_engine(pack, threads=1) for pack in (*both(), load_pack(accurate_pack())))
    faces = [
        align(picture, face.landmarks) for picture in (group(), astronaut()) for face in first.detector.detect(picture)
    ]
    return tuple(engine.recogniser.embed(np.stack(faces)) for engine in (first, *others))


def test_the_installed_pack_is_sound_and_says_what_it_is():
    pack = load_pack(accurate_pack())
    assert (pack.detector.kind, pack.recogniser.size) == (DetectorKind.YUNET_ONET, 640)
    assert all(each.licence in pack.licence for each in both())
    assert pack.thresholds.provenance.model_version == pack.model_version
    assert pack.decision_thresholds.provenance.model_version == pack.score_version != pack.model_version
    assert pack.likeness is not None
    assert pack.likeness.provenance.model_version == pack.model_version


@pytest.mark.slow
def test_templates_and_scores_are_those_of_both_networks():
    first, second, joined = templates()
    parts = [np.sqrt(SHARE) * first, np.sqrt(1 - SHARE) * second]
    assert len(joined) == 7
    assert np.sum(joined * np.hstack(parts), axis=1) == pytest.approx(1, abs=1e-5)
    assert joined @ joined.T == pytest.approx(0.7 * first @ first.T + 0.3 * second @ second.T, abs=1e-4)


@pytest.mark.slow
def test_the_same_packs_give_the_same_bytes():
    """Those of the pack were written at another time, by another process or before."""
    assert hashlib.sha256(joined_network(*both())).hexdigest() == load_pack(accurate_pack()).sha256["recogniser.onnx"]


@pytest.mark.slow
def test_a_network_that_was_joined_otherwise_is_noticed(tmp_path: Path):
    shutil.copytree(accurate_pack(), tmp_path / "accurate")
    pack = load_pack(tmp_path / "accurate")
    network = onnx.load(pack.path("recogniser.onnx"))
    (root,) = (each for each in network.graph.initializer if each.name == "second/root")
    root.CopyFrom(numpy_helper.from_array(np.array(0.6, np.float32), root.name))
    onnx.save(network, pack.path("recogniser.onnx"))
    changed = replace(pack, sha256=dict(pack.sha256) | {"recogniser.onnx": file_sha256(pack.path("recogniser.onnx"))})
    write_manifest(changed)
    with pytest.raises(PackError, match=r"are not those of both networks.*Nothing was installed"):
        check_joined(changed, *both())


def test_a_damaged_pack_builds_nothing(tmp_path: Path):
    shutil.copytree(light_pack(), tmp_path / "light")
    network = tmp_path / "light" / "recogniser.onnx"
    network.write_bytes(network.read_bytes()[:-1])
    with pytest.raises(PackError, match="is damaged or was changed"):
        build_accurate(tmp_path / "models", standard_pack(), tmp_path / "light")
    assert not (tmp_path / "models").exists()


def test_packs_that_have_changed_places_build_nothing(tmp_path: Path):
    with pytest.raises(PackError, match="cannot be built: the first network is not of opset 21"):
        build_accurate(tmp_path, light_pack(), standard_pack())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.exhaustive
def test_the_packages_of_both_packs_give_the_same_pack(tmp_path: Path):
    """By the real clients, from the registries; `test_the_same_packs_give_the_same_bytes` joins what is there."""
    steps: list[str] = []
    pack = install_accurate(tmp_path, steps.append)
    assert pack.model_version == load_pack(accurate_pack()).model_version
    assert [folder.name for folder in tmp_path.iterdir()] == ["accurate"]
    assert len(steps) == 9
