"""The four walks of `docs/architecture.md` are those that a tracer sees, and go forward more than back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.house.walks_page import WALKS, Walk, listed, with_steps
from tests.support.repository import ROOT
from tests.walks.plumbing import counts
from tests.walks.tracer import Call
from tests.walks.walk import COURSES, Carrier, Gone, in_turn

MOST_STEPS_BACK = {"face": 0.50, "capture": 0.45, "event": 0.50, "record": 0.50}
"""Share of the module changes, by walk. A third of them is what we want."""
MOST_BY_CHANCE = 4
"""Modules in which two runs differ: threads that run beside one another do not always meet in the same place."""


def test_every_walk_of_the_page_can_be_gone() -> None:
    assert [walk.key for walk in WALKS] == list(COURSES)


@pytest.mark.slow
@pytest.mark.exhaustive  # on a busy machine a crossing of the camera's threads may be cut short
@pytest.mark.parametrize("walk", WALKS, ids=[walk.key for walk in WALKS])
def test_the_page_lists_what_a_walk_passes(walk: Walk, tmp_path: Path) -> None:
    out = tmp_path / "walks.json"
    command = [sys.executable, "-m", "tests.walks", "--walk", walk.key, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    gone = Gone(**json.loads(out.read_text("utf-8"))[walk.key])
    page = listed(ROOT, walk)
    differ = set(page) ^ set(gone.modules)
    assert len(differ) <= MOST_BY_CHANCE, f"make walks writes the page anew; it differs in {sorted(differ)}"
    assert gone.steps_back <= gone.changes * MOST_STEPS_BACK[walk.key], gone


def test_what_is_passed_only_sometimes_is_left_out_and_a_change_counts_once() -> None:
    gone = Gone.of([["a", "b", "a", "b", "x", "c"], ["a", "b", "a", "b", "c", "c"]])
    assert gone.modules == ["a", "b", "c"]
    assert (gone.changes, gone.steps_back) == (3, 1)


def test_a_walk_has_the_calls_of_its_threads_one_after_another_from_the_beginning_of_a_round() -> None:
    calls = [
        Call("cekalwatch.camera.uplink.stream", "cekalwatch.camera.uplink.stream"),
        Call("cekalwatch.vision.alignment", "cekalwatch.camera.detection.pipeline"),
        Call("cekalwatch.camera.sources.live", "cekalwatch.camera.detection.pipeline"),
        Call("cekalwatch.vision.quality", "cekalwatch.camera.detection.pipeline"),
        Call("cekalwatch.vision.faces", "cekalwatch.server.app"),
    ]
    assert in_turn(calls, (Carrier("camera.detection.", "camera.sources.live"), Carrier("camera.uplink."))) == [
        "cekalwatch.camera.sources.live",
        "cekalwatch.vision.quality",
        "cekalwatch.camera.uplink.stream",
    ]


def test_plumbing_and_the_modules_of_others_do_not_count() -> None:
    assert counts("cekalwatch.server.capture.deciding")
    assert not counts("cekalwatch.server.auth.sessions")
    assert not counts("cekalwatch.camera.clock")
    assert not counts("grpc.aio")


def test_writing_the_page_keeps_what_is_said_of_a_walk() -> None:
    page = "# A\n" + "".join(
        f"\n### {walk.title}\n\nOf {walk.key}.\n\n1. `old`: gone\n   too\n2. `x`\n" for walk in WALKS
    )
    passed = {walk.key: ["cekalwatch.vision.quality"] for walk in WALKS}
    written = with_steps(page, passed)
    assert "old" not in written
    assert "too" not in written
    first, *others = (written.partition(f"### {walk.title}\n\nOf {walk.key}.\n\n1. ")[2] for walk in WALKS)
    assert first.startswith("`cekalwatch.vision.quality`: ")
    assert all(one.startswith("`cekalwatch.vision.quality`\n") for one in others), "described where it comes first"
    assert with_steps(written, passed) == written
