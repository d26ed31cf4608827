"""What counts as an alarm of a camera, by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import sqlalchemy

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.cameras import (
    Heartbeat,
    SpoolState,
    SpoolStatus,
    ViewState,
)
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.captures import CameraClock
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.cameras import CameraAlarms, CameraLimits
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import SITE, HandClock

CAMERA = Camera("dep-1", SITE, "D1", Direction.DEPARTURE)
GOOD = Heartbeat(frames_per_second=12.0, view_state=ViewState.OK)
PERIOD_S = 5.0


class Server:
    """One server's look at the cameras; several may share the database."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self.clock, self.presence = clock, Presence(clock)
        self.store = AlarmStore(database)
        self.board = AlarmBoard(self.store, clock)
        terms = CameraLimits(timedelta(seconds=PERIOD_S), least_fps=2.0)
        self.rule = CameraAlarms([CAMERA], self.presence, self.store, clock, terms)

    def connect(self, beat: Heartbeat = GOOD) -> None:
        self.presence.camera_connected("dep-1")
        self.beat(beat)

    def beat(self, beat: Heartbeat = GOOD) -> None:
        self.presence.heartbeat_received("dep-1", beat)

    def alarms(self) -> list[AlarmKind]:
        """Look, and return what is open then."""
        self.board.apply(self.rule)
        return [one.condition.kind for one in self.store.open()]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    opened.upgrade()
    key_store(opened)
    yield opened
    opened.close()


@pytest.fixture
def server(database: Database, clock: HandClock) -> Server:
    return Server(database, clock)


def test_a_camera_that_goes_is_down_within_ten_seconds_and_well_when_it_is_back(server: Server, clock: HandClock):
    server.connect()
    assert server.alarms() == []
    server.presence.camera_disconnected("dep-1")
    clock.go(seconds=2)
    assert server.alarms() == [], "it may connect again"
    clock.go(seconds=2)
    assert server.alarms() == [AlarmKind.CAMERA_DOWN]
    server.connect()
    assert server.alarms() == []


def test_a_camera_that_falls_silent_is_down_within_ten_seconds(server: Server, clock: HandClock):
    server.connect()
    clock.go(seconds=PERIOD_S + 1)
    assert server.alarms() == [], "a heartbeat may be late"
    clock.go(seconds=3)
    assert server.alarms() == [AlarmKind.CAMERA_DOWN]
    server.beat()
    assert server.alarms() == []


def test_a_camera_that_never_came_is_down_once_it_had_time_to(server: Server, clock: HandClock):
    clock.go(seconds=15)
    assert server.alarms() == []
    clock.go(seconds=10)
    assert server.alarms() == [AlarmKind.CAMERA_DOWN]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (ViewState.NO_FRAMES, AlarmKind.CAMERA_NO_FRAMES),
        (ViewState.DARK, AlarmKind.CAMERA_DARK),
        (ViewState.BLINDED, AlarmKind.CAMERA_BLINDED),
        (ViewState.COVERED, AlarmKind.CAMERA_COVERED),
        (ViewState.DEFOCUSED, AlarmKind.CAMERA_DEFOCUSED),
        (ViewState.MOVED, AlarmKind.CAMERA_MOVED),
        (ViewState.NOT_AT_PRESET, AlarmKind.CAMERA_NOT_AT_PRESET),
    ],
)
def test_each_bad_view_is_an_alarm_until_it_is_good(server: Server, state: ViewState, kind: AlarmKind):
    server.connect(replace(GOOD, view_state=state))
    assert server.alarms() == [kind]
    server.beat()
    assert server.alarms() == []


@pytest.mark.parametrize("state", [ViewState.OK, ViewState.UNSPECIFIED, ViewState.TURNED_AWAY])
def test_a_view_in_order_or_turned_away_on_purpose_is_none(server: Server, state: ViewState):
    server.connect(replace(GOOD, view_state=state))
    assert server.alarms() == []


def test_a_smeared_lens_stays_an_alarm_while_the_tour_looks_elsewhere_and_one_alarm(server: Server):
    server.connect(replace(GOOD, view_state=ViewState.DEFOCUSED))
    assert server.alarms() == [AlarmKind.CAMERA_DEFOCUSED]
    for state in (ViewState.TURNED_AWAY, ViewState.UNSPECIFIED, ViewState.DEFOCUSED):
        server.beat(replace(GOOD, view_state=state))
        assert server.alarms() == [AlarmKind.CAMERA_DEFOCUSED]
    server.beat()
    assert server.alarms() == []


def test_a_camera_that_is_found_again_elsewhere_on_its_tour_is_no_longer_lost(server: Server):
    for state in (ViewState.NO_FRAMES, ViewState.NOT_AT_PRESET):
        server.connect(replace(GOOD, view_state=state))
        assert len(server.alarms()) == 1
        server.beat(replace(GOOD, view_state=ViewState.TURNED_AWAY))
        assert server.alarms() == []


def test_another_bad_view_takes_the_place_of_the_first(server: Server):
    server.connect(replace(GOOD, view_state=ViewState.DARK))
    assert server.alarms() == [AlarmKind.CAMERA_DARK]
    server.beat(replace(GOOD, view_state=ViewState.COVERED))
    assert server.alarms() == [AlarmKind.CAMERA_COVERED]


def test_a_slow_camera_is_told_after_a_whole_period(server: Server):
    slow = replace(GOOD, frames_per_second=0.5)
    server.connect(slow)
    assert server.alarms() == [], "the first heartbeat covers no whole period"
    server.beat(slow)
    assert server.alarms() == [AlarmKind.CAMERA_SLOW]


@pytest.mark.parametrize("state", [SpoolState.DISK_FULL, SpoolState.READ_ONLY, SpoolState.FAILED])
def test_a_spool_that_fails_is_an_alarm(server: Server, state: SpoolState):
    server.connect(replace(GOOD, spool=SpoolStatus(state)))
    assert server.alarms() == [AlarmKind.SPOOL_FAILING]
    server.beat(replace(GOOD, spool=SpoolStatus(SpoolState.READY)))
    assert server.alarms() == []


def test_lost_crops_are_an_alarm_for_a_minute(server: Server, clock: HandClock):
    server.connect(replace(GOOD, dropped_total=7))
    assert server.alarms() == [], "what an earlier program lost is old"
    server.beat(replace(GOOD, dropped_total=8))
    assert server.alarms() == [AlarmKind.CAMERA_DROPPING_CROPS]
    clock.go(seconds=61)
    server.beat(replace(GOOD, dropped_total=8))
    assert server.alarms() == []


def test_news_of_another_server_that_somebody_wrote_by_hand_hide_no_camera(
    server: Server, database: Database, clock: HandClock
):
    server.connect()
    assert server.alarms() == []
    server.presence.camera_disconnected("dep-1")
    clock.go(seconds=10)
    heard_at = clock.now().astimezone(UTC).replace(tzinfo=None)
    with database.engine.begin() as connection:
        text = sqlalchemy.text("UPDATE camera_news SET heard_at = :at").bindparams(at=str(heard_at))
        assert connection.execute(text).rowcount == 1
    assert server.alarms() == [AlarmKind.CAMERA_DOWN]


def test_crops_that_end_decoders_are_an_alarm_for_ten_minutes_also_without_heartbeats(server: Server, clock: HandClock):
    server.presence.camera_connected("dep-1")
    server.presence.ended_decoders("dep-1")
    assert server.alarms() == [AlarmKind.CAMERA_ENDING_DECODERS]
    clock.go(minutes=9)
    server.presence.ended_decoders("dep-1")
    clock.go(minutes=9)
    server.beat()
    assert server.alarms() == [AlarmKind.CAMERA_ENDING_DECODERS]
    clock.go(minutes=2)
    server.beat()
    assert server.alarms() == []


def test_a_hundred_refused_names_are_remembered_and_the_oldest_goes_first(server: Server, clock: HandClock):
    for number in range(101):
        clock.go(minutes=1)
        server.presence.camera_rejected(f"new-{number}", "", Code.UNKNOWN_CAMERA)
    assert [*server.presence.rejections] == [f"new-{number}" for number in range(1, 101)]


def test_a_refused_camera_is_told_with_the_reason_and_not_as_down(server: Server, clock: HandClock):
    clock.go(minutes=1)
    server.presence.camera_rejected("dep-1", SITE, Code.NAME_NOT_ALLOWED)
    server.presence.camera_rejected("new-1", "", Code.UNKNOWN_CAMERA)
    server.board.apply(server.rule)
    found = {one.condition.about: one.condition for one in server.store.open()}
    assert {name: (one.kind, one.counter, dict(one.details)) for name, one in found.items()} == {
        "dep-1": (AlarmKind.CAMERA_REJECTED, "D1", {"reason": "NAME_NOT_ALLOWED"}),
        "new-1": (AlarmKind.CAMERA_REJECTED, "", {"reason": "UNKNOWN_CAMERA"}),
    }
    server.connect()
    clock.go(minutes=3)
    server.beat()
    assert server.alarms() == []


def test_a_camera_of_another_server_is_that_servers_to_judge(database: Database, clock: HandClock):
    here, there = Server(database, clock), Server(database, clock)
    there.connect(replace(GOOD, view_state=ViewState.COVERED))
    for _ in range(20):
        clock.go(seconds=3)
        there.beat(replace(GOOD, view_state=ViewState.COVERED))
        assert there.alarms() == here.alarms() == [AlarmKind.CAMERA_COVERED]
    clock.go(seconds=12)  # that server dies with its cameras
    assert here.alarms() == [AlarmKind.CAMERA_DOWN]


def _falls_silent(server: Server) -> None:
    """Its line is cut: the stream stands."""


def _goes(server: Server) -> None:
    server.presence.camera_disconnected("dep-1")


@pytest.mark.parametrize("end", [_falls_silent, _goes])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_camera_that_ends_while_the_clock_is_ahead_is_down_once_it_is_right(
    database: Database, clock: HandClock, end: Callable[[Server], None], elsewhere: bool
):
    here, there = Server(database, clock), Server(database, clock)
    clock.go(hours=2)
    its_own = there if elsewhere else here
    its_own.connect()
    assert its_own.alarms() == here.alarms() == []
    end(its_own)
    clock.go(hours=-2, seconds=30)
    assert here.alarms() == [AlarmKind.CAMERA_DOWN]


def test_a_clock_that_is_set_back_takes_no_camera_from_another_server(database: Database, clock: HandClock):
    here, there = Server(database, clock), Server(database, clock)
    clock.go(hours=2)
    there.connect()
    assert there.alarms() == here.alarms() == []
    clock.go(hours=-2)
    for _ in range(20):
        clock.go(seconds=1)
        there.beat()
        assert there.alarms() == here.alarms() == []


def test_a_camera_that_changes_to_another_server_is_never_down(database: Database, clock: HandClock):
    here, there = Server(database, clock), Server(database, clock)
    here.connect()
    assert here.alarms() == there.alarms() == []
    here.presence.camera_disconnected("dep-1")
    clock.go(seconds=1)
    there.connect()
    for _ in range(20):
        clock.go(seconds=1)
        there.beat()
        assert there.alarms() == here.alarms() == []


def test_a_refusal_by_one_server_is_not_taken_back_by_another(database: Database, clock: HandClock):
    here, there = Server(database, clock), Server(database, clock)
    clock.go(minutes=1)
    for _ in range(5):
        here.presence.camera_rejected("new-1", "", Code.UNKNOWN_CAMERA)
        clock.go(seconds=1)
        assert AlarmKind.CAMERA_REJECTED in here.alarms()
        (first,) = {one.alarm_id for one in here.store.open() if one.condition.about == "new-1"}
        assert AlarmKind.CAMERA_REJECTED in there.alarms()
        assert first in {one.alarm_id for one in there.store.open()}


def test_an_open_alarm_survives_a_restart_until_the_camera_is_back(database: Database, clock: HandClock):
    before = Server(database, clock)
    before.connect(replace(GOOD, view_state=ViewState.COVERED))
    (kind,) = before.alarms()
    after = Server(database, clock)
    clock.go(seconds=15)
    assert after.alarms() == [kind]
    after.connect(replace(GOOD, view_state=ViewState.COVERED))
    assert after.alarms() == [kind]
    after.beat()
    assert after.alarms() == []


@pytest.mark.parametrize("ahead_s", [7200, -3])
def test_a_clock_that_is_wrong_is_an_alarm_until_it_is_right(
    database: Database, clock: HandClock, ahead_s: int
) -> None:
    server = Server(database, clock)
    camera_clock = CameraClock()
    camera_clock.note(clock.now() + timedelta(seconds=ahead_s), clock.now())
    server.presence.camera_connected("dep-1")
    server.presence.follow_clock("dep-1", camera_clock)
    server.beat()
    assert server.alarms() == [AlarmKind.CAMERA_CLOCK_WRONG]
    (alarm,) = server.store.open()
    assert alarm.condition.details == {"offset_s": str(ahead_s)}
    right = CameraClock()
    right.note(clock.now(), clock.now())
    server.presence.follow_clock("dep-1", right)
    server.beat()
    assert server.alarms() == []
