"""Setting up and checking a camera for the service of Windows, where somebody else than the service does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.camera import checks
from cekalwatch.camera.checks import check_service
from cekalwatch.camera.cli.app import app
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.camera.sources import opening
from cekalwatch.camera.sources.frames import SourceError
from cekalwatch.program import settings as program_settings
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.platform.installation import Installation
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation, InvitationCode

ENCRYPTED = "rtsps://watcher:secret@10.0.0.7/1"


@pytest.fixture
def invitation(tmp_path: Path) -> Iterator[Path]:
    code = InvitationCode.new(b"authority")
    invited = DeviceInvitation(Identity(DeviceRole.CAMERA, "port", "d-1"), "127.0.0.1:1", "127.0.0.1:1", code)
    (tmp_path / "d-1.invitation").write_text(invited.text)
    yield tmp_path / "d-1.invitation"
    assert not list(tmp_path.rglob("*.pem")), "the invitation was not used"


def refused(*arguments: str | Path) -> str:
    return str(CliRunner().invoke(app, ["init", *map(str, arguments)]).exception)


def test_a_camera_whose_certificate_nothing_would_compare_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, invitation: Path, tmp_path: Path
) -> None:
    """OpenCV's library for Windows asks the machine's authorities, whatever the settings name."""
    monkeypatch.setattr(opening, "HONOURS_AUTHORITY", False)
    camera = OneCamera(camera_id="d-1", source=ENCRYPTED, rtsps_authority=tmp_path / "camera.pem")
    with pytest.raises(SourceError, match="on Windows nothing would compare its certificate") as told:
        opening.open_source(camera, SystemClock())
    assert "secret" not in str(told.value)
    given = ("--invitation", invitation, "--config", tmp_path / "camera.toml", "--tls-dir", tmp_path / "tls")
    assert "on Windows nothing would compare" in refused(*given, "--source", "rtsps://10.0.0.7/1")


def test_who_is_no_administrator_is_told_how_to_set_the_service_up(
    monkeypatch: pytest.MonkeyPatch, invitation: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(CameraSettings, "usual_files", classmethod(lambda _: (tmp_path / "own.toml",)))
    monkeypatch.setattr(Installation, "is_there", True)
    assert "Run as administrator" in refused("--invitation", invitation, "--source", "0")


def test_settings_of_the_machine_that_are_there_are_not_passed_by(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Programs read them first: others would be read by nobody."""
    files = (tmp_path / "machine.toml", tmp_path / "own" / "own.toml")
    monkeypatch.setattr(CameraSettings, "usual_files", classmethod(lambda _: files))
    monkeypatch.setattr(program_settings, "_may_be_made", lambda file: file == files[1])
    assert CameraSettings.new_file(None) == files[1]
    files[0].touch()
    assert CameraSettings.new_file(None) == files[0]


def test_what_the_service_may_not_read_fails_with_the_command_that_lets_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, none = tmp_path / "key.pem", tmp_path / "none"
    key.touch()
    assert check_service((key, none)) == (CheckVerdict.OK, "it may read its settings and keys")
    monkeypatch.setattr(checks, "unreadable_by_service", lambda files: dict.fromkeys(files, "icacls"))
    assert check_service((key, none)) == (CheckVerdict.FAIL, f"the service may not read {key}: run icacls")
