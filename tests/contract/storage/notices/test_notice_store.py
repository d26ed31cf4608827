"""The log of notices, on every kind of database."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy

from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.extensions.notices.store import NoticeOutcome, NoticeStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.notices import NoticeRow
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import open_keys


@pytest.fixture
def store(database: Database) -> NoticeStore:
    open_keys(database)
    return NoticeStore(database)


def notices(*numbers: int) -> list[Notice]:
    return [Notice(f"alert/{number}", "alert.raised", NOON, {"sequence": number}) for number in numbers]


def waiting(store: NoticeStore, target: str = "siem") -> list[int]:
    return [one.number for one in store.waiting(target, 10)]


@pytest.mark.both_databases
def test_notices_wait_in_order_and_nothing_is_told_twice(store: NoticeStore) -> None:
    assert store.position("siem", "alerts") is None
    assert store.add("siem", "alerts", notices(7, 8, 7), 8, NOON) == 2
    assert store.add("siem", "alerts", notices(8, 9), 9, NOON) == 1
    assert store.add("other", "alerts", notices(9), 9, NOON) == 1
    assert (waiting(store), waiting(store, "other")) == ([1, 2, 3], [1])
    assert [one.body for one in store.waiting("siem", 1)] == [
        '{"type":"alert.raised","timestamp":"2026-03-01T05:00:00.000000Z","data":{"sequence":7}}'
    ]
    assert (store.position("siem", "alerts"), store.count_waiting("siem")) == (9, 3)
    assert len({one.notice_id for one in store.waiting("siem", 10)}) == 3


@pytest.mark.both_databases
def test_of_many_that_wait_only_as_many_are_read_as_are_asked_for(database: Database, store: NoticeStore) -> None:
    store.add("siem", "alerts", notices(*range(50)), 50, NOON)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE notice SET body = '{}' WHERE number <= 3"))
    read = list[object]()

    def note(row: object, _: object) -> None:
        read.append(row)

    sqlalchemy.event.listen(NoticeRow, "load", note)
    try:
        assert [one.number for one in store.waiting("siem", 5)] == [4, 5, 6, 7, 8]
    finally:
        sqlalchemy.event.remove(NoticeRow, "load", note)
    assert len(read) <= 10


def test_attempts_are_counted_and_what_is_settled_waits_no_more(store: NoticeStore) -> None:
    store.add("siem", "alerts", notices(1, 2), 2, NOON)
    first, second = store.waiting("siem", 10)
    store.put_off(first, "TIMED_OUT", NOON + timedelta(seconds=5))
    again = store.waiting("siem", 10)[0]
    assert (again.attempts, again.failure, again.next_try_at) == (1, "TIMED_OUT", NOON + timedelta(seconds=5))
    assert again.notice_id == first.notice_id
    store.settle(again, NoticeOutcome.DELIVERED, "", NOON)
    store.settle(second, NoticeOutcome.GIVEN_UP, "ANSWERED: 400", NOON + timedelta(days=1))
    assert waiting(store) == []
    given_up = [store.count_given_up("siem", NOON + timedelta(days=days)) for days in (0, 1, 2)]
    assert (given_up, store.count_given_up("other", NOON)) == ([1, 1, 0], 0)
    assert [(one.number, one.outcome, one.failure) for one in store.newest("siem", 10)] == [
        (2, NoticeOutcome.GIVEN_UP, "ANSWERED: 400"),
        (1, NoticeOutcome.DELIVERED, ""),
    ]
    assert store.remove_settled(NOON + timedelta(hours=1)) == 1
    store.add("siem", "alerts", notices(3), 3, NOON)
    assert waiting(store) == [3], "numbers go on"


def test_a_target_that_is_not_configured_any_more_is_forgotten(store: NoticeStore) -> None:
    store.add("siem", "alerts", notices(1), 1, NOON)
    store.add("other", "alerts", notices(1), 1, NOON)
    store.keep_only(["other"])
    assert (waiting(store), waiting(store, "other")) == ([], [1])
    assert (store.position("siem", "alerts"), store.position("other", "alerts")) == (None, 1)


def test_what_somebody_else_wrote_is_not_sent(database: Database, store: NoticeStore) -> None:
    store.add("siem", "alerts", notices(1, 2), 2, NOON)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE notice SET body = '{}' WHERE number = 1"))
    assert waiting(store) == [2]
