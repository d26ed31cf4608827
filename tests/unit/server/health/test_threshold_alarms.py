"""What supervisors are told of a threshold that moved, and of cameras whose scores stand out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind, acknowledges
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.alarms import AlarmCondition
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.watchlist import TOLD_FOR, ThresholdAlarms
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import open_keys
from tests.support.builders.watchlist import MODEL
from tests.support.scenarios.learning import LearningPort, Passers
from tests.support.scenarios.people import ADMINISTRATION, TOGETHER


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    open_keys(database)
    yield database
    database.close()


class Screen:
    """What is open at a port."""

    def __init__(self, database: Database, port: LearningPort) -> None:
        self.store = AlarmStore(database)
        self.board = AlarmBoard(self.store, port.clock)
        cameras = tuple(port.cameras.values())
        self.rule = ThresholdAlarms(port.thresholds, lambda: port.holder.current, cameras, port.clock)

    def conditions(self) -> dict[AlarmKind, AlarmCondition]:
        self.board.apply(self.rule)
        return {one.condition.kind: one.condition for one in self.store.open()}


@pytest.mark.slow
def test_a_step_is_told_for_a_day_with_what_it_means(database: Database):
    port, people = LearningPort(database, cameras=1), Passers(0.05)
    screen = Screen(database, port)
    assert screen.conditions() == {}
    port.passes("dep-0", people.scores(900))
    port.look()
    condition = screen.conditions()[AlarmKind.THRESHOLD_MOVED]
    assert (condition.about, condition.site) == (MODEL, "")
    assert condition.details["threshold"] == f"{port.decision.value:.3f}"
    assert int(condition.details["passages"]) == pytest.approx(1 / people.fpir(port.decision.value), rel=0.6)
    assert "missed" not in condition.details, "nobody has two photographs"
    port.clock.advance(TOLD_FOR + timedelta(seconds=1))
    assert AlarmKind.THRESHOLD_MOVED not in screen.conditions()


def test_a_step_tells_how_many_of_the_listed_are_missed(database: Database):
    port = LearningPort(database, cameras=1)
    port.lists_twice([0.9] * 21 + [0.54] * 3 + [0.3] * 6)
    before = port.decision.value
    port.passes("dep-0", Passers(0.12).scores(900))
    port.look()
    assert before < 0.54 < port.decision.value, "three more are missed after the step than before it"
    assert Screen(database, port).conditions()[AlarmKind.THRESHOLD_MOVED].details["missed"] == "30"
    ((_, _, details),) = port.desk.trail(Action.THRESHOLD_LEARNED)
    assert json.loads(details)["missed"] == "0.3000"


@pytest.mark.slow
def test_once_two_people_have_set_the_threshold_no_step_is_told(database: Database):
    port = LearningPort(database, cameras=1)
    port.passes("dep-0", Passers(0.05).scores(900))
    port.look()
    screen = Screen(database, port)
    assert set(screen.conditions()) == {AlarmKind.THRESHOLD_MOVED, AlarmKind.THRESHOLD_WAITING}
    ThresholdSetting(port.thresholds, port.clock, lambda: MODEL).set(0.6, TOGETHER, ADMINISTRATION)
    port.holder.follow()
    assert screen.conditions() == {}


@pytest.mark.slow
def test_a_camera_whose_scores_stand_out_is_named_to_its_site(database: Database):
    port = LearningPort(database, cameras=4)
    for number, camera in enumerate(port.cameras):
        port.passes(camera, Passers(0.1 if camera == "dep-3" else 0.0, seed=number).scores(600))
    port.look()
    condition = Screen(database, port).conditions()[AlarmKind.SCORES_STAND_OUT]
    assert (condition.about, condition.site, condition.counter) == ("dep-3", "batam-center", "D3")
    assert float(condition.details["factor"]) > 2
    assert int(condition.details["passages"]) == pytest.approx(600, abs=60)


@pytest.mark.slow
def test_a_threshold_that_waits_is_told_until_two_people_accept_it(database: Database):
    port = LearningPort(database, cameras=1)
    screen = Screen(database, port)
    port.passes("dep-0", Passers(0.1).scores(900))
    port.look()
    condition = screen.conditions()[AlarmKind.THRESHOLD_WAITING]
    assert condition.about == MODEL
    wanted = float(condition.details["wanted"])
    assert (condition.details["threshold"], condition.details["passages"]) == (f"{port.decision.value:.3f}", "900")
    port.accept()
    assert port.decision.value == pytest.approx(wanted, abs=0.0005)
    assert screen.conditions() == {}, "nor is the step before it told any more"


@pytest.mark.slow
def test_a_threshold_that_two_people_set_for_other_scores_is_told_until_they_set_one_for_these(database: Database):
    port = LearningPort(database, cameras=1)
    setting = ThresholdSetting(port.thresholds, port.clock, lambda: "test-before")
    setting.set(0.6, TOGETHER, ADMINISTRATION)
    port.holder.follow()
    screen = Screen(database, port)
    condition = screen.conditions()[AlarmKind.THRESHOLD_LEFT]
    assert condition.about == MODEL
    assert (condition.details["left"], condition.details["threshold"]) == ("0.600", f"{port.decision.value:.3f}")
    ThresholdSetting(port.thresholds, port.clock, lambda: MODEL).set(None, TOGETHER, ADMINISTRATION)
    port.holder.follow()
    assert screen.conditions() == {}


def test_supervisors_are_told():
    for kind in (
        AlarmKind.THRESHOLD_WAITING,
        AlarmKind.THRESHOLD_MOVED,
        AlarmKind.THRESHOLD_LEFT,
        AlarmKind.SCORES_STAND_OUT,
    ):
        assert PersonRole.SUPERVISOR in acknowledges(kind)
