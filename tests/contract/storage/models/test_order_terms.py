"""Who has an order in force, or will have, as the watchlist changes and time passes, on every kind of database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta

import pytest
import sqlalchemy
from hypothesis import given, settings

from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.order_terms import OrderTerms, TermsReader
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.reading import MarkedFile
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.orders import lists, moments
from tests.support.builders.watchlist import WIB, order, subject

CHECKPOINTS = Checkpoints(Law(), {"batam-center": WIB})
MARCH = datetime(2026, 3, 1, 5, tzinfo=UTC)
JULY = datetime(2026, 6, 30, 17, tzinfo=UTC)
"""The first moment of 1 July in Batam."""


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def listed(store: WatchlistStore, key: str, **facts: object) -> None:
    store.put(subject(key), order(f"O-{key}", subject_id=key, **facts))


@pytest.mark.both_databases
def test_the_terms_are_right_after_every_step(store: WatchlistStore) -> None:
    reader, later = TermsReader(store, CHECKPOINTS), MARCH + timedelta(hours=2)

    def counts(active: int, now: datetime = MARCH) -> bool:
        fresh = TermsReader(store, CHECKPOINTS).read()
        return reader.read().active(now) == active == fresh.active(now) == reader.read().searched(now)

    listed(store, "S-1")
    listed(store, "S-2")
    assert counts(2)
    listed(store, "S-1", revoked_at=MARCH)
    assert counts(1)
    listed(store, "S-1")
    assert counts(2)
    listed(store, "S-1", revoked_at=later)
    assert counts(2)
    assert counts(1, later), "the moment of the revocation has come"
    store.delete_subject("S-2", deleted)
    assert counts(0, later)
    listed(store, "S-3")
    assert counts(1, later)
    assert counts(1, JULY - timedelta(microseconds=1))
    assert counts(0, JULY), "the last day is over by the site's clock"
    assert (len(reader.read().subjects), reader.read().unreadable) == (2, 0)


def test_an_order_to_come_is_searched_and_not_in_force(store: WatchlistStore) -> None:
    listed(store, "S-1")
    terms, before = TermsReader(store, CHECKPOINTS).read(), datetime(2025, 12, 1, tzinfo=UTC)
    assert (terms.active(before), terms.searched(before)) == (0, 1)
    assert list(terms.are_searched([b"S-1", b"S-2"], before)) == [True, False]


def test_those_who_changed_are_read_alone_and_the_clock_reads_nobody(
    store: WatchlistStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        listed(store, f"S-{number}")
    reader = TermsReader(store, CHECKPOINTS)
    assert reader.read().active(MARCH) == 20
    asked: list[str] = []
    read = store.marked_orders_of

    def reading(keys: Collection[str]) -> list[MarkedFile]:
        asked.extend(keys)
        return read(keys)

    monkeypatch.setattr(store, "marked_orders_of", reading)
    assert reader.read().active(JULY) == 0
    listed(store, "S-5", revoked_at=MARCH)
    assert reader.read().active(MARCH + timedelta(minutes=2)) == 19
    assert asked == ["S-5"]


def test_whose_orders_cannot_be_read_is_told(database: Database, store: WatchlistStore) -> None:
    for key in ("S-1", "S-2", "S-3"):
        listed(store, key)
    reader = TermsReader(store, CHECKPOINTS)
    assert reader.read().unreadable == 0
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE ban_order SET valid_from = 'x' WHERE order_id = 'O-S-1'"))
        connection.execute(sqlalchemy.text("UPDATE subject SET facts = :f WHERE subject_id = 'S-2'"), {"f": b"x"})
    terms = TermsReader(store, CHECKPOINTS).read()
    assert (terms.unreadable, terms.searched(MARCH), len(terms.subjects)) == (2, 1, 3)
    listed(store, "S-4")
    assert reader.read().unreadable == 0, "only those who changed are read"


def test_a_damaged_order_is_told_though_another_of_the_person_has_ended_or_is_in_force(
    database: Database, store: WatchlistStore
) -> None:
    listed(store, "S-1")
    listed(store, "S-2", valid_until=datetime(2026, 2, 1, tzinfo=UTC).date())
    for key in ("S-1", "S-2"):
        store.put(subject(key), order(f"X-{key}", subject_id=key))
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE ban_order SET facts = substr(facts, 2) WHERE order_id LIKE 'X-%'"))
    reader = TermsReader(store, CHECKPOINTS)
    assert (reader.read().unreadable, reader.read().searched(MARCH)) == (2, 1)
    store.put(subject("S-2"), order("X-S-2", subject_id="S-2"))
    assert (reader.read().unreadable, reader.read().searched(MARCH)) == (1, 2), "importing it again mends it"


@pytest.mark.both_databases
def test_whose_orders_all_moved_to_another_key_has_none_that_cannot_be_read(
    database: Database, store: WatchlistStore
) -> None:
    """Who deletes an order in the database is told of all the same."""
    for key in ("S-1", "S-2", "S-3"):
        listed(store, key)
    store.put(subject("S-9"), order("O-S-1", subject_id="S-9"))
    assert (TermsReader(store, CHECKPOINTS).read().unreadable, len(store.subject_keys("", 9))) == (0, 4)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM ban_order WHERE order_id IN ('O-S-2', 'O-S-3')"))
        moved = "SELECT orders_moved_at FROM subject WHERE subject_id = 'S-1'"
        connection.execute(
            sqlalchemy.text(f"UPDATE subject SET orders_moved_at = ({moved}) WHERE subject_id = 'S-3'")  # noqa: S608
        )
    assert TermsReader(store, CHECKPOINTS).read().unreadable == 2


def test_an_order_that_somebody_else_moved_does_not_hide_the_deletion_of_another(
    database: Database, store: WatchlistStore
) -> None:
    """An import would mend the order, and find its subject without one."""
    listed(store, "S-1")
    listed(store, "S-2")
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM ban_order WHERE order_id = 'O-S-1'"))
        connection.execute(sqlalchemy.text("UPDATE ban_order SET subject_id = 'S-1' WHERE order_id = 'O-S-2'"))
    listed(store, "S-2")
    assert TermsReader(store, CHECKPOINTS).read().unreadable == 1


@pytest.mark.slow
@settings(max_examples=200)
@given(orders=lists, now=moments, later=moments)
def test_terms_are_what_the_law_says_of_each_moment(
    orders: tuple[BanOrder, ...], now: datetime, later: datetime
) -> None:
    person = subject()
    file = SubjectFile(person, tuple(one for one in orders if one.subject_id == person.subject_id), ())
    first, second = sorted((now, later))
    terms = OrderTerms.of(1, [person.subject_id], [MarkedFile(file, b"")], CHECKPOINTS)

    def in_force(moment: datetime) -> bool:
        return any(one.in_force for one in CHECKPOINTS.judged(file, moment, "batam-center"))

    def is_searched(moment: datetime) -> bool:
        begins = (datetime.combine(one.valid_from, time(), WIB) for one in file.orders)
        return in_force(moment) or any(in_force(begin) for begin in begins if begin > moment)

    assert [terms.active(first), terms.active(second)] == [in_force(first), in_force(second)]

    assert [terms.searched(first), terms.searched(second)] == [is_searched(first), is_searched(second)]
    assert terms.end_between(first, second) == (is_searched(first) != is_searched(second))
