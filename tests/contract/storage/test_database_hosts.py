"""The address of a PostgreSQL with several hosts, and connections on which nothing can be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError


@pytest.fixture
def shared(postgres_database: str) -> Iterator[Database]:
    with closing(Database(postgres_database)) as database:
        yield database


@pytest.mark.parametrize(
    ("address", "hosts", "ports"),
    [
        ("postgresql://cekal:geheim@pg-1:5433,pg-2:5434/cekal", "pg-1,pg-2", "5433,5434"),
        ("postgresql://cekal@pg-1,pg-2/cekal?sslmode=require", "pg-1,pg-2", ","),
        ("postgresql://cekal@/cekal?host=pg-1:5433&host=pg-2:5434", "pg-1,pg-2", "5433,5434"),
    ],
)
def test_several_hosts_are_taken_as_postgresqls_own_programs_take_them(address: str, hosts: str, ports: str) -> None:
    with closing(Database(address)) as database:
        _, named = database.engine.dialect.create_connect_args(database.engine.url)
        assert (named["host"], named["port"], named["user"], named["dbname"]) == (hosts, ports, "cekal", "cekal")
        assert ("sslmode" in named) == ("sslmode" in address)
        assert "geheim" not in database.name


@pytest.mark.parametrize("address", ["postgresql://cekal@[::1]:1,pg-2:2/cekal", "postgresql://cekal@pg-1:port/cekal"])
def test_an_address_that_is_wrong_is_told_with_the_right_form(address: str) -> None:
    with pytest.raises(ProgramError, match="with several hosts postgresql://USER@HOST:PORT,HOST:PORT/NAME"):
        Database(address)


@pytest.mark.slow
def test_a_connection_that_takes_no_writes_is_given_up(shared: Database) -> None:
    write = sqlalchemy.text("UPDATE trouble_log SET change = change")
    with shared.session() as session:
        session.execute(sqlalchemy.text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        session.commit()
    assert shared.engine.pool.status().count("in pool: 1") == 1  # the next session gets that connection
    with pytest.raises(StorageError, match="ReadOnlySqlTransaction"), shared.session() as session:
        session.execute(write)
    with shared.session() as session:
        session.execute(write)
        session.commit()


@pytest.mark.slow
def test_a_database_that_takes_no_writes_is_told_before_anything_is_asked(shared: Database) -> None:
    with shared.connection() as connection:
        name = shared.engine.url.database
        connection.execute(sqlalchemy.text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        connection.commit()
    with closing(Database(shared.engine.url.render_as_string(hide_password=False))) as late:
        assert not late.answers()
        assert late.availability.away is not None
        assert late.availability.away.reason == "READ_ONLY"
