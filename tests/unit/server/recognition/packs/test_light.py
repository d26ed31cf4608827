"""Building the pack `light` when a package client fails; `tests.support.tools.packs` runs the real clients."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cekalwatch.server.recognition.packs import light as module
from cekalwatch.server.recognition.packs.light import build_light, install_light
from cekalwatch.vision.manifest import DetectorKind, EngineKind, PackError, load_pack
from tests.support.tools.packs import light_pack


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_the_installed_pack_is_sound_and_says_what_it_is():
    pack = load_pack(light_pack())
    assert pack.engine is EngineKind.ONNXRUNTIME
    assert pack.detector.kind is DetectorKind.ULTRAFACE_ONET
    assert "MIT" in pack.licence
    assert pack.thresholds.provenance.model_version == pack.model_version
    assert pack.sha256["onet.onnx"] == module.SOURCES_SHA256["onet.onnx"]


def test_a_changed_package_installs_nothing(tmp_path: Path, bin_folder: Path):
    program(bin_folder, "npm", "echo changed > faceplugin-face-recognition-js-0.0.1.tgz")
    with pytest.raises(PackError, match=r"sha256.*Nothing was installed"):
        install_light(tmp_path / "models", lambda _: None)
    assert not (tmp_path / "models").exists()


def test_a_registry_that_cannot_be_reached_is_said_so(tmp_path: Path, bin_folder: Path):
    program(bin_folder, "npm", "echo 'npm error network getaddrinfo ENOTFOUND' >&2; exit 1")
    with pytest.raises(PackError, match=r"ENOTFOUND.*Check the network"):
        install_light(tmp_path / "models", lambda _: None)


def test_a_client_that_brings_nothing_is_noticed(tmp_path: Path, bin_folder: Path):
    program(bin_folder, "npm", "exit 0")
    with pytest.raises(PackError, match="did not arrive"):
        install_light(tmp_path / "models", lambda _: None)


def test_other_networks_than_the_known_ones_build_nothing(tmp_path: Path):
    recogniser = (light_pack() / "recogniser.onnx").read_bytes()
    sources = {"fr_detect.onnx": recogniser, "fr_feature.onnx": recogniser, "onet.onnx": b""}
    with pytest.raises(PackError, match="cannot be built"):
        build_light(tmp_path, sources)
    assert list(tmp_path.iterdir()) == []
