from __future__ import annotations

import json
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.vision.manifest import (
    ColourOrder,
    DetectorKind,
    DetectorSpec,
    EngineKind,
    Pack,
    PackError,
    RecogniserSpec,
    file_sha256,
    load_pack,
    write_manifest,
)
from cekalwatch.vision.thresholds import LikenessModel, Provenance, ThresholdModel

THRESHOLDS = ThresholdModel(
    1000, 0.45, 0.05, 0.02, 0.0, Provenance("some faces", "mine-1234", "2026-11-25", 300, 900, 3, "0.1.0")
)

LIKENESS = LikenessModel(0.6, 0.75, 1e-4, 0.01, THRESHOLDS.provenance)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack whose networks are any bytes: the manifest does not look into them."""
    (tmp_path / "det.onnx").write_bytes(b"detector" * 100)
    (tmp_path / "rec.onnx").write_bytes(b"recogniser" * 100)
    write_manifest(
        Pack(
            folder=tmp_path,
            name="mine",
            version="3",
            licence="MIT",
            engine=EngineKind.ONNXRUNTIME,
            detector=DetectorSpec(DetectorKind.SCRFD, ("det.onnx",)),
            recogniser=RecogniserSpec("rec.onnx", 512, ColourOrder.RGB, 127.5, 127.5),
            thresholds=THRESHOLDS,
            likeness=LIKENESS,
            sha256={name: file_sha256(tmp_path / name) for name in ("det.onnx", "rec.onnx")},
        )
    )
    return tmp_path


def change(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_written_pack_loads_as_it_was(folder: Path):
    pack = load_pack(folder)
    assert (pack.name, pack.version, pack.licence) == ("mine", "3", "MIT")
    assert pack.detector == DetectorSpec(DetectorKind.SCRFD, ("det.onnx",))
    assert pack.recogniser == RecogniserSpec("rec.onnx", 512, ColourOrder.RGB, 127.5, 127.5)
    assert (pack.thresholds, pack.likeness) == (THRESHOLDS, LIKENESS)
    assert pack.path("rec.onnx").read_bytes().startswith(b"recogniser")


def test_the_model_version_follows_the_recogniser_and_nothing_else(folder: Path):
    before = load_pack(folder).model_version
    assert before == f"mine-{file_sha256(folder / 'rec.onnx')[:8]}"
    (folder / "det.onnx").write_bytes(b"another detector")
    change(folder, sha256={name: file_sha256(folder / name) for name in ("det.onnx", "rec.onnx")})
    assert load_pack(folder).model_version == before


def test_a_missing_pack_says_how_to_install_one(tmp_path: Path):
    with pytest.raises(PackError, match="models install standard") as caught:
        load_pack(tmp_path / "nowhere")
    assert caught.value.exit_code is Exit.CONFIG


def test_a_folder_without_manifest_says_how_to_import_it(tmp_path: Path):
    with pytest.raises(PackError, match="models import"):
        load_pack(tmp_path)


def test_a_missing_network_is_refused(folder: Path):
    (folder / "det.onnx").unlink()
    with pytest.raises(PackError, match=r"det\.onnx is missing.*Install the pack again"):
        load_pack(folder)


def test_a_truncated_network_is_refused(folder: Path):
    data = (folder / "rec.onnx").read_bytes()
    (folder / "rec.onnx").write_bytes(data[:-1])
    with pytest.raises(PackError, match=r"rec\.onnx is damaged or was changed.*Install the pack again"):
        load_pack(folder)


def test_a_tampered_network_is_refused(folder: Path):
    data = bytearray((folder / "rec.onnx").read_bytes())
    data[500] ^= 1
    (folder / "rec.onnx").write_bytes(data)
    with pytest.raises(PackError, match="sha256"):
        load_pack(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 1},
        {"name": ""},
        {"engine": "tensorflow"},
        {"detector": {"kind": "scrfd", "files": []}},
        {"detector": {"kind": "scrfd", "files": ["../det.onnx"]}},
        {"detector": {"kind": "scrfd", "files": ["other.onnx"]}},
        {"recogniser": {"file": "/etc/passwd", "size": 512, "colour_order": "rgb", "mean": 0, "std": 1}},
        {"recogniser": {"file": "rec.onnx", "size": 0, "colour_order": "rgb", "mean": 0, "std": 1}},
        {"recogniser": {"file": "rec.onnx", "size": 512, "colour_order": "rgb", "mean": 0, "std": 0}},
        {"recogniser": {"file": "rec.onnx", "size": 512, "colour_order": "xyz", "mean": 0, "std": 1}},
        {"thresholds": []},
        {"thresholds": THRESHOLDS.to_json() | {"scale": 0}},
        {"thresholds": THRESHOLDS.to_json() | {"tail_from": "nan"}},
        {"thresholds": THRESHOLDS.to_json() | {"provenance": {}}},
        {"sha256": {}},
        {"sha256": None},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(folder: Path, fields: dict[str, object]):
    change(folder, **fields)
    with pytest.raises(PackError, match="cannot be used"):
        load_pack(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"pack"', "\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(folder: Path, text: str):
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(PackError, match="cannot be used"):
        load_pack(folder)
