"""What makes the agent start with the officer's session."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cekalwatch.notifier.desktop.autostart import DesktopFiles, desktop_entry
from cekalwatch.program.errors import Exit, ProgramError


def test_a_desktop_file_starts_it_at_sign_in_and_stands_in_the_menu(tmp_path: Path) -> None:
    start = DesktopFiles(("/opt/cekalwatch/bin/cekalwatch-notifier", "desktop"), {"HOME": str(tmp_path)})
    assert set(start.files) == {
        tmp_path / ".config" / "autostart" / "cekalwatch-notifier.desktop",
        tmp_path / ".local" / "share" / "applications" / "cekalwatch-notifier.desktop",
    }
    start.install()
    assert start.is_there
    for path in start.files:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "[Desktop Entry]"
        assert "Exec=/opt/cekalwatch/bin/cekalwatch-notifier desktop" in lines
    start.remove()
    assert not any(path.exists() for path in start.files)
    start.remove()


def test_folders_that_the_session_names_are_used(tmp_path: Path) -> None:
    environment = {"HOME": "/home/x", "XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}
    files = DesktopFiles(("agent",), environment).files
    assert {path.parent for path in files} == {tmp_path / "c" / "autostart", tmp_path / "d" / "applications"}


@pytest.mark.parametrize(
    ("part", "written"),
    [
        ("/a b", '"/a b"'),
        ("/50%", "/50%%"),
        ("/it's", '"/it\'s"'),
        ('/"q"', r'"/\\"q\\""'),
        ("/$HOME", r'"/\\$HOME"'),
    ],
)
def test_what_a_shell_would_read_is_quoted_as_the_specification_wants(part: str, written: str) -> None:
    assert f"Exec={written} desktop\n" in desktop_entry((part, "desktop"))


def test_a_folder_that_takes_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("in the way")
    with pytest.raises(ProgramError, match=r"autostart.*cannot be written") as caught:
        DesktopFiles(("agent",), {"HOME": str(tmp_path)}).install()
    assert caught.value.exit_code is Exit.UNAVAILABLE


@pytest.mark.slow
def test_the_command_writes_what_starts_this_very_program(tmp_path: Path) -> None:
    settings = tmp_path / "my notifier.toml"
    settings.write_text('agent_id = "counter-d1"\n')
    program = Path(sys.executable).with_name("cekalwatch-notifier")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(tmp_path), "PATH": ""}
        return subprocess.run(
            [program, "install", *options], env=environment, capture_output=True, text=True, check=False
        )

    done = run("--config", str(settings))
    assert done.returncode == Exit.OK, done.stderr
    path = tmp_path / ".config" / "autostart" / "cekalwatch-notifier.desktop"
    assert f"Written: {path}" in done.stdout
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("Exec=")]
    assert shlex.split(line.removeprefix("Exec=")) == [
        str(program.resolve()),
        "desktop",
        "--restart",
        "--config",
        str(settings),
    ]
    assert run("--remove").returncode == Exit.OK
    assert not path.exists()
    settings.write_text("no_such_setting = 1\n")
    assert run("--config", str(settings)).returncode == Exit.CONFIG
