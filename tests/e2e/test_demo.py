"""The demonstration's own pieces, with the real programs: it tells right alerts from missing and wrong ones."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from cekalwatch.program.errors import Exit
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from deploy.demo import scene
from deploy.demo.__main__ import demonstration, main, perform
from deploy.demo.faces import built_in_people, people_of_folder
from deploy.demo.people import Person, Role
from deploy.demo.play import SHOWN_WITHIN_S, Demonstration
from deploy.demo.scene import people_passing
from deploy.demo.watchlist import write_watchlist
from tests.support.tools.packs import MODELS, standard_pack
from tests.support.tools.shared import shared_faces
from tests.support.tools.small_demo import FEW_FRAMES, ONNXRUNTIME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("forked_programs")]

TODAY = datetime.now(ZoneInfo("Asia/Jakarta")).date()


def test_the_demonstration_shows_what_became_of_the_look_alike_and_the_blind_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_pack()
    monkeypatch.setattr(scene, "FRAME_RATE", FEW_FRAMES)
    console = Console(file=io.StringIO(), width=200)
    assert main(console, None, tmp_path / "demo", MODELS) == Exit.OK
    figures = json.loads((tmp_path / "demo" / "summary.json").read_text("utf-8"))
    assert figures["demo.passed"] is True
    assert figures["demo.raised_alerts"] == figures["demo.expected_alerts"] == 4
    assert figures["demo.look_alikes_cleared"] == 1
    assert 0 < figures["demo.blind_camera_shown_s"] <= SHOWN_WITHIN_S
    assert 0 < figures["demo.blind_camera_recovered_s"] <= SHOWN_WITHIN_S
    assert figures["chain.crops_sent"] > figures["chain.passages"]
    assert figures["chain.bytes_a_passage"] < figures["chain.video_bytes_a_passage"]
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "The real person has an alert of their own, which waits for an officer." in said
    assert "The sun in the second camera was on the supervisor's screen after" in said


def test_a_missing_alert_and_a_wrong_one_fail_a_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two people the orders are exchanged behind the demonstration's back."""
    for name, value in ONNXRUNTIME.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(scene, "FRAME_RATE", FEW_FRAMES)
    people = built_in_people(open_engine(load_pack(standard_pack()), threads=1).detector)
    two = [of_role(people, Role.LISTED), of_role(people, Role.LAPSED)]
    demo = Demonstration(tmp_path, MODELS, two, people_passing(two))
    demo.prepare(TODAY)
    write_watchlist(
        [replace(one, role=other.role) for one, other in zip(two, reversed(two), strict=True)], demo.watchlist, TODAY
    )
    console = Console(file=io.StringIO(), width=200)
    assert perform(console, demo) == Exit.FAILED
    assert isinstance(console.file, io.StringIO)
    verdicts = console.file.getvalue().split("Expected and raised")[1].split("Figures")[0]
    assert verdicts.count("must not alert") == verdicts.count("missing") == 1


# `tests/unit/demo/` shows these verdicts and these people, and the tests above the programs.
@pytest.mark.exhaustive
def test_one_alert_that_must_not_come_and_one_that_does_not_come_fail_a_demonstration_of_photographs(
    tmp_path: Path,
) -> None:
    """People of a folder walk by; the orders of two of them are exchanged behind the demonstration's back."""
    faces = shared_faces() / "lfw"
    engine = open_engine(load_pack(standard_pack()), threads=1)
    people = people_of_folder(faces, engine.detector, print)
    demo = replace(demonstration(tmp_path, MODELS, people, engine.recogniser), blinded=None)
    demo.prepare(TODAY)
    listed, lapsed = people[2], of_role(people, Role.LAPSED)
    exchanged = {listed.subject_id: Role.LAPSED, lapsed.subject_id: Role.LISTED}
    spoilt = [replace(one, role=exchanged.get(one.subject_id, one.role)) for one in people]
    write_watchlist(spoilt, demo.watchlist, TODAY)
    console = Console(file=io.StringIO(), width=200)
    assert perform(console, demo) == Exit.FAILED
    assert isinstance(console.file, io.StringIO)
    verdicts = console.file.getvalue().split("Expected and raised")[1].split("Figures")[0]
    assert verdicts.count("must not alert") == verdicts.count("missing") == 1
    assert verdicts.count("as expected") == len(demo.people) - 2


def of_role(people: Sequence[Person], role: Role) -> Person:
    return next(person for person in people if person.role is role)
