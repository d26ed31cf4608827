"""What a server says is wrong with itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.status import SigningStatus
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.servers import ServerAlarms
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from tests.support.scenarios.people import HandClock


def test_alerts_that_come_late_are_an_alarm_that_says_about_how_late() -> None:
    late_s = [0.0]
    health = Health(lambda: None, timedelta(hours=1), HandClock(), SigningStatus, lambda: (), late_s=lambda: late_s[0])
    rule = ServerAlarms("server-1", health)
    told = []
    for late_s[0] in (0.0, 3.0, 29.5, 31.0):
        told.append([(one.kind, one.details) for one in rule.look().conditions])
    assert told == [[], *([(AlarmKind.ALERTS_LATE, {"seconds": text})] for text in ("4", "32", "32"))]


@pytest.mark.parametrize("wrong_s", [-40, 2])
def test_a_clock_that_goes_wrong_while_the_server_runs_is_an_alarm_until_it_is_right(tmp_path: Path, wrong_s: int):
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    store, clock, ahead_s = AlarmStore(database), HandClock(), [1.9]
    health = Health(
        revocations=lambda: None,
        limit=timedelta(hours=1),
        clock=clock,
        signing=SigningStatus,
        loops=lambda: (),
        clock_ahead=lambda: timedelta(seconds=ahead_s[0]),
    )
    rule, board = ServerAlarms("server-1", health), AlarmBoard(store, clock)
    board.apply(rule)
    assert not store.open()
    ahead_s[0] = wrong_s
    board.apply(rule)
    (alarm,) = store.open()
    assert alarm.condition.key == (AlarmKind.SERVER_CLOCK_WRONG, "server-1")
    assert alarm.condition.details == {"offset_s": str(wrong_s)}
    ahead_s[0] = 0
    board.apply(rule)
    assert not store.open()
    database.close()
