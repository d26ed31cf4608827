"""A port that does not follow the list, or reports nothing, is an alarm at its centre, and no longer than that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import OF_CAMERAS, OF_PORTS, AlarmKind, acknowledges
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.ports import Following, PortState
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.people import TOLD_FOR
from cekalwatch.server.health.alarms.servers import PortAlarms
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import NOON
from tests.support.builders.ports import SEKUPANG
from tests.support.builders.watchlist import FixedClock

LIMIT = timedelta(minutes=5)
FOLLOWS = Following(SEKUPANG, "run-1", certificate="ca:1f", server="server-1", since=NOON, heard_at=NOON)
WELL = PortState(SEKUPANG, "server-1", NOON, following=FOLLOWS)
SILENT = {AlarmKind.PORT_NOT_FOLLOWING, AlarmKind.PORT_NOT_REPORTING}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    found.upgrade()
    yield found
    found.close()


class Watched:
    """A watch at a centre whose settings have the port's site."""

    def __init__(self, database: Database) -> None:
        self.alarms, self.clock, self.states = AlarmStore(database), FixedClock(NOON), [WELL]
        self.revoked: set[str] = set()
        sites, search = frozenset({"jakarta", SEKUPANG.site}), AuditSearch(database)
        self.board = AlarmBoard(self.alarms, self.clock)
        self.rule = PortAlarms(lambda: self.states, sites, lambda key: key in self.revoked, search, self.clock, LIMIT)

    def kinds(self) -> set[AlarmKind]:
        self.board.apply(self.rule)
        found = [one.condition for one in self.alarms.open()]
        assert {condition.about for condition in found} <= {str(SEKUPANG)}
        return {condition.kind for condition in found}


def test_silence_is_an_alarm_after_the_limit_and_over_when_the_port_is_heard(database: Database) -> None:
    seen = Watched(database)
    assert seen.kinds() == set()
    seen.clock.advance(LIMIT)
    assert seen.kinds() == set(), "a line may be cut for a moment"
    seen.clock.advance(timedelta(seconds=1))
    assert seen.kinds() == SILENT
    assert [dict(one.condition.details) for one in seen.alarms.open()] == [
        {"since": NOON.isoformat(timespec="seconds")}
    ] * 2
    seen.states = [replace(WELL, following=replace(FOLLOWS, heard_at=seen.clock.now()))]
    assert seen.kinds() == {AlarmKind.PORT_NOT_REPORTING}
    seen.states = [replace(WELL, heard_at=seen.clock.now())]
    assert seen.kinds() == {AlarmKind.PORT_NOT_FOLLOWING}


def test_a_port_that_fell_silent_while_the_clock_was_ahead_is_one_once_it_is_right(
    database: Database,
) -> None:
    seen = Watched(database)
    ahead = NOON + timedelta(hours=2)
    seen.states = [replace(WELL, heard_at=ahead, following=replace(FOLLOWS, heard_at=ahead))]
    assert seen.kinds() == SILENT


def test_a_port_that_never_reported_or_never_followed_is_one_too(database: Database) -> None:
    seen = Watched(database)
    seen.states = [PortState(SEKUPANG, following=FOLLOWS)]
    assert seen.kinds() == set(), "it has just begun"
    seen.clock.advance(LIMIT + timedelta(seconds=1))
    seen.states = [PortState(SEKUPANG, following=replace(FOLLOWS, heard_at=seen.clock.now()))]
    assert seen.kinds() == {AlarmKind.PORT_NOT_REPORTING}
    seen.states = [PortState(SEKUPANG, "server-1", seen.clock.now())]
    assert seen.kinds() == {AlarmKind.PORT_NOT_FOLLOWING}


def test_of_a_port_that_is_no_more_nothing_is_said(database: Database) -> None:
    seen = Watched(database)
    seen.clock.advance(LIMIT + timedelta(seconds=1))
    assert seen.kinds() == SILENT
    seen.revoked = {"ca:1f"}
    assert seen.kinds() == set()
    seen.revoked, elsewhere = set(), replace(SEKUPANG, site="tanjung-uban")
    seen.states = [PortState(elsewhere, "server-1", NOON)]
    assert seen.kinds() == set()


def test_that_a_port_contradicted_itself_is_told_for_three_days(database: Database) -> None:
    seen, store = Watched(database), AuditStore(database)
    server = Actor(ActorKind.SERVER, "here")
    for port in (SEKUPANG, SEKUPANG):
        store.append(AuditEntry(NOON, server, Action.PORT_CONTRADICTED, ("alert:1",), details={"port": str(port)}))
    seen.clock.advance(TOLD_FOR)
    seen.states = []
    assert seen.kinds() == {AlarmKind.PORT_CONTRADICTS}
    assert [dict(one.condition.details) for one in seen.alarms.open()] == [{"entry": "2"}]
    seen.clock.advance(timedelta(seconds=1))
    assert seen.kinds() == set()


def test_supervisors_and_administrators_see_it() -> None:
    assert all(acknowledges(kind) == {PersonRole.SUPERVISOR, PersonRole.ADMINISTRATOR} for kind in OF_PORTS)
    assert not OF_PORTS & OF_CAMERAS
