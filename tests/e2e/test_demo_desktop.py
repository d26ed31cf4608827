"""`make demo-desktop` on a screen that nobody sees: it says how to sign in, and stays until somebody ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.demo.play import OFFICER
from tests.support.fakes.x_display import x_display
from tests.support.repository import ROOT
from tests.support.tools.packs import MODELS, standard_pack
from tests.support.tools.small_demo import FEW_FRAMES, ONNXRUNTIME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WAIT_S = 400.0
STAYS_S = 3.0
INTERRUPTED = 130
DEMO = """
import runpy, sys
from deploy.demo import programs, scene
from tests.support.tools.forked_programs import completed, popen
programs.Program.launch, programs.complete, scene.FRAME_RATE = staticmethod(popen), completed, int(sys.argv[1])
sys.argv[1:] = ["--desktop"]
runpy.run_module("deploy.demo", run_name="__main__", alter_sys=True)
"""
"""`python -m deploy.demo --desktop`, whose programs are forked, and whose video has fewer frames."""
SIGN_IN = re.compile(r"Sign in on the window as (\S+) with the first password (\S+)\.")


def test_it_says_how_to_sign_in_and_stays_with_its_window(tmp_path: Path) -> None:
    standard_pack()
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "models").symlink_to(MODELS)
    with x_display(tmp_path) as display:
        running = display.start(
            # Whoever runs this in the background may have Ctrl-C ignored, which programs inherit.
            *("env", "--default-signal=INT", f"--chdir={tmp_path}", f"PYTHONPATH={ROOT}", "COLUMNS=200"),
            *(sys.executable, "-c", DEMO, str(FEW_FRAMES)),
            output="demo.out",
            **ONNXRUNTIME,
        )
        said = tmp_path / "demo.out"
        until = time.monotonic() + WAIT_S
        while not (found := SIGN_IN.search(said.read_text())):
            assert running.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
            time.sleep(0.5)
        assert found[1] == OFFICER
        assert len(found[2]) >= 10
        assert display.window("kemungkinan cocok"), "an alert came, and waits for who signs in"
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(STAYS_S)
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(60) == INTERRUPTED
    assert "Traceback" not in said.read_text()
