"""Databases with the server's tables on one PostgreSQL, which are emptied after each use: to make one takes far longer.

One whose schema was changed is dropped, and so costs the next user a new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import sqlalchemy

from cekalwatch.server.storage.database import Database
from tests.support.tools.postgres import copy_strategy

_CATALOGUES = ("attribute", "attrdef", "constraint", "index", "trigger", "proc", "namespace", "depend")
_STATE = "(SELECT ROW(count(*), max(xmin::text::bigint))::text FROM pg_{})"
_OWN_SETTINGS = """
(SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database())
"""
_SCHEMA = f"SELECT version_num, {', '.join(map(_STATE.format, _CATALOGUES))}, {_OWN_SETTINGS} FROM alembic_version"  # noqa: S608
"""How many rows each catalogue has and who wrote the last: a change of the schema changes it, emptying does not."""
_FILLED = """
SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
"""


class EmptiedDatabases:
    """Databases on `server`; they go with `close`. No two uses have a database of the same name."""

    def __init__(self, server: str) -> None:
        self._url = sqlalchemy.make_url(server)
        self._admin = self._connected(self._url.database or "")
        self._strategy = copy_strategy(self._admin.info.server_version // 10_000)
        self._idle: list[str] = []
        self._tables = ""
        """The database that is copied; it is made when it is first needed."""
        self._schema: tuple[str, ...] = ()
        self._first_rows: dict[str, bytes] = {}
        """What the migrations wrote into tables."""

    @contextmanager
    def one(self) -> Iterator[str]:
        """Give the address of a database as the migrations make it, for the time of the block."""
        name = _new_name()
        if self._idle:
            self._admin.execute(f"ALTER DATABASE {self._idle.pop()} RENAME TO {name}")
        else:
            self._make(name)
        try:
            yield self._address(name)
        finally:
            if self._emptied(name):
                self._idle.append(name)
            else:
                self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Drop all that are in no use."""
        for name in filter(None, [*self._idle, self._tables]):
            self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._admin.close()

    def _make(self, name: str) -> None:
        if not self._tables:
            self._make_tables()
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {self._tables} {self._strategy}")

    def _make_tables(self) -> None:
        self._tables = _new_name()
        self._admin.execute(f"CREATE DATABASE {self._tables} {self._strategy}")
        with closing(Database(self._address(self._tables))) as database:
            database.upgrade()
        with self._connected(self._tables) as connection:
            self._schema = connection.execute(_SCHEMA).fetchone()
            for (table,) in connection.execute(_FILLED).fetchall():
                with connection.cursor().copy(f"COPY {table} TO STDOUT") as rows:
                    self._first_rows[table] = b"".join(rows)

    def _emptied(self, name: str) -> bool:
        """Empty it, whoever is still connected; say whether its schema is as it was."""
        self._admin.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
        with self._connected(name) as connection:
            if connection.execute(_SCHEMA).fetchone() != self._schema:
                return False
            filled = ", ".join(table for (table,) in connection.execute(_FILLED))
            connection.execute("SET session_replication_role = replica")  # no trigger refuses
            connection.execute(f"TRUNCATE {filled} RESTART IDENTITY CASCADE")
            for table, rows in self._first_rows.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        return True

    def _connected(self, name: str) -> Any:
        import psycopg  # an extra

        return psycopg.connect(self._address(name), autocommit=True)

    def _address(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)


def _new_name() -> str:
    return f"cekalwatch_{uuid4().hex}"
