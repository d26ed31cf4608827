"""The tables and the migrations that make them, on every kind of database."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from cekalwatch.server.storage.alerts import tables as alert_tables
from cekalwatch.server.storage.audit import tables as audit_tables
from cekalwatch.server.storage.cameras import tables as camera_tables
from cekalwatch.server.storage.cluster import tables as cluster_tables
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys import store as key_tables
from cekalwatch.server.storage.models import tables as model_tables
from cekalwatch.server.storage.notices import tables as notice_tables
from cekalwatch.server.storage.people import tables as people_tables
from cekalwatch.server.storage.ports import tables as port_tables
from cekalwatch.server.storage.sync import tables as sync_tables
from cekalwatch.server.storage.troubles import tables as trouble_tables
from cekalwatch.server.storage.watchlist import tables as watchlist_tables
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import order, subject

TABLES = (
    alert_tables,
    audit_tables,
    camera_tables,
    cluster_tables,
    key_tables,
    model_tables,
    notice_tables,
    people_tables,
    port_tables,
    sync_tables,
    trouble_tables,
    watchlist_tables,
)

pytestmark = pytest.mark.usefixtures("as_shipped")


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def test_tables_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_upgrading_again_changes_nothing(database: Database, store: WatchlistStore) -> None:
    store.put(subject(), order())
    database.upgrade()
    assert store.get_subject("S-1").orders == (order(),)
