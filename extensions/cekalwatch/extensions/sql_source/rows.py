"""A query or view as rows to select from, on a connection that cannot write, and photographs in their columns.

A database's errors become messages without row content for the person who configures the source.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    NoSuchColumnError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from cekalwatch.extensions.sql_source.position import Mark
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import OPTIONAL_COLUMNS, Photograph
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace
from cekalwatch.server.watchlist.sources.secrets import read_secret
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

_TABLE = re.compile(r"(?:(?P<schema>\w+)\.)?(?P<name>\w+)")
_LENGTHS: Final = {"mssql": "datalength", "sqlite": "length", "postgresql": "length", "mysql": "length"}

_MAX_READING_S: Final = 86_400


class SqlRows:
    """The rows of a source's query. Methods block, and raise SourceUnavailable."""

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings
        url = sa.make_url(settings.address)
        if password := read_secret(settings.password_from):
            url = url.set(password=password)
        self._url = url
        with _address_used():
            self._engine = sa.create_engine(url, poolclass=NullPool, connect_args=self._limits(), hide_parameters=True)
        if url.get_backend_name() == "sqlite":
            sa.event.listen(self._engine, "connect", _only_queries)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction that is rolled back."""
        file = self._url.database
        if (
            self._url.get_backend_name() == "sqlite"
            and file
            and not file.startswith("file:")
            and not Path(file).exists()
        ):
            raise SourceUnavailable(f"There is no database {file}")
        try:
            with _address_used():
                opened = self._engine.connect()
            with opened as connection:
                if connection.dialect.name == "postgresql":
                    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                elif connection.dialect.name in {"mysql", "mariadb"}:
                    connection.execute(sa.text("SET SESSION TRANSACTION READ ONLY"))
                    # The default ends a reading that pauses for a minute while photographs are embedded.
                    connection.execute(sa.text(f"SET SESSION net_write_timeout = {_MAX_READING_S}"))
                    connection.rollback()
                yield connection
        except SQLAlchemyError as error:
            raise unavailable(error) from None

    def check(self, connection: sa.Connection, wanted: Sequence[str]) -> list[str]:
        """Return the columns that the query has; raises SourceMisconfigured if it lacks others than optional ones."""
        found = connection.execute(sa.select(sa.text("*")).select_from(self._named(())).where(sa.text("1 = 0"))).keys()
        if missing := [name for name in wanted if name not in found and name not in OPTIONAL_COLUMNS]:
            raise SourceMisconfigured(f"The query has no column {', '.join(missing)}; it has {', '.join(found)}")
        return [name for name in wanted if name in found]

    def of(self, columns: Sequence[str]) -> sa.FromClause:
        """Return what to select from."""
        return self._named(columns)

    def length(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        """Return how many bytes a column holds."""
        return getattr(sa.func, _LENGTHS.get(self._engine.dialect.name, "length"))(column)  # type: ignore[no-any-return]

    def _named(self, columns: Sequence[str]) -> sa.FromClause:
        query = self._settings.query.strip().rstrip(";")
        named: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
        if found := _TABLE.fullmatch(query):
            return sa.table(found["name"], *named, schema=found["schema"])
        # A colon in the query does not mark a parameter.
        return sa.text(query.replace(":", r"\:")).columns(*named).subquery("offered")

    def _limits(self) -> dict[str, object]:
        seconds = self._settings.timeout_seconds
        match self._url.get_backend_name(), self._url.get_driver_name():
            case "sqlite", _:
                return {"timeout": seconds}
            case "postgresql", _:
                # A database that names no encoding (SQL_ASCII) gives bytes to who wants none.
                return {
                    "client_encoding": self._url.query.get("client_encoding", "UTF8"),
                    "connect_timeout": max(2, round(seconds)),
                    "options": f"-c statement_timeout={seconds * 1000:.0f}",
                }
            case (("mysql" | "mariadb"), ("pymysql" | "mysqldb")):
                whole = max(1, round(seconds))
                return {"connect_timeout": whole, "read_timeout": whole}
        return {}


def compared(mark: Mark) -> sa.ColumnElement[Any]:
    """Return a literal, for a text one without a type, which can be compared with a UUID or decimal as well."""
    return sa.literal(mark, sa.types.NULLTYPE if isinstance(mark, str) else None)


@contextmanager
def _address_used() -> Iterator[None]:
    try:
        yield
    except (OSError, TypeError, ValueError) as error:  # drivers raise these for wrong options
        raise SourceMisconfigured(
            f"The driver cannot use the address ({type(error).__name__}): check the options behind its question mark"
        ) from None


def _only_queries(connection: Any, _: object) -> None:  # noqa: ANN401  # a driver's
    connection.execute("PRAGMA query_only = ON")
    # Text that is not UTF-8 becomes replacement characters, which refuse this row and no other.
    connection.text_factory = lambda raw: raw.decode(errors="replace")


_MYSQL_ON_QUERIES: Final = frozenset({1052, 1054, 1060, 1142, 1143, 1356})
"""Error numbers for an ambiguous, missing or duplicate column, for a missing right on a table or column, and for a
broken view: MySQL's drivers use the same exception for them as for a lost connection."""
_NOT_IN_ENCODING: Final = "22021"
"""The SQLSTATE of bytes that are no text in the connection's encoding."""
_NUMBER: Final = re.compile(r"\d{1,5}|[0-9A-Z]{5}|[A-Z]{3}-\d{4,5}", re.ASCII)


def unavailable(error: SQLAlchemyError) -> SourceUnavailable:
    """Return the exception for an error: SourceMisconfigured if query, rights or encoding are wrong."""
    kind = _kind(error)
    if getattr(_cause(error), "sqlstate", "") == _NOT_IN_ENCODING:
        return SourceMisconfigured(
            "The database has text that is not UTF-8, and does not say in which encoding it is: name it in `address`, "
            "as in ?client_encoding=WIN1252"
        )
    if isinstance(error, ProgrammingError | NoSuchColumnError) or _is_of_query(error):
        return SourceMisconfigured(
            f"The database cannot run the query ({kind}): check query, columns and what the account may read"
        )
    if isinstance(error, OperationalError | InterfaceError):
        return SourceUnavailable(
            f"The database cannot be reached, or refuses to answer ({kind}): check address and password_from, and "
            "whether it runs"
        )
    return SourceUnavailable(f"The database cannot be read ({kind})")


def _is_of_query(error: SQLAlchemyError) -> bool:
    """Whether the query is wrong, by the error's number; some drivers' exceptions do not say it."""
    found = _cause(error)
    if getattr(found, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return True
    return bool(found.args) and found.args[0] in _MYSQL_ON_QUERIES


def _kind(error: SQLAlchemyError) -> str:
    """Return the class of an error with the database's number; its text may quote a row."""
    found = _cause(error)
    name: str = getattr(found, "sqlite_errorname", type(found).__name__)
    first = found.args[0] if found.args else ""
    number = str(getattr(first, "full_code", first))  # as Oracle's driver has it
    return f"{name} {number}" if _NUMBER.fullmatch(number) else name


def _cause(error: SQLAlchemyError) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def column_address(order_key: object, column: str) -> str:
    """Return the address of the photograph in a row's column."""
    return json.dumps([order_key if isinstance(order_key, int) else str(order_key), column])


class ColumnPhotographs:
    """Photographs in columns. Each is read separately on demand, and only if it is not too large.

    A database may treat "C-1" and "c-1" as equal, but they are two orders here: the key is compared again, so that
    nobody gets the photograph of another person.
    """

    def __init__(self, rows: SqlRows, key_column: str) -> None:
        self._rows = rows
        self._key = key_column

    def version(self, place: PhotographPlace) -> str:
        """Return the version in the row, or a digest of the photograph."""
        if place.version:
            return place.version
        found = self.load(place)
        if found is None:
            return "none"
        return str(found.problem) if found.problem else hashlib.sha256(found.data).hexdigest()

    def load(self, place: PhotographPlace) -> Photograph | None:
        """Return the photograph; None for an empty column."""
        order_key, column = json.loads(place.address)
        rows = self._rows.of([self._key, column])
        own, size = rows.c[self._key], self._rows.length(rows.c[column])
        bounded = sa.case((size <= MAX_PHOTO_BYTES, rows.c[column]))
        chosen = sa.select(own, size, bounded).where(own == compared(order_key))
        with self._rows.connection() as connection:
            streamed = connection.execution_options(stream_results=True, yield_per=1).execute(chosen)
            with closing(streamed) as found:
                row = next((one for one in found if column_address(one[0], column) == place.address), None)
        if row is None:
            return Photograph(place.name, problem=Code.PHOTO_MISSING)
        _, length, data = row
        if not length:
            return None
        if length > MAX_PHOTO_BYTES:
            return Photograph(place.name, problem=Code.PHOTO_TOO_LARGE)
        if not isinstance(data, bytes | memoryview | bytearray):
            return Photograph(place.name, problem=Code.PHOTO_UNREADABLE)
        return Photograph(place.name, bytes(data))
