from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cekalwatch.server.recognition.packs.installed import import_pack, installed, load_named, open_engine, replacing
from cekalwatch.server.recognition.packs.light import LICENCE
from cekalwatch.vision.manifest import EngineKind, Pack, PackError, load_pack
from tests.support.builders.portraits import astronaut
from tests.support.tools.packs import light_pack
from tests.support.tools.shared import shared_models


def layout() -> Path:
    return shared_models() / "insightface-layout"


def copied(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        shutil.copyfile(file, target / file.name)
    return target


def works(pack: Pack) -> bool:
    return len(open_engine(pack, threads=1).detector.detect(astronaut())) == 1


def test_a_folder_in_insightfaces_layout_is_imported_and_works(tmp_path: Path):
    pack = import_pack(layout(), tmp_path, "free", "contract 17")
    assert pack.engine is EngineKind.INSIGHTFACE
    assert (pack.detector.files, pack.recogniser.file) == (("det_500m.onnx",), "rec_mbf.onnx")
    assert (pack.recogniser.size, pack.recogniser.mean, pack.recogniser.std) == (512, 127.5, 127.5)
    assert pack.licence == "contract 17"
    assert works(load_named(tmp_path, "free"))


def test_networks_one_folder_down_and_other_networks_beside_are_no_hindrance(tmp_path: Path):
    outer = tmp_path / "outer"
    outer.mkdir()
    inner = copied(layout(), outer / "antelopev2")
    # As in buffalo_l, a network for another task comes first by name.
    shutil.copyfile(light_pack() / "onet.onnx", inner / "1k3d68.onnx")
    pack = import_pack(outer, tmp_path / "models", "antelopev2", "research")
    assert set(pack.sha256) == {"det_500m.onnx", "rec_mbf.onnx"}
    assert works(pack)


def test_a_pack_with_a_manifest_is_copied_as_it_is(tmp_path: Path):
    pack = import_pack(light_pack(), tmp_path, "copy", "ignored")
    original = load_pack(light_pack())
    assert (pack.licence, pack.thresholds, pack.sha256) == (LICENCE, original.thresholds, original.sha256)
    assert pack.name == "copy"
    assert works(pack)


def test_a_truncated_network_is_refused_and_nothing_is_left(tmp_path: Path):
    source = copied(layout(), tmp_path / "source")
    data = (source / "rec_mbf.onnx").read_bytes()
    (source / "rec_mbf.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(PackError, match=r"rec_mbf\.onnx is damaged"):
        import_pack(source, tmp_path / "models", "broken", "")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_tampered_pack_is_not_imported(tmp_path: Path):
    source = copied(light_pack(), tmp_path / "source")
    data = bytearray((source / "recogniser.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (source / "recogniser.onnx").write_bytes(data)
    with pytest.raises(PackError, match="damaged or was changed"):
        import_pack(source, tmp_path / "models", "mine", "")


def test_a_folder_without_a_recogniser_is_refused(tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copyfile(layout() / "det_500m.onnx", source / "det_500m.onnx")
    with pytest.raises(PackError, match="no recogniser"):
        import_pack(source, tmp_path / "models", "half", "")


def test_a_folder_without_networks_is_refused(tmp_path: Path):
    with pytest.raises(PackError, match="neither"):
        import_pack(tmp_path, tmp_path / "models", "empty", "")
    with pytest.raises(PackError, match="no folder"):
        import_pack(tmp_path / "nowhere", tmp_path / "models", "empty", "")


@pytest.mark.parametrize("name", ["", "..", "a/b", "Standard", "x" * 65, ".hidden"])
def test_a_name_cannot_lead_out_of_the_folder_of_packs(tmp_path: Path, name: str):
    with pytest.raises(PackError, match="no name"):
        load_named(tmp_path, name)


def test_a_failed_replacement_leaves_the_old_pack(tmp_path: Path):
    import_pack(light_pack(), tmp_path, "mine", "")

    def fail(fresh: Path) -> None:
        (fresh / "half").write_text("written")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), replacing(tmp_path / "mine") as fresh:
        fail(fresh)
    assert [folder.name for folder in installed(tmp_path)] == ["mine"]
    assert works(load_named(tmp_path, "mine"))
    assert len(list(tmp_path.iterdir())) == 1


def test_importing_again_replaces_the_pack(tmp_path: Path):
    import_pack(layout(), tmp_path, "mine", "first")
    import_pack(layout(), tmp_path, "mine", "second")
    assert load_named(tmp_path, "mine").licence == "second"
    assert len(list(tmp_path.iterdir())) == 1
