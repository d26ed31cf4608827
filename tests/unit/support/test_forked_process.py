"""What forks programs: whoever needs it first starts it for all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil
import pytest

from tests.support.repository import ROOT
from tests.support.tools import forked_process
from tests.support.tools.forked_process import ENDS_S, PLACE_VARIABLE, ForkedProcess, forking_place

ASK = """
import os, sys
from tests.support.tools.forked_process import ForkedProcess
files = tuple(os.open(os.devnull, os.O_RDWR) for _ in range(3))
assert ForkedProcess("tests.nothing", [], os.environ, files, sys.executable, loads=("json",)).wait(60) is not None
print("asked", flush=True)
sys.stdin.read()
"""


STAYS = """
import signal
def main():
    print("stays", flush=True)
    signal.pause()
"""
WAIT_S = 20.0


def forks(place: str) -> psutil.Process:
    """What this process has started at that place to fork programs."""
    # A child of an earlier test that has ended and was not waited for has no command line: `as_dict` says None.
    words = {one: one.as_dict(["cmdline"])["cmdline"] or () for one in psutil.Process().children()}
    (found,) = (one for one, said in words.items() if any(place in word for word in said))
    return found


def asking(folder: Path) -> subprocess.Popen[str]:
    """A process that has asked, and goes on until its input ends."""
    running = subprocess.Popen(
        [sys.executable, "-c", ASK],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout
    assert running.stdout.readline() == "asked\n"
    return running


def test_who_started_what_forks_ends_though_another_still_asks_it(tmp_path: Path) -> None:
    """A demonstration was the first that asked, and did not end before all other tests had."""
    with forking_place(), asking(tmp_path) as first, asking(tmp_path) as other:
        for one in (first, other):
            assert one.stdin
            one.stdin.close()
            assert one.wait(ENDS_S + 20) == 0


def test_what_forks_is_started_again_when_it_has_ended_before_its_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(forked_process, "_requests", cache(forked_process._requests.__wrapped__))
    with forking_place(), open(os.devnull, "r+b") as nothing:  # noqa: PTH123  # a device
        files, place, ends = (nothing.fileno(),) * 3, os.environ[PLACE_VARIABLE], []
        for _ in range(2):
            process = ForkedProcess("tests.nothing", [], os.environ, files, sys.executable, loads=("json",))
            ends.append(process.wait(60))
            forking = forks(place)
            forking.kill()
            forking.wait(60)
        assert ends == [1, 1]
    assert "is started again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGTERM, "begins.\nProcess {} ends by SIGTERM.\n"),
        (signal.SIGSEGV, "begins.\nFatal Python error: Segmentation fault"),
        (signal.SIGKILL, "killed (SIGKILL), unless its log says how it ended: Process {} begins.\n"),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else "",
)
def test_a_program_ends_with_what_has_forked_it_and_the_error_says_how_that_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals, words: str
) -> None:
    """A camera that nobody could end any more took the machine's time from all later tests."""
    monkeypatch.setattr(forked_process, "_requests", cache(forked_process._requests.__wrapped__))
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "stays.py").write_text(STAYS)
    reading, writing = os.pipe()
    with forking_place(), open(os.devnull, "r+b") as nothing, os.fdopen(reading, "rb") as said:  # noqa: PTH123  # a device
        files = nothing.fileno(), writing, nothing.fileno()
        process = ForkedProcess("program.stays", [], os.environ, files, sys.executable, tmp_path, loads=("json",))
        os.close(writing)
        assert said.readline() == b"stays\n"
        forking = forks(os.environ[PLACE_VARIABLE])
        forking.send_signal(number)
        assert said.read() == b"", "the program has ended"
        for _ in range(2):
            with pytest.raises(EOFError) as lost:
                process.wait(WAIT_S)
            assert words.format(*[forking.pid] * words.count("{}")) in str(lost.value)
        assert forking.wait(WAIT_S) in {-number, None}
