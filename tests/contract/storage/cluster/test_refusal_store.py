"""What a server that was refused tells, counts until one of its name or in its folder runs, and for an hour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from cekalwatch.server.foundation.refusals import RefusedServer, StartRefusal
from cekalwatch.server.storage.cluster.presence_store import MAX_TOLD, RefusalStore
from cekalwatch.server.storage.database import Database

OTHER = RefusedServer("main-2", "cekal-2", "/var/lib/cekalwatch", "0.2.0", StartRefusal.CLOCK)


@pytest.fixture
def database(postgres_database: str) -> Iterator[Database]:
    with closing(Database(postgres_database)) as database:
        yield database


def told(store: RefusalStore) -> list[tuple[str, StartRefusal]]:
    return [(one.name, one.reason) for one in store.told()]


def test_the_last_reason_of_each_counts_until_it_runs(database: Database) -> None:
    store = RefusalStore(database)
    store.tell(OTHER)
    store.tell(replace(OTHER, reason=StartRefusal.LAW))
    store.tell(replace(OTHER, name="main-3", machine="cekal-3"))
    assert told(store) == [("main-3", StartRefusal.CLOCK), ("main-2", StartRefusal.LAW)]
    store.forget(replace(OTHER, name="main-4", machine="cekal-2"))  # it has a new name
    assert told(store) == [("main-3", StartRefusal.CLOCK)]
    store.forget(replace(OTHER, name="main-3", machine="cekal-9"))  # it has another computer
    assert told(store) == []


def test_one_that_is_not_tried_again_counts_for_an_hour(database: Database) -> None:
    store = RefusalStore(database)
    store.tell(OTHER)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE refused_server SET refused_at = refused_at - interval '61 minutes'")
    assert told(store) == []
    store.tell(replace(OTHER, name="main-3"))
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM refused_server").scalars().all() == ["main-3"]


def test_what_a_newer_version_or_a_stranger_writes_is_bounded(database: Database) -> None:
    store = RefusalStore(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO refused_server SELECT 's' || n, 'm', 'f', '9', 'NEW_REASON', clock_timestamp() "
            "FROM generate_series(1, 1000) n"
        )
    found = store.told()
    assert len(found) == MAX_TOLD
    assert {one.reason for one in found} == {StartRefusal.OTHER}


@pytest.mark.parametrize("change", ["DROP TABLE refused_server", "ALTER TABLE refused_server DROP COLUMN version"])
def test_tables_of_another_version_are_left_alone(database: Database, change: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(change)
    with capture_logs() as logs:
        RefusalStore(database).tell(OTHER)
    assert [entry["event"] for entry in logs] == ["refusal_not_told"]
