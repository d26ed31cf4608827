"""Where a database comes together in PostgreSQL: a schema of its own, which no server looks at, until it is whole.

What is there when a program is killed goes at the next attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Connection

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.database import Database

SCHEMA = "cekalwatch_arrival"
_FUNCTIONS = sqlalchemy.text(
    "SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = :schema"
)


class Arrival:
    """An empty database in the schema, beside the one in which servers look for theirs."""

    def __init__(self, beside: Database, database: Database) -> None:
        self._beside = beside
        self.database = database
        """Its sessions see the schema alone."""

    def settle(self) -> None:
        """Put all tables where servers look for them, in one transaction; the schema is gone then.

        Raises ProgramError when there is something by now, StorageError.
        """
        with self._beside.connection() as connection:
            refuse_used(self._beside, connection)
            place = connection.scalar(sqlalchemy.text("SELECT current_schema()"))
            quoted = connection.dialect.identifier_preparer.quote
            for name in sqlalchemy.inspect(connection).get_table_names(SCHEMA):
                connection.exec_driver_sql(f"ALTER TABLE {SCHEMA}.{quoted(name)} SET SCHEMA {quoted(place)}")
            for name in connection.scalars(_FUNCTIONS, {"schema": SCHEMA}).all():
                connection.exec_driver_sql(f"ALTER FUNCTION {SCHEMA}.{quoted(name)}() SET SCHEMA {quoted(place)}")
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA}")  # refused when anything is left in it
            connection.commit()


@contextmanager
def arrival(url: str) -> Iterator[Arrival]:
    """Make the place in the PostgreSQL at `url`; all of it goes when the block ends and it was not settled.

    Raises ProgramError when there are tables already, StorageError.
    """
    with closing(Database(url)) as beside, closing(Database(url)) as database:
        sqlalchemy.event.listen(database.engine, "connect", _look_there_only)
        with beside.connection() as connection:
            refuse_used(beside, connection)
            _drop(connection)
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
            connection.commit()
        try:
            yield Arrival(beside, database)
        finally:
            database.close()
            with beside.connection() as connection:
                _drop(connection)
                connection.commit()


def refuse_used(database: Database, connection: Connection) -> None:
    """Raise ProgramError when there are tables where servers look for theirs."""
    if sqlalchemy.inspect(connection).get_table_names():
        raise ProgramError(
            f"There is something in the database {database.name} already, which stays as it is: make a new one "
            "(createdb) and name it",
            Exit.USAGE,
        )


def _drop(connection: Connection) -> None:
    connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def _look_there_only(connection: Any, _record: object) -> None:  # noqa: ANN401  # psycopg's
    connection.execute(f"SET search_path TO {SCHEMA}")
    connection.commit()
