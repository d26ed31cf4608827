from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.camera.settings import CameraSettings
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit


def test_defaults_need_a_source_and_a_key_only() -> None:
    settings = CameraSettings.load(source="0", camera_id="gate-1")
    assert (settings.server_address, settings.threads, settings.realtime) == ("127.0.0.1:50051", 1, False)
    assert settings.detector.parts[-2:] == ("models", "starter")


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
        ({"server_address": "nonsense"}, "server_address"),
        ({"source": ""}, "source"),
        ({"threads": 0}, "threads"),
        ({"detect_every": 0}, "detect_every"),
        ({"outbox_size": 0}, "outbox_size"),
        ({"log_level": "loud"}, "log_level"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, object], named: str) -> None:
    values: dict[str, object] = {"source": "0", "camera_id": "gate-1"}
    with pytest.raises(ProgramError, match=named) as error:
        CameraSettings.load(**(values | changes))  # type: ignore[arg-type]  # wrong on purpose
    assert error.value.exit_code is Exit.CONFIG
