"""The tables and the migrations that make them, on every kind of database."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.tables import METADATA
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import order, subject

pytestmark = [pytest.mark.usefixtures("as_shipped"), pytest.mark.both_databases]


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def test_tables_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_upgrading_again_changes_nothing(database: Database, store: WatchlistStore) -> None:
    store.put(subject(), order())
    database.upgrade()
    assert store.get_subject("S-1").orders == (order(),)
