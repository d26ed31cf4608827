"""Copies all rows of one database into another with the same tables, and compares both.

In PostgreSQL the copy is made in a separate schema, which no server uses, until it is complete. If the program is
killed, the next attempt removes this schema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Integer, Table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, StatementError

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.tables import all_tables

SCHEMA = "cekalwatch_arrival"
_FUNCTIONS = sqlalchemy.text(
    "SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = :schema"
)


class Arrival:
    """An empty database in a separate schema, which servers do not use."""

    def __init__(self, beside: Database, database: Database) -> None:
        self._beside = beside
        self.database = database
        """Its sessions see the schema alone."""

    def settle(self) -> None:
        """Move all tables to the schema of servers, in one transaction, and remove the separate schema.

        Raises ProgramError when that schema is no longer empty, and StorageError.
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
    """Make the separate schema in the PostgreSQL at `url`; it is removed when the block ends without `settle`.

    Raises ProgramError when tables exist already, and StorageError.
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


PAGE_ROWS = 100
"""Rows that are in memory at once; pictures are among them."""

Progress = Callable[[int], None]
"""Called with the number of further copied rows."""


class RowsRead:
    """The number of rows of a reading, and a digest that does not depend on their order."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Count rows in."""
        self.count += len(rows)
        for row in rows:
            digest = hashlib.blake2b(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()
            self._sum = (self._sum + int.from_bytes(digest)) % (1 << 512)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowsRead) and (self.count, self._sum) == (other.count, other._sum)

    __hash__ = None  # type: ignore[assignment]  # it changes


@contextmanager
def held(source: Database) -> Iterator[Connection]:
    """Yield a connection to an SQLite database that nobody changes until the block ends. Raises StorageError."""
    with source.connection() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        finally:
            connection.rollback()


def copy_rows(source: Connection, target: Database, progress: Progress = lambda _: None) -> dict[str, int]:
    """Copy every table in one transaction, and return how many rows each has.

    The target has its tables, with only the rows of the first migration. Raises ProgramError when a row cannot be
    copied, or differs after the copy; StorageError.
    """
    tables = all_tables()
    strange = set(sqlalchemy.inspect(source).get_table_names()) - {table.name for table in tables} - {"alembic_version"}
    if strange:
        raise ProgramError(
            f"The database has tables that are not this program's, and would be lost: {', '.join(sorted(strange))}. "
            "Remove them first, or put them elsewhere",
            Exit.DATA_PROBLEMS,
        )
    counts = dict[str, int]()
    with target.connection() as connection:
        for table in reversed(tables):
            if _read(connection, table).count:
                connection.execute(sqlalchemy.delete(table))
        for table in tables:
            counts[table.name] = _copy(source, connection, table, progress)
        connection.commit()
    return counts


def _copy(source: Connection, target: Connection, table: Table, progress: Progress) -> int:
    sent, names = RowsRead(), table.columns.keys()
    for page in _pages(source, table):
        try:
            target.execute(sqlalchemy.insert(table), [dict(zip(names, row, strict=True)) for row in page])
        except OperationalError:
            raise
        except StatementError:  # its text quotes the row
            raise ProgramError(
                f"A row of the table {table.name} cannot be taken over: it is damaged. See: cekalwatch-server rows "
                "check. Nothing was changed",
                Exit.DATA_PROBLEMS,
            ) from None
        sent.add(page)
        progress(len(page))
    if _read(target, table) != sent:
        raise ProgramError(
            f"The rows of the table {table.name} are others there than here. Nothing was changed", Exit.DATA_PROBLEMS
        )
    _count_on(target, table)
    return sent.count


def _pages(connection: Connection, table: Table) -> Iterator[Sequence[sqlalchemy.Row[Any]]]:
    query = sqlalchemy.select(*table.columns).execution_options(yield_per=PAGE_ROWS)
    yield from connection.execute(query).partitions()


def _read(connection: Connection, table: Table) -> RowsRead:
    found = RowsRead()
    for page in _pages(connection, table):
        found.add(page)
    return found


def _count_on(target: Connection, table: Table) -> None:
    """Make PostgreSQL number the next row after the copied ones, if it numbers the table's rows."""
    for column in table.primary_key:
        if isinstance(column.type, Integer):
            place = {"table": table.name, "column": column.name}
            numbers = target.scalar(sqlalchemy.text("SELECT pg_get_serial_sequence(:table, :column)"), place)
            last = target.scalar(sqlalchemy.select(sqlalchemy.func.max(column)))
            if numbers and last:
                target.execute(sqlalchemy.select(sqlalchemy.func.setval(numbers, last)))
