from __future__ import annotations

import errno
import json
import os
import socket
import sys
from pathlib import Path

import pytest
import typer

from cekalwatch.program.cli.command import INTERRUPTED, refuse_root, require_extra, run
from cekalwatch.program.errors import Exit, ProgramError

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def sample(end: str) -> None:
    match end:
        case "problem":
            raise ProgramError("The lamp is off; switch it on.", Exit.UNAVAILABLE)
        case "problems":
            raise ProgramError("Wrong settings:\n  listen: it is missing", Exit.CONFIG)
        case "interrupt":
            raise KeyboardInterrupt
        case "full":
            raise OSError(errno.ENOSPC, "No space left on device", "/srv/report.csv")
        case "bug":
            raise ZeroDivisionError


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["sample", *arguments])
    with pytest.raises(SystemExit) as caught:
        run(app)
    return caught.value.code


def test_problem_is_one_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "problem") == Exit.UNAVAILABLE
    streams = capsys.readouterr()
    assert streams.err == "Error: The lamp is off; switch it on.\n"
    assert streams.out == ""


def test_a_problem_is_the_status_of_a_service_and_in_its_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert ended(monkeypatch, "problems") == Exit.CONFIG
        assert manager.recv(1000) == b"STATUS=Wrong settings: listen: it is missing"
    logged = json.loads(capsys.readouterr().err)
    assert (logged["event"], logged["level"]) == ("program_failed", "error")
    assert logged["problem"] == "Wrong settings:\n  listen: it is missing"


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "interrupt") == INTERRUPTED
    assert capsys.readouterr().err == "Stopped by Ctrl-C: run it again for what is not done\n"


def test_a_full_disk_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "full") == Exit.UNAVAILABLE
    assert capsys.readouterr().err == (
        "Error: No space left on device: /srv/report.csv. Make room, and run the command again\n"
    )


def test_success_and_wrong_usage_have_their_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "well") == Exit.OK
    assert ended(monkeypatch) == Exit.USAGE


def test_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sample", "bug"])
    with pytest.raises(ZeroDivisionError):
        run(app)


def test_exit_codes_are_distinct_and_leave_those_of_the_shell_free() -> None:
    assert len(set(Exit)) == len(Exit)
    assert all(0 <= code < 126 for code in Exit)


def test_missing_packages_are_told_with_the_line_that_installs_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        require_extra("camera", ("json", "no_such_package", "nor_this_one"))
    assert caught.value.code == Exit.MISSING_EXTRA
    install = "pip install --no-index --find-links wheels 'cekalwatch[camera]'"
    line = f"no_such_package, nor_this_one not installed. Install with: {install}\n"
    assert capsys.readouterr().err == line


def test_nothing_is_said_when_all_packages_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    require_extra("camera", ("json", "typer"))
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="accounts of Unix")
@pytest.mark.parametrize(
    ("arguments", "account", "prefix", "refused"),
    [
        (("init", "--answers", "my port.toml"), 0, "/usr/lib/sample", True),
        (("init",), 1000, "/usr/lib/sample", False),
        (("init",), 0, "/home/dev/.venv", False),
        (("init", "--help"), 0, "/usr/lib/sample", False),
        ((), 0, "/usr/lib/sample", False),
    ],
    ids=["root", "another account", "no package", "help", "nothing asked"],
)
def test_root_is_told_which_account_runs_a_packages_service(
    arguments: tuple[str, ...],
    account: int,
    prefix: str,
    refused: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["sample", *arguments])
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(os, "geteuid", lambda: account)
    if not refused:
        refuse_root("sample")
        return
    with pytest.raises(SystemExit) as caught:
        refuse_root("sample")
    assert caught.value.code == Exit.USAGE
    assert "sudo -u sample sample init --answers 'my port.toml'" in capsys.readouterr().err
