"""What becomes of connections when a database is closed, and who shares one."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait

import psycopg
import pytest
from sqlmodel import select, update

from cekalwatch.server.storage.alerts.tables import EventLogRow
from cekalwatch.server.storage.database import Database

pytestmark = pytest.mark.both_databases

LOOKS_SELDOM_AFTER_S, ASKS_WITHIN_S = 0.5, 0.1


def test_a_connection_that_is_in_use_when_the_database_closes_is_closed_when_it_is_given_back(
    database: Database,
) -> None:
    with database.engine.connect() as used:
        connection = used.connection.dbapi_connection
        assert connection is not None
        database.close()
        connection.cursor().close()  # whoever uses it ends in order
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        connection.cursor()


def test_the_connection_that_was_given_back_last_is_used_next(database: Database) -> None:
    with database.engine.connect() as first, database.engine.connect() as second:
        held = [one.connection.dbapi_connection for one in (first, second)]
        assert held[0] is not held[1]
    used = []
    for _ in range(4):
        with database.session() as session:
            used.append(session.connection().connection.dbapi_connection)
    assert used == [held[0]] * 4  # which was given back after the other one


def test_who_asked_first_writes_first(database: Database) -> None:
    """SQLite's own waiting looks each 100 ms by then, and each few who has just come."""
    written: list[str] = []

    def write(name: str) -> None:
        with database.session() as session:
            session.execute(update(EventLogRow).values(pruned_through=1))
            written.append(name)
            session.commit()

    with database.session() as holder, ThreadPoolExecutor(2) as others:
        holder.execute(update(EventLogRow).values(pruned_through=2))
        waits = [others.submit(write, "the first")]
        assert not wait(waits, LOOKS_SELDOM_AFTER_S).done
        waits.append(others.submit(write, "the second"))
        assert not wait(waits, ASKS_WITHIN_S).done
        holder.commit()
    assert sorted(written) == ["the first", "the second"]
    if not database.is_shared:  # PostgreSQL lets those who wait for a changed row look at it again, in any order
        assert written[0] == "the first"


def test_what_is_read_together_goes_over_one_connection_and_others_write_meanwhile(database: Database) -> None:
    with database.reading_together():
        connections = set()
        for _ in range(2):
            with database.session() as session, database.reading_together():
                connections.add(session.connection().connection.dbapi_connection)
                assert session.execute(select(EventLogRow.pruned_through)).scalar_one() == 0
        assert len(connections) == 1
        with ThreadPoolExecutor(1) as other:
            other.submit(prune_through, database, 7).result()
        with database.session() as session:
            assert session.execute(select(EventLogRow.pruned_through)).scalar_one() == 7
    with database.session() as session:
        assert session.bind is database.engine


def test_what_is_read_together_writes_nothing(database: Database) -> None:
    with database.reading_together(), pytest.raises(RuntimeError, match="reads together"):
        prune_through(database, 7)
    with database.session() as session:
        assert session.execute(select(EventLogRow.pruned_through)).scalar_one() == 0


def prune_through(database: Database, sequence: int) -> None:
    with database.session() as session:
        session.execute(update(EventLogRow).values(pruned_through=sequence))
        session.commit()
