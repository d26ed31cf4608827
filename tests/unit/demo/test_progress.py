"""Who sets the demonstration up sees that it goes on, on a terminal and in a log."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from deploy.demo.report import step
from tests.support.repository import ROOT


def test_without_a_terminal_each_step_is_a_line_when_it_begins_and_when_it_is_done() -> None:
    said = io.StringIO()
    with step(Console(file=said), "Making people"):
        assert said.getvalue() == "Making people …\n"
    assert re.fullmatch(r"Making people …\n  done after 0 s\n", said.getvalue())


def test_on_a_terminal_a_step_leaves_no_lines() -> None:
    said = io.StringIO()
    with step(Console(file=said, force_terminal=True, width=80), "Making people"):
        pass
    assert "done after" not in said.getvalue()


def test_set_up_says_what_takes_minutes_before_it_begins() -> None:
    """`make setup` prints a line before each step, and `fetch.py` how far it is."""
    command = ["make", "--dry-run", "--always-make", "setup", "VENV=/nonexistent"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    installs = [number for number, line in enumerate(recipe) if "deploy/fetch.py" in line]
    assert [recipe[number].split()[-1] for number in installs] == ["requirements-demo.lock", "."]
    for number in installs:
        assert recipe[number - 1].startswith("echo "), recipe[number]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("Collecting a\nERROR: Could not install packages: [Errno 28] No space left on device\n", "The disk is full"),
        ("ERROR: No matching distribution found for a==1.0\n", "ERROR: No matching distribution found"),
        ("WARNING: NameResolutionError(...)\nERROR: No matching distribution found for a\n", "No package index"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n", "A package is not the one that the lock names"),
        ("ERROR: of another kind\n", "ERROR: of another kind"),
    ],
)
def test_what_stops_the_set_up_is_said_in_a_sentence(tmp_path: Path, said: str, sentence: str) -> None:
    pip = tmp_path / "pip.py"
    pip.write_text(f"import sys\nprint({said!r}, end='')\nsys.exit(1)\n")
    (tmp_path / "some.lock").write_text("a==1.0\nb==1.0\n")
    command = [sys.executable, str(ROOT / "deploy" / "fetch.py"), "some.lock"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith(sentence)
    assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "build" / "setup.log").read_text() == said
