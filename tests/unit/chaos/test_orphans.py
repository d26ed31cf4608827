"""A process that outlives its program is found."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest

from benchmarks.chaos.checks import orphans
from benchmarks.chaos.machines.process import Lives

WAIT_S = 20.0
BEGINS_ANOTHER = """
import subprocess, sys
print(subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked in Linux's way")


def test_what_a_killed_program_leaves_is_found_and_what_ended_with_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "ENDED_WITHIN_S", 1.0)
    said: SimpleQueue[int] = SimpleQueue()
    arguments = ["-c", BEGINS_ANOTHER]
    program = Lives("parent", arguments, tmp_path, on_line=lambda _, line: said.put(int(line)), takes_input=True)
    with orphans.adopted() as adopted:
        program.launch()
        child = said.get(timeout=WAIT_S)
        assert adopted.wrong([program]) == []
        program.kill()
        (found,) = adopted.wrong([program])
        assert f"{child}: sleep 600" in found
        os.kill(child, signal.SIGKILL)
        assert adopted.wrong([program]) == []
