"""An agent that crashes comes back, and one that was closed does not: with real processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import structlog

from cekalwatch.notifier.desktop.restarting import keep_running
from cekalwatch.program.errors import Exit
from cekalwatch.wire.backoff import Backoff
from tests.support.fakes.alert_server import wait_for

AGENT = """
import os, sys, time
from pathlib import Path
lives, ends = Path(sys.argv[1]), sys.argv[2:]
with lives.open("a") as file:
    file.write("x")
how = ends[min(len(lives.read_text()), len(ends)) - 1]
if how == "lives":
    time.sleep(600)
if how == "crash":
    os.kill(os.getpid(), 9)
sys.exit(int(how))
"""


def run(folder: Path, *ends: str, pause_s: float = 0.01) -> tuple[int, int]:
    """Run an agent that ends as told, one end a life; return the exit code, and how many lives it took."""
    lives = folder / "lives"
    code = keep_running((sys.executable, "-c", AGENT, str(lives), *ends), Backoff(first_s=pause_s, most_s=pause_s))
    return code, len(lives.read_text())


def test_an_agent_that_crashed_is_started_again_until_it_is_closed(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        assert run(tmp_path, "crash", str(int(Exit.FAILED)), "crash", "0") == (Exit.OK, 4)
    assert [entry["event"] for entry in logged] == ["agent_crashed"] * 3


@pytest.mark.parametrize("code", [Exit.OK, Exit.CONFIG, Exit.MISSING_EXTRA])
def test_what_a_person_must_change_first_is_not_tried_again(tmp_path: Path, code: Exit) -> None:
    assert run(tmp_path, str(int(code)), "crash") == (code, 1)


def test_a_signal_ends_the_agent_too(tmp_path: Path) -> None:
    def end() -> None:
        wait_for((tmp_path / "lives").exists)
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end)
    ender.start()
    assert run(tmp_path, "lives") == (-signal.SIGTERM, 1)
    ender.join()


@pytest.mark.timeout(30)
def test_a_signal_ends_the_pause_after_a_crash(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:

        def end() -> None:
            wait_for(lambda: bool(logged))
            os.kill(os.getpid(), signal.SIGTERM)

        ender = threading.Thread(target=end)
        ender.start()
        assert run(tmp_path, "crash", pause_s=1e6) == (Exit.OK, 1)
        ender.join()


def test_a_newer_version_takes_over_from_an_agent_that_runs_or_waits_to_be_started_again(tmp_path: Path) -> None:
    started = tmp_path / "started"
    newer = (sys.executable, "-c", "import sys, pathlib; pathlib.Path(sys.argv[1]).touch()", str(started))

    def successor() -> tuple[str, ...] | None:
        return newer if (tmp_path / "lives").exists() else None

    for life in ("lives", "crash"):
        command = (sys.executable, "-c", AGENT, str(tmp_path / "lives"), life)
        assert keep_running(command, Backoff(first_s=60.0, most_s=60.0), successor) == Exit.OK
        wait_for(started.exists)
        started.unlink()
        (tmp_path / "lives").unlink()


def test_an_agent_whose_program_was_removed_is_closed(tmp_path: Path) -> None:
    command = (sys.executable, "-c", AGENT, str(tmp_path / "lives"), "lives")
    assert keep_running(command, successor=lambda: () if (tmp_path / "lives").exists() else None) == Exit.OK
