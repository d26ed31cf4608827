"""People who are banned no more are erased some time later, on every kind of database, and with a record of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
import sqlalchemy

from cekalwatch.contract.values.imports import SyncCounts
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.erasure import SubjectEraser
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock, order, subject
from tests.support.scenarios.sync import SyncBench, TestSource

CHECKPOINTS = Checkpoints(Law(), {"batam-center": WIB})
KEPT_FOR = RetentionPolicy().ended_subjects
END = date(2026, 6, 30)
MIDNIGHT = datetime.combine(END + timedelta(days=1), time(), WIB)
"""When the order of `order()` has ended."""


class List:
    """A watchlist with its eraser, at a moment that a test sets."""

    def __init__(self, database: Database, now: datetime = MIDNIGHT + KEPT_FOR) -> None:
        self.database, self.clock = database, FixedClock(now)
        self.store, self.audit = WatchlistStore(database, keyring(database), self.clock), AuditStore(database)
        myself = Actor(ActorKind.SERVER, "test")
        self.eraser = SubjectEraser(self.store, CHECKPOINTS, self.clock, myself, KEPT_FOR)

    def put(self, *orders: BanOrder) -> None:
        for one in orders:
            self.store.put(subject(one.subject_id), one, [])

    @property
    def left(self) -> list[str]:
        return [file.subject.subject_id for file in self.store.list_subjects("", 100)]


@pytest.fixture
def watchlist(database: Database) -> List:
    return List(database)


@pytest.mark.both_databases
def test_a_subject_is_erased_once_the_limit_after_its_last_order_has_passed(watchlist: List) -> None:
    watchlist.put(order(), order("O-2", subject_id="S-2", valid_until=END - timedelta(days=1)))
    watchlist.clock.advance(-timedelta(seconds=1))
    assert list(watchlist.eraser.due()) == ["S-2"]
    assert watchlist.eraser.erase() == 1
    watchlist.clock.advance(timedelta(seconds=1))
    assert [watchlist.eraser.erase(), watchlist.eraser.erase()] == [1, 0]
    assert watchlist.left == []
    records = [one for one in watchlist.audit.links() if one.action == Action.SUBJECT_DELETED]
    assert [json.loads(one.objects)[0] for one in records] == ["subject:S-2", "subject:S-1"]
    assert {json.loads(one.details)["ended_days"] for one in records} == {KEPT_FOR.days}
    assert {one.actor for one in records} == {"server:test"}


@pytest.mark.parametrize(
    "other",
    [
        order("O-2", valid_from=END, valid_until=END + timedelta(days=100), received_on=END),
        order("O-2", valid_from=date(2027, 9, 1), valid_until=date(2027, 12, 1), received_on=date(2027, 6, 1)),
        order("O-2", revoked_at=MIDNIGHT + timedelta(days=1), valid_until=END + timedelta(days=1), received_on=END),
        order("O-2", valid_until=date(2099, 1, 1), received_on=END + timedelta(days=200)),
    ],
    ids=["ended later", "is to come", "revoked later", "breaks a rule and came later"],
)
def test_a_subject_stays_while_another_order_has_not_ended_so_long_ago(watchlist: List, other: BanOrder) -> None:
    watchlist.put(order(), other)
    assert watchlist.eraser.erase() == 0
    assert watchlist.left == ["S-1"]


@pytest.mark.parametrize("damage", ["facts = substr(facts, 2)", "valid_until = '2025-01-01'", "kind = 'OTHER'"])
def test_nobody_is_erased_while_an_order_of_theirs_cannot_be_read(watchlist: List, damage: str) -> None:
    today = watchlist.clock.now().date()
    watchlist.put(order(), order("O-2", valid_from=today, valid_until=today + timedelta(days=30), received_on=today))
    with watchlist.database.engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"UPDATE ban_order SET {damage} WHERE order_id = 'O-2'"))  # noqa: S608  # ours
    assert list(watchlist.eraser.due()) == []
    assert watchlist.eraser.erase() == 0
    assert not watchlist.eraser._erase("S-1"), "nor by a server that found them due before"
    assert watchlist.left == ["S-1"]


@pytest.mark.both_databases
def test_an_order_that_comes_between_the_look_and_the_removal_keeps_its_subject(watchlist: List) -> None:
    watchlist.put(order())
    (due,) = watchlist.eraser.due()
    today = watchlist.clock.now().date()
    watchlist.put(order("O-2", valid_from=today, valid_until=today + timedelta(days=30), received_on=today))
    assert not watchlist.eraser._erase(due)
    assert watchlist.left == ["S-1"]


def test_a_source_that_still_has_the_record_brings_it_back_only_when_it_changed(database: Database) -> None:
    bench = SyncBench[TestSource].of_seven(database)
    bench.done()
    held = List(database)
    assert held.eraser.erase() == 7
    assert bench.done().counts == SyncCounts(read=7, unchanged=7)
    assert held.left == []
    bench.clock.moment = datetime(2027, 5, 1, 12, tzinfo=WIB)
    bench.source.put("O-3", valid_from=date(2027, 5, 1), valid_until=date(2027, 9, 1), received_on=date(2027, 5, 1))
    assert bench.done().counts == SyncCounts(read=7, added=1, unchanged=6)
    assert held.left == ["S-O-3"]
    bench.source.drop("O-5")
    assert bench.done().counts == SyncCounts(read=6, unchanged=6)


@pytest.mark.both_databases
def test_a_subject_whose_order_moved_to_another_key_is_erased_after_the_limit(watchlist: List) -> None:
    moves = order(valid_until=date(2099, 1, 1), kind=OrderKind.TANGKAL)
    watchlist.store.put(subject(nationality="SGP"), moves)
    watchlist.store.put(subject("S-2", nationality="SGP"), replace(moves, subject_id="S-2"))
    watchlist.clock.advance(KEPT_FOR - timedelta(seconds=1))
    assert (list(watchlist.eraser.due()), watchlist.eraser.erase()) == ([], 0)
    watchlist.clock.advance(timedelta(seconds=1))
    assert list(watchlist.eraser.due()) == ["S-1"]
    assert [watchlist.eraser.erase(), watchlist.eraser.erase()] == [1, 0]
    assert watchlist.left == ["S-2"]
    (record,) = (one for one in watchlist.audit.links() if one.action == Action.SUBJECT_DELETED)
    assert json.loads(record.objects) == ["subject:S-1"]


def test_a_subject_whose_order_came_back_in_between_is_kept(watchlist: List) -> None:
    moves = order(valid_until=date(2099, 1, 1), kind=OrderKind.TANGKAL)
    watchlist.store.put(subject(nationality="SGP"), moves)
    watchlist.store.put(subject("S-2", nationality="SGP"), replace(moves, subject_id="S-2"))
    watchlist.store.put(subject(nationality="SGP"), moves)
    watchlist.clock.advance(KEPT_FOR)
    assert (watchlist.eraser.erase(), watchlist.left) == (1, ["S-1"])
    watchlist.store.put(subject("S-2", nationality="SGP"), replace(moves, subject_id="S-2"))
    assert watchlist.eraser.erase() == 0, "it counts anew"
    assert watchlist.left == ["S-1", "S-2"]


def test_whose_orders_somebody_deleted_in_the_database_is_not_erased(watchlist: List) -> None:
    watchlist.put(order())
    with watchlist.database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM ban_order"))
    for _ in range(2):
        assert watchlist.eraser.erase() == 0
        watchlist.clock.advance(2 * KEPT_FOR)
    assert watchlist.left == ["S-1"]
