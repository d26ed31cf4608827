"""A receiver of notices that takes none is an alarm of administrators after a while, and no longer than that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import OF_CAMERAS, AlarmKind, acknowledges
from cekalwatch.contract.values.people import KEEPS_SYSTEM
from cekalwatch.extensions.notices.alarms import NoticeAlarms
from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.extensions.notices.store import NoticeOutcome, NoticeStore
from cekalwatch.extensions.notices.syslog_feed import SyslogOutbox, syslog_feed
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import NOON
from tests.support.builders.audit import entry
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    made.upgrade()
    key_store(made)
    yield made
    made.close()


def open_about(alarms: AlarmStore) -> dict[str, str]:
    kinds = {one.condition.kind for one in alarms.open()}
    assert kinds <= {AlarmKind.NOTICES_WAITING}
    return {one.condition.about: one.condition.details["reason"] for one in alarms.open()}


def test_a_webhook_that_takes_nothing_for_minutes_is_an_alarm_until_it_does(database: Database) -> None:
    store, alarms, clock = NoticeStore(database), AlarmStore(database), FixedClock(NOON)
    board = AlarmBoard(alarms, clock)
    rule = NoticeAlarms(store, ["siem", "other"], {}, clock)
    store.add("siem", "alerts", [Notice("alert/1", "alert.raised", NOON, {})], 1, NOON)
    store.put_off(store.waiting("siem", 1)[0], "ANSWERED: 503", NOON + timedelta(hours=1))
    board.apply(rule)
    assert open_about(alarms) == {}, "it may be restarted"
    clock.advance(timedelta(minutes=5))
    board.apply(rule)
    board.apply(rule)
    assert open_about(alarms) == {"webhook siem": "ANSWERED: 503"}
    store.settle(store.waiting("siem", 1)[0], NoticeOutcome.DELIVERED, "", clock.now())
    board.apply(rule)
    assert open_about(alarms) == {}


def test_syslog_that_takes_nothing_is_an_alarm_and_of_no_receiver_there_is_none(database: Database) -> None:
    store, alarms, audit, clock = NoticeStore(database), AlarmStore(database), AuditStore(database), FixedClock()
    board = AlarmBoard(alarms, clock)
    feed = syslog_feed(SyslogOutbox(SyslogReceiver("127.0.0.1:1", None, None), store, audit, alarms), clock)
    rule = NoticeAlarms(store, [], {"syslog": feed}, clock)
    feed.deliver()
    audit.append(entry(1))
    for _ in range(7):
        feed.deliver()
        board.apply(rule)
        clock.advance(timedelta(minutes=1))
    assert list(open_about(alarms)) == ["syslog"]
    assert "UNREACHABLE" in open_about(alarms)["syslog"]
    board.apply(NoticeAlarms(store, [], {}, clock))
    assert open_about(alarms) == {}


def test_it_is_the_administrators_and_of_no_counter() -> None:
    assert acknowledges(AlarmKind.NOTICES_WAITING) == KEEPS_SYSTEM
    assert AlarmKind.NOTICES_WAITING not in OF_CAMERAS
