from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.camera import settings as settings_module
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.site_pki import Site


def test_defaults_need_a_source_and_a_key_only() -> None:
    settings = CameraSettings.load(source="0", camera_id="gate-1")
    assert (settings.server_addresses, settings.threads, settings.realtime) == (("127.0.0.1:50051",), 1, False)
    assert settings.detector.parts[-2:] == ("models", "standard")


def test_a_camera_with_a_certificate_needs_neither_name_nor_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Site(tmp_path).device(DeviceRole.CAMERA, "gate-1")
    pack = tmp_path / "models" / "standard"
    pack.mkdir(parents=True)
    monkeypatch.setattr(settings_module, "SYSTEM_DETECTORS", (tmp_path / "none", pack))
    monkeypatch.setattr(settings_module, "DEFAULT_DETECTOR", missing := tmp_path / "nothing")
    (one,) = CameraSettings.load(source="0", tls_dir=files.folder, detector=missing).each()
    assert (one.camera_id, one.tls_dir, one.detector) == ("gate-1", files.folder, pack)
    files.folder.rename(tmp_path / "gate-1")
    (one,) = CameraSettings.load(source="0", camera_id="gate-1", tls_dir=tmp_path).each()
    assert one.tls_dir == tmp_path / "gate-1"
    with pytest.raises(ProgramError, match="camera_id is needed, since there is no certificate"):
        CameraSettings.load(source="0", tls_dir=tmp_path / "none").each()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "camera.toml"
    file.write_text('source = "a"\ncamera_id = "gate-1"\nthreads = 2\noutbox_size = 7\n')
    monkeypatch.setenv("CEKALWATCH_CAMERA_THREADS", "3")
    monkeypatch.setenv("CEKALWATCH_CAMERA_SOURCE", "b")
    settings = CameraSettings.load(file, source="c")
    assert (settings.source, settings.threads, settings.outbox_size) == ("c", 3, 7)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"camera_id": "Gate 1"}, "camera_id"),
        ({"server_addresses": "nonsense"}, "server_addresses"),
        ({"server_addresses": "a:1, a:1"}, "twice"),
        ({"server_addresses": ""}, "server_addresses"),
        ({"source": ""}, "source"),
        ({"threads": 0}, "threads"),
        ({"detect_every": 0}, "detect_every"),
        ({"outbox_size": 0}, "outbox_size"),
        ({"region": [[0.2, 0.2]]}, "region"),
        ({"rtsp_transport": "pigeon"}, "rtsp_transport"),
        ({"log_level": "loud"}, "log_level"),
        ({"time_zone": "Asia/Batam"}, "Asia/Batam"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, object], named: str) -> None:
    values: dict[str, object] = {"source": "0", "camera_id": "gate-1"}
    with pytest.raises(ProgramError, match=named) as error:
        CameraSettings.load(**(values | changes))  # type: ignore[arg-type]  # wrong on purpose
    assert error.value.exit_code is Exit.CONFIG


def test_settings_can_be_read_before_there_is_a_camera() -> None:
    settings = CameraSettings.load()
    with pytest.raises(ProgramError, match="a source is needed"):
        settings.each()


SEVERAL = """
detector = "/packs/standard"
track_miss_seconds = 2.0
tls_dir = "/etc/cekalwatch/tls"

[[cameras]]
camera_id = "gate-1"
source = "rtsp://10.0.0.7/1"

[[cameras]]
camera_id = "gate-2"
source = "0"
track_miss_seconds = 0.5
tls_dir = "/etc/cekalwatch/gate-2"
"""


def test_each_of_several_cameras_has_what_the_top_says_where_it_says_nothing_itself(tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.write_text(SEVERAL)
    one, two = CameraSettings.load(file).each()
    assert (one.camera_id, one.source, one.track_miss_seconds) == ("gate-1", "rtsp://10.0.0.7/1", 2.0)
    assert (two.camera_id, two.source, two.track_miss_seconds) == ("gate-2", "0", 0.5)
    assert one.detector == two.detector == Path("/packs/standard")


def test_each_of_several_cameras_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.write_text(SEVERAL)
    one, two = CameraSettings.load(file).each()
    assert one.tls_dir == Path("/etc/cekalwatch/tls/gate-1")
    assert two.tls_dir == Path("/etc/cekalwatch/gate-2")
    (alone,) = CameraSettings.load(source="0", camera_id="gate-1", tls_dir=Path("/etc/tls")).each()
    assert alone.tls_dir == Path("/etc/tls")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a source is needed"),
        ('camera_id = "gate-1"', "a source is needed"),
        (f'source = "0"\n{SEVERAL}', "not both"),
        (SEVERAL.replace("gate-2", "gate-1"), "gate-1 more than once"),
        (SEVERAL.replace("track_miss_seconds = 0.5", "track_mis_seconds = 0.5"), "cameras.1.track_mis_seconds"),
        (SEVERAL.replace('source = "0"', ""), "cameras.1.source"),
        (SEVERAL.replace("track_miss_seconds = 0.5", "threads = 2"), "cameras.1.threads"),
    ],
)
def test_what_cameras_there_are_must_be_clear(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.write_text(text)
    with pytest.raises(ProgramError, match=problem) as error:
        CameraSettings.load(file).each()
    assert error.value.exit_code is Exit.CONFIG


MOUNTED = """
[[cameras]]
camera_id = "dep-1"
source = "0"
[cameras.ptz]
address = "http://10.0.0.7"
user = "watcher"
preset = "departures"

[[cameras]]
camera_id = "arr-1"
source = "0"
[cameras.ptz]
address = "http://10.0.0.7:80"
user = "watcher"
preset = "arrivals"
"""


def test_the_keys_of_one_camera_belong_together_however_its_address_is_written(tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.write_text(MOUNTED)
    settings = CameraSettings.load(file)
    assert {mount: list(keys) for mount, keys in settings.mounts(settings.each()).items()} == {
        "10.0.0.7:80": ["dep-1", "arr-1"]
    }


@pytest.mark.parametrize("differs", ['user = "other"', 'user = "watcher"\ntrust_preset_without_feedback = true'])
def test_keys_of_one_camera_that_contradict_each_other_are_named(differs: str, tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.write_text(MOUNTED.replace('user = "watcher"', differs, 1))
    with pytest.raises(ProgramError, match=r"dep-1, arr-1 are the camera at 10\.0\.0\.7:80"):
        CameraSettings.load(file)
