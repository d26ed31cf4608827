"""What becomes of connections when a database is closed."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest

from cekalwatch.server.storage.database import Database


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
