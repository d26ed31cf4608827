"""A query or view as rows to select from, on a connection that cannot write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from cekalwatch.server.watchlist.sources.secrets import read_secret
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable
from cekalwatch.server.watchlist.sources.sql.errors import unavailable
from cekalwatch.server.watchlist.sources.sql.position import Mark
from cekalwatch.server.watchlist.sources.sql.settings import SqlSettings

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

    def check(self, connection: sa.Connection, wanted: Sequence[str]) -> None:
        """Raise SourceMisconfigured that names the columns the query does not have."""
        found = connection.execute(sa.select(sa.text("*")).select_from(self._named(())).where(sa.text("1 = 0"))).keys()
        if missing := [name for name in wanted if name not in found]:
            raise SourceMisconfigured(f"The query has no column {', '.join(missing)}; it has {', '.join(found)}")

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
