"""Child processes are watched and ended, whatever they do."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import psutil
import pytest

from cekalwatch.program.errors import ProgramError
from deploy.demo import programs
from deploy.demo.programs import Program, run_to_end, wait_until


def test_a_failed_command_is_an_error_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"broken ended with exit code 3(?s:.*)no such thing"):
        run_to_end("broken", ["-c", "import sys; print('no such thing'); sys.exit(3)"], tmp_path, 30)


def test_lines_arrive_while_it_runs(tmp_path: Path) -> None:
    arrived = Event()
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        arrived.set()

    script = "import signal; print('ready'); signal.pause()"
    with Program("talker", ["-c", script], tmp_path, take) as talker:
        assert arrived.wait(30)
        assert talker.running
    assert lines == ["ready"]
    assert not talker.running


def test_one_that_ignores_the_request_is_ended_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "STOP_SECONDS", 0.2)
    ready = Event()
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready')\nwhile True: signal.pause()"
    with Program("deaf", ["-c", script], tmp_path, lambda _: ready.set()) as deaf:
        assert ready.wait(30)
    assert not psutil.pid_exists(deaf.pid)


def test_waiting_ends_when_a_program_dies(tmp_path: Path) -> None:
    script = "raise SystemExit('gone')"
    gone = pytest.raises(ProgramError, match=r"short ended with exit code 1(?s:.*)gone")
    with Program("short", ["-c", script], tmp_path) as short, gone:
        wait_until(lambda: False, 30, "Nothing", short)


def test_waiting_ends_when_the_time_is_up() -> None:
    with pytest.raises(ProgramError, match="The sunrise did not happen within 0 s"):
        wait_until(lambda: False, 0.01, "The sunrise")


def test_the_newest_record_of_an_event_is_found(tmp_path: Path) -> None:
    lines = ['{"event": "sent", "bytes": 1}', '{"event": "sent", "bytes": 2}', '{"event": "other"}', "plain words"]
    script = f"print(*{lines!r}, sep=chr(10))"
    program = run_to_end("logger", ["-c", script], tmp_path, 30)
    assert program.last_record("sent") == {"event": "sent", "bytes": 2}
    with pytest.raises(ProgramError, match="logged no 'closed'"):
        program.last_record("closed")
