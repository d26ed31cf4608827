"""Subjects that share a NIK or a travel document are the same person to the law, on every kind of database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy

from cekalwatch.contract.values.orders import OrderRule
from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.retention import ended_by
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.orders import day, noon, urgent
from tests.support.builders.watchlist import WIB, order, subject

CHECKPOINTS = Checkpoints(Law(), {"batam-center": WIB})
NIK: dict[str, Any] = {"nik": "2171013101800001"}
PASSPORT: dict[str, Any] = {"travel_documents": (TravelDocument("passport", "X0000001", "IDN"),)}
NOW = noon("2026-02-26")
AGAIN: dict[str, Any] = {"received_on": day("2026-02-25"), "valid_from": day("2026-02-25")}
"""After the first one has lapsed."""


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def sent(store: WatchlistStore, number: int, person: dict[str, Any], **facts: object) -> None:
    """Take in an urgent order, under a key of its own."""
    store.put(subject(f"S-{number}", **person), urgent(f"U-{number}", subject_id=f"S-{number}", **facts))


def rules(store: WatchlistStore, key: str, now: datetime = NOW) -> tuple[OrderRule, ...]:
    (one,) = CHECKPOINTS.judged(store.get_subject(key), now, "batam-center")
    return one.judgement.broken_rules


@pytest.mark.parametrize("person", [NIK, PASSPORT, NIK | PASSPORT], ids=["nik", "passport", "both"])
def test_an_urgent_order_that_comes_again_under_another_subject_key_is_invalid(
    store: WatchlistStore, person: dict[str, Any]
) -> None:
    sent(store, 1, person, revoked_at=noon("2026-02-20"))
    sent(store, 2, person, **AGAIN)
    assert [rules(store, "S-1"), rules(store, "S-2")] == [(), (OrderRule.URGENT_RESUBMITTED,)]
    assert [one.order_id for one in store.get_subject("S-2").elsewhere] == ["U-1"]
    assert [file.elsewhere for file in store.list_subjects("", 9)] == [
        file.elsewhere for file in store.orders_of(["S-1", "S-2"])
    ]


def test_others_with_urgent_orders_are_other_people(store: WatchlistStore) -> None:
    sent(store, 1, NIK)
    sent(store, 2, PASSPORT, **AGAIN)
    sent(store, 3, {}, **AGAIN)
    assert [rules(store, f"S-{number}") for number in (1, 2, 3)] == [(), (), ()]


def test_a_number_that_is_corrected_or_a_subject_that_is_deleted_counts_no_more(store: WatchlistStore) -> None:
    sent(store, 1, NIK | PASSPORT)
    sent(store, 2, NIK, **AGAIN)
    sent(store, 3, PASSPORT, **AGAIN)
    assert rules(store, "S-2") == rules(store, "S-3") == (OrderRule.URGENT_RESUBMITTED,)
    sent(store, 1, PASSPORT)
    assert [rules(store, "S-2"), rules(store, "S-3")] == [(), (OrderRule.URGENT_RESUBMITTED,)]
    store.delete_subject("S-1", deleted)
    assert rules(store, "S-3") == ()
    sent(store, 1, PASSPORT)
    assert rules(store, "S-3") == (OrderRule.URGENT_RESUBMITTED,)


def test_nothing_of_a_person_is_left_among_the_digests(database: Database, store: WatchlistStore) -> None:
    sent(store, 1, NIK | PASSPORT)
    query = sqlalchemy.text("SELECT digest FROM subject_identity")
    with database.engine.connect() as connection:
        digests = connection.execute(query).scalars().all()
    assert len(digests) == 2
    assert all(len(digest) == 64 and NIK["nik"] not in digest for digest in digests)
    sent(store, 1, PASSPORT)
    with database.engine.connect() as connection:
        assert len(connection.execute(query).all()) == 1
    store.delete_subject("S-1", deleted)
    with database.engine.connect() as connection:
        assert connection.execute(query).all() == []


@pytest.mark.both_databases
def test_who_is_searched_follows_what_happens_under_another_key(store: WatchlistStore) -> None:
    reader = TermsReader(store, CHECKPOINTS)

    def searched() -> list[bool]:
        found = list(reader.read().are_searched([b"S-1", b"S-2", b"S-3"], NOW))
        assert found == list(TermsReader(store, CHECKPOINTS).read().are_searched([b"S-1", b"S-2", b"S-3"], NOW))
        return found

    sent(store, 2, NIK, **AGAIN)
    assert searched() == [False, True, False]
    sent(store, 1, NIK)
    assert searched() == [False, False, False], "the first one has lapsed, and the second one is none"
    decided = order("O-3", subject_id="S-3", valid_from=day("2026-02-10"))
    store.put(subject("S-3", **NIK), decided)
    assert searched() == [False, True, True], "a written decision lies between them"
    store.put(subject("S-3"), decided)
    assert searched() == [False, False, True], "it is another person's"
    store.put(subject("S-1"), urgent("U-1", subject_id="S-1"))
    assert searched() == [False, True, True]
    store.put(subject("S-1", **NIK), urgent("U-1", subject_id="S-1"))
    assert searched() == [False, False, True]
    store.delete_subject("S-1", deleted)
    assert searched() == [False, True, True]


def test_the_sealed_facts_decide_and_not_the_digests(database: Database, store: WatchlistStore) -> None:
    sent(store, 1, NIK)
    sent(store, 2, {}, **AGAIN)
    sent(store, 3, PASSPORT, **AGAIN)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO subject_identity SELECT 'S-2', digest FROM subject_identity"))
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO subject_identity SELECT 'S-1', digest FROM subject_identity WHERE subject_id = 'S-3'"
            )
        )
    assert [rules(store, "S-2"), rules(store, "S-3")] == [(), ()]


def test_a_subject_that_cannot_be_read_makes_no_order_invalid(database: Database, store: WatchlistStore) -> None:
    sent(store, 1, NIK)
    sent(store, 2, NIK, **AGAIN)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE subject SET facts = :f WHERE subject_id = 'S-1'"), {"f": b"x"})
    assert rules(store, "S-2") == ()


def test_the_first_urgent_order_is_kept_while_one_that_it_makes_invalid_runs(store: WatchlistStore) -> None:
    sent(store, 1, NIK)
    sent(
        store,
        2,
        NIK,
        **AGAIN | {"valid_until": day("2026-08-20"), "decree_number": "K", "decree_date": AGAIN["received_on"]},
    )

    def due(number: int, at: datetime) -> bool:
        return ended_by(store.get_subject(f"S-{number}"), at, CHECKPOINTS)

    assert not due(1, noon("2026-08-20"))
    assert due(1, noon("2026-08-21") + timedelta(days=1))
