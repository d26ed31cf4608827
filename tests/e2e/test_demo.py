"""The demonstration's own pieces, with the real programs: it tells right alerts from missing and wrong ones."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from cekalwatch.program.errors import Exit
from cekalwatch.vision.detectors.factory import open_detector
from deploy.demo.__main__ import main, perform
from deploy.demo.faces import built_in_people
from deploy.demo.people import Person, Role
from deploy.demo.play import Demonstration
from deploy.demo.scene import people_passing
from deploy.demo.watchlist import write_watchlist
from tests.support.tools.shared import shared_faces
from tests.support.tools.starter import MODELS, starter_pack

pytestmark = pytest.mark.slow

TODAY = datetime.now(ZoneInfo("Asia/Jakarta")).date()


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return built_in_people(open_detector(starter_pack(), threads=1))


def of_role(people: Sequence[Person], role: Role) -> Person:
    return next(person for person in people if person.role is role and person.passage_photos)


def played(folder: Path, walkers: Sequence[Person], spoil: Callable[[Demonstration], None]) -> tuple[Exit, str]:
    """Play a short scene whose watchlist `spoil` has changed; return the exit code and what was on the terminal."""
    starter_pack()
    demo = Demonstration(folder, MODELS, walkers, people_passing(walkers))
    demo.prepare(TODAY)
    spoil(demo)
    console = Console(file=io.StringIO(), width=160)
    code = perform(console, demo)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def test_the_demonstration_raises_exactly_the_expected_alerts(tmp_path: Path) -> None:
    starter_pack()
    console = Console(file=io.StringIO(), width=160)
    assert main(console, None, tmp_path / "demo", MODELS) == Exit.OK
    figures = json.loads((tmp_path / "demo" / "summary.json").read_text("utf-8"))
    assert figures["demo.passed"] is True
    assert figures["demo.raised_alerts"] == figures["demo.expected_alerts"] == 3
    assert figures["chain.crops_sent"] > figures["chain.passages"]
    assert figures["chain.bytes_a_passage"] < figures["chain.video_bytes_a_passage"]


def test_an_alert_that_must_not_come_and_one_that_does_not_come_fail_the_demonstration(
    tmp_path: Path, people: list[Person]
) -> None:
    listed, lapsed = of_role(people, Role.LISTED), of_role(people, Role.LAPSED)

    def exchange_orders(demo: Demonstration) -> None:
        exchanged = [replace(listed, role=Role.LAPSED), replace(lapsed, role=Role.LISTED)]
        write_watchlist(exchanged, demo.watchlist, TODAY)

    code, shown = played(tmp_path, [listed, lapsed], exchange_orders)
    assert code == Exit.FAILED
    verdicts = shown.split("Expected and raised")[1].split("Figures")[0]
    assert verdicts.count("must not alert") == verdicts.count("missing") == 1


def test_a_folder_of_photographs_can_be_shown(tmp_path: Path) -> None:
    faces = shared_faces() / "lfw"
    starter_pack()
    assert main(Console(file=io.StringIO(), width=160), faces, tmp_path / "demo", MODELS) == Exit.OK
