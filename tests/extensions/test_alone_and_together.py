"""The programs without extensions, with each alone, with all, and with one that a stranger has made of one folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cekalwatch.program.extensions import GROUP
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow

ADDED = {
    "exercise_plans": (
        "addresses GET /exercises",
        "addresses POST /exercises",
        "call ShiftService/GetExerciseHours",
        "commands server exercises off",
        "commands server exercises set",
        "loop plan_exercises",
    ),
    "gates": (
        "addresses GET /gates",
        "addresses POST /gates",
        "call OperationsService/GetGates",
        "commands server gates",
        "loop look_at_gates",
    ),
    "ldap": ("commands server people groups", "loop follow_groups", "settings server directory"),
    "nist_source": ("settings server watchlist.source.pattern",),
    "notices": ("commands server notices", "loop look_at_notices", "metric notices_", "settings server notices"),
    "papers": ("commands server drill", "commands server papers", "commands server size"),
    "sql_source": ("settings server watchlist.source.",),
}
"""What the names begin with that each adds."""

STRANGER = {
    "pyproject.toml": """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "tide"
version = "1"
[project.entry-points."cekalwatch.extensions"]
tide = "tide"
""",
    "tide/__init__.py": "",
    "tide/settings.py": """
from cekalwatch.program.settings import Settings

class Section(Settings):
    tide_metres: float = 0.0
    "How high the water may stand at the quay; with 0, nobody looks."
""",
    "tide/commands.py": """
import typer

def add_commands(server: typer.Typer) -> None:
    server.command()(tide)

def tide() -> None:
    "Show the tide."
""",
    "tide/service.py": """
from cekalwatch.server.cluster.jobs import PeriodicJob
from tide.settings import Section

def start(core):
    metres = Section.of(core.context.settings).tide_metres
    return (PeriodicJob("look_at_tide", 1.0, core.open_alarms),) if metres else ()
""",
    "tide/metrics.py": """
GAUGES = {"tide_metres": ("How high the water stands.", ())}

def read(context, now):
    yield "tide_metres", 1.5, ()
""",
    "tide/page.py": """
from cekalwatch.console.menu import ANYBODY, Entry
from cekalwatch.console.page import Page

def show(visit):
    return visit.page("tide.html")

PAGES = (Page("GET", "/tide", ANYBODY, show),)
ENTRY, AFTER = Entry("/tide", "SYSTEM", ANYBODY), "/system"
""",
    "tide/templates/tide.html": '{% extends "base.html" %}',
}


def offered(*names: str, **environment: str) -> frozenset[str]:
    """What the programs offer in a process of their own with these extensions, and a server that serves in it."""
    with TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "tests.extensions.offered", folder, *names)
        done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)  # noqa: PLW1510
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


without = cache(offered)


def check_added(added: frozenset[str], *names: str) -> None:
    """Check that something with each beginning is added, and nothing else."""
    beginnings = [one for name in names for one in ADDED[name]]
    assert [one for one in beginnings if not any(found.startswith(one) for found in added)] == []
    assert [found for found in sorted(added) if not found.startswith(tuple(beginnings))] == []


def test_a_server_serves_with_no_extension_and_with_all() -> None:
    names = [one.name for one in entry_points(group=GROUP)]
    assert sorted(names) == sorted(ADDED)
    assert "call OperationsService/GetStatus" in without()
    check_added(offered(*names) - without(), *names)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted(ADDED))
def test_a_server_serves_with_each_alone(name: str) -> None:
    """`test_a_server_serves_with_no_extension_and_with_all` shows most of it."""
    check_added(offered(name) - without(), name)


def test_a_stranger_adds_one_by_one_folder(tmp_path: Path) -> None:
    folder, installed = tmp_path / "tide", tmp_path / "installed"
    for name, text in STRANGER.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    subprocess.run((*pip, "--target", installed, folder), check=True)
    path = os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH"))))
    off = offered("tide", PYTHONPATH=path)
    adds = {"addresses GET /tide", "commands server tide", "metric tide_metres", "settings server tide_metres"}
    assert off - without() == adds
    on = offered("tide", PYTHONPATH=path, CEKALWATCH_SERVER_TIDE_METRES="2.5")
    assert on - off == {"loop look_at_tide"}
