"""Whom the watchlist's log of changes names, on every kind of database."""

from __future__ import annotations

import pytest

from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.changes import changed_since
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import order, reference, subject


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def changes(database: Database, version: int) -> set[str]:
    with database.session() as session:
        return set(changed_since(session, version))


@pytest.mark.both_databases
def test_the_change_log_names_whom_each_change_concerned(database: Database, store: WatchlistStore) -> None:
    store.put(subject("S-1"), order("O-1"))
    store.put(subject("S-2"), order("O-2", subject_id="S-2"))
    version = store.version()
    assert changes(database, 0) == {"S-1", "S-2"}
    assert changes(database, version) == set()
    store.put(subject("S-1"), order("O-1"))
    assert changes(database, version) == set(), "nothing was changed"
    store.put(subject("S-1"), order("O-1"), [reference()])
    assert changes(database, version) == {"S-1"}
    assert changes(database, store.version()) == set()


def test_the_change_log_names_both_subjects_of_an_order_that_moves(database: Database, store: WatchlistStore) -> None:
    store.put(subject("S-1"), order("O-1"))
    version = store.version()
    store.put(subject("S-2"), order("O-1", subject_id="S-2"))
    assert changes(database, version) == {"S-1", "S-2"}


def test_the_change_log_tells_of_a_deletion(database: Database, store: WatchlistStore) -> None:
    store.put(subject("S-1"), order("O-1"))
    version = store.version()
    store.delete_subject("S-1", deleted)
    assert changes(database, version) == {"S-1"}


@pytest.mark.both_databases
def test_what_is_rolled_back_is_in_no_change_log(database: Database, store: WatchlistStore) -> None:
    with pytest.raises(AttributeError):  # it cannot be sealed
        store.put(subject(), order(), [reference(model_version=None)])
    assert changes(database, 0) == set()
