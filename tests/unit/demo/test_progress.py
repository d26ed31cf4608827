"""Who sets the demonstration up sees that it goes on, on a terminal and in a log."""

from __future__ import annotations

import io
import re
import subprocess

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
    """`make setup` prints a line before each step, and pip what it fetches."""
    command = ["make", "--dry-run", "--always-make", "setup", "VENV=/nonexistent"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    installs = [number for number, line in enumerate(recipe) if " pip install " in line]
    assert len(installs) == 2
    for number in installs:
        assert recipe[number - 1].startswith("echo "), recipe[number]
    assert "--quiet" not in recipe[installs[0]]
