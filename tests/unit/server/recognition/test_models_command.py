"""`cekalwatch-server models` as a process: what it prints and its exit codes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from cekalwatch.program.errors import Exit
from cekalwatch.server.cli.models import app
from cekalwatch.server.recognition.packs.installed import load_named
from cekalwatch.vision.manifest import EngineKind
from tests.support.tools.packs import MODELS, light_pack
from tests.support.tools.programs import run_program
from tests.support.tools.shared import shared_models


def models(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CEKALWATCH_")}
    environment |= {"CEKALWATCH_SERVER_MODELS_DIR": str(folder), "COLUMNS": "200"}
    return run_program("server", "models", *arguments, environment=environment)


@pytest.mark.slow
def test_a_sound_light_is_left_as_it_is():
    before = (light_pack() / "manifest.json").stat().st_mtime_ns
    done = models("install", "light", folder=MODELS)
    assert done.returncode == Exit.OK
    assert "installed already" in done.stdout
    assert (light_pack() / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_pack_that_a_package_brought_is_taken_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(light_pack(), tmp_path / "shipped" / "light")
    monkeypatch.setattr("cekalwatch.program.settings.SHIPPED_PACKS", tmp_path / "shipped")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("the network was asked"))
    with pytest.raises(SystemExit) as ended:
        app(["install", "light", "--models-dir", str(tmp_path / "models")])
    assert ended.value.code == Exit.OK
    assert f"light installed from {tmp_path / 'shipped' / 'light'}" in capsys.readouterr().out.replace("\n", "")
    assert load_named(tmp_path / "models", "light").model_version == load_named(MODELS, "light").model_version


@pytest.mark.slow
def test_verify_names_the_damaged_file_and_what_to_do(tmp_path: Path):
    shutil.copytree(light_pack(), tmp_path / "light")
    sound = models("verify", folder=tmp_path)
    assert (sound.returncode, sound.stdout.strip()) == (Exit.OK, "light: sound")
    (tmp_path / "light" / "onet.onnx").write_bytes(b"short")
    damaged = models("verify", "light", folder=tmp_path)
    assert damaged.returncode == Exit.CONFIG
    assert "onet.onnx is damaged or was changed" in damaged.stdout
    assert "models install light --force" in damaged.stdout
    assert damaged.stderr.splitlines()[1].startswith("Error: ")


@pytest.mark.slow
def test_verify_without_any_pack_says_how_to_install_one(tmp_path: Path):
    done = models("verify", folder=tmp_path)
    assert done.returncode == Exit.CONFIG
    assert "models install standard" in done.stderr


@pytest.mark.slow
def test_list_shows_what_is_installed(tmp_path: Path):
    assert "No model pack" in models("list", folder=tmp_path).stdout
    shutil.copytree(light_pack(), tmp_path / "light")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    shown = models("list", folder=tmp_path).stdout
    assert "light-" in shown
    assert "damaged" in shown


@pytest.mark.slow
def test_import_copies_a_pack_and_does_not_overwrite_one_unasked(tmp_path: Path):
    arguments = ("import", str(light_pack()), "--name", "mine")
    first = models(*arguments, folder=tmp_path)
    assert first.returncode == Exit.OK, first.stderr
    assert (tmp_path / "mine" / "recogniser.onnx").is_file()
    again = models(*arguments, folder=tmp_path)
    assert again.returncode == Exit.FAILED
    assert "--force" in again.stderr
    assert models(*arguments, "--force", folder=tmp_path).returncode == Exit.OK


@pytest.mark.slow
def test_a_licence_must_be_accepted_before_anything_is_fetched(tmp_path: Path):
    done = models("install", "buffalo_l", "--url", "http://127.0.0.1:9/x.zip", folder=tmp_path)
    assert done.returncode == Exit.USAGE
    assert "non-commercial research" in done.stdout
    assert "--accept-license" in done.stderr


@pytest.mark.slow
def test_a_published_pack_is_fetched_unpacked_and_described(tmp_path: Path, httpserver: HTTPServer):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for network in (shared_models() / "insightface-layout").glob("*.onnx"):
            packed.write(network, f"buffalo_s/{network.name}")
    httpserver.expect_request("/pack.zip").respond_with_data(stream.getvalue())
    arguments = ("install", "buffalo_s", "--accept-license", "--url", httpserver.url_for("/pack.zip"))
    checked = models(*arguments, "--sha256", "0" * 64, folder=tmp_path)
    assert checked.returncode == Exit.CONFIG
    assert list(tmp_path.iterdir()) == []
    done = models(*arguments, "--sha256", sha256(stream.getvalue()).hexdigest(), folder=tmp_path)
    assert done.returncode == Exit.OK, done.stderr
    pack = load_named(tmp_path, "buffalo_s")
    assert pack.engine is EngineKind.INSIGHTFACE
    assert "non-commercial" in pack.licence


@pytest.mark.slow
def test_a_failed_download_says_what_else_can_be_done(tmp_path: Path):
    done = models("install", "buffalo_s", "--accept-license", "--url", "http://127.0.0.1:9/x.zip", folder=tmp_path)
    assert done.returncode == Exit.CONFIG
    assert "models import FOLDER" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_unknown_pack_lists_the_known_ones(tmp_path: Path):
    done = models("install", "nonsense", folder=tmp_path)
    assert done.returncode == Exit.USAGE
    assert "standard, light, accurate, buffalo_l, buffalo_s, antelopev2" in done.stderr


@pytest.mark.slow
def test_every_command_has_help_with_an_example(tmp_path: Path):
    for command in ("install", "import", "list", "verify"):
        done = models(command, "--help", folder=tmp_path)
        assert done.returncode == Exit.OK
        assert f"cekalwatch-server models {command}" in done.stdout
