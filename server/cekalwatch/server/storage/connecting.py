"""The address of a database, the opening of connections, their first statements, and their time limits.

The writers of one SQLite take turns, and each is woken when the previous one has ended (docs/adr/0067). SQLite has no
queue: a blocked writer sleeps between its attempts, longer and longer, up to a tenth of a second.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Self

import sqlalchemy
from sqlalchemy.engine import URL, Dialect, Engine, ExceptionContext, make_url
from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.availability import Availability

_HOSTS = re.compile(
    r"(?P<before>postgresql(?:\+\w+)?://(?:[^@/]*@)?)(?P<hosts>[^][@/,?]+(?:,[^][@/,?]+)+)/(?P<name>[^?]*)(?:\?(?P<options>.*))?"
)
"""An address with several hosts, as PostgreSQL's own programs take it."""


def database_url(address: str) -> URL:
    """Return it in SQLAlchemy's form. Raises ProgramError if it names no database that the server can use."""
    try:
        url = make_url(_HOSTS.sub(_as_options, address))
        backend = url.get_backend_name()
    except (ValueError, SQLAlchemyError):
        raise ProgramError(
            "The database address is wrong; write sqlite:///FILE or postgresql://USER@HOST/NAME, with several hosts "
            "postgresql://USER@HOST:PORT,HOST:PORT/NAME",
            Exit.CONFIG,
        ) from None
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not url.database or url.database == ":memory:":
        raise ProgramError(
            "The database must be an SQLite file (sqlite:///FILE) or PostgreSQL (postgresql://USER@HOST/NAME)",
            Exit.CONFIG,
        )
    return url


def _as_options(found: re.Match[str]) -> str:
    """Write several hosts as SQLAlchemy reads them."""
    hosts = "&".join(f"host={host}" for host in found["hosts"].split(","))
    return f"{found['before']}/{found['name']}?{hosts}{'&' if found['options'] else ''}{found['options'] or ''}"


BUSY_TIMEOUT_S = 10
"""Seconds that a write to SQLite waits for writes of its own process, and then for another process's."""

MAX_IDLE_TRANSACTION_S = 10
"""PostgreSQL ends a transaction after this time without a statement: a server that was paused during one must not keep
the others waiting for its locks."""

CONNECT_TIMEOUT_S = 3
"""For one host."""
POOL_TIMEOUT_S = 10
"""How long a thread waits for a connection that others have."""
_PATIENCE = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # A machine without power says nothing more; it is given up after 6 s.
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
    # Of several hosts, the one that takes writes.
    "target_session_attrs": "read-write",
}
"""Parameters of libpq; those in the address take precedence."""
_ALWAYS: Final = MappingProxyType({"hide_parameters": True, "pool_use_lifo": True})
"""Errors quote no values. The connection that was used last is the next: it has prepared what is asked again."""
_ENCODING = "UTF8"
"""As PostgreSQL names it: it has a place for every name. Connections speak it, whatever environment or address say."""
_READ_ONLY = "25006"
"""The SQLSTATE of a write to a read-only database."""


def new_engine(url: URL, availability: Availability) -> Engine:
    """Return the engine of the database, without connecting. Raises ProgramError where its driver is not installed.

    `availability` decides whether to connect to PostgreSQL now, and gets the result. Connecting to a database with
    another encoding than UTF8 raises ProgramError.
    """
    if url.get_backend_name() == "sqlite":
        one_writer = partial(OneWriter, WriteTurns(), BUSY_TIMEOUT_S)
        arguments = {"timeout": BUSY_TIMEOUT_S, "factory": one_writer}
        engine = sqlalchemy.create_engine(url, connect_args=arguments, pool_pre_ping=False, **_ALWAYS)
        sqlalchemy.event.listen(engine, "connect", _set_pragmas)
        return engine
    patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    name = url.render_as_string(hide_password=True)
    try:
        engine = sqlalchemy.create_engine(
            url,
            connect_args=patience | {"client_encoding": _ENCODING},
            pool_pre_ping=True,
            pool_timeout=POOL_TIMEOUT_S,
            **_ALWAYS,
        )
    except ImportError:
        raise ProgramError(
            "psycopg is not installed. Install with: pip install --no-index --find-links wheels 'cekalwatch[postgres]'",
            Exit.MISSING_EXTRA,
        ) from None

    def dial(dialect: Dialect, _record: object, arguments: list[Any], named: dict[str, Any]) -> Any:  # noqa: ANN401  # psycopg's
        connection = availability.dial(lambda: dialect.connect(*arguments, **named))
        _refuse_other_encoding(connection, name)
        return connection

    sqlalchemy.event.listen(engine, "do_connect", dial)
    sqlalchemy.event.listen(engine, "connect", _bound_transactions)
    sqlalchemy.event.listen(engine, "handle_error", _leave_read_only)
    return engine


def _refuse_other_encoding(connection: Any, name: str) -> None:  # noqa: ANN401  # psycopg's, which is an extra
    """Close the connection and raise ProgramError unless that PostgreSQL uses the encoding UTF8.

    This needs no query: the server reports it when a connection begins.
    """
    found = connection.info.parameter_status("server_encoding")
    if found == _ENCODING:
        return
    connection.close()
    raise ProgramError(
        f"The database {name} keeps texts in the encoding {found}, which cannot hold every name. Make another one and "
        f"name it: createdb --template=template0 --encoding={_ENCODING} --locale=C.UTF-8 NAME",
        Exit.CONFIG,
    )


def _set_pragmas(connection: object, _record: object) -> None:
    import sqlite3

    if not isinstance(connection, sqlite3.Connection):
        raise TypeError("SQLite is used through Python's own driver")
    # A damaged text must affect only its own row, so it is read as far as possible. Every text goes through this.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    # secure_delete overwrites removed data with zeros: a deleted photograph must not stay in a free page.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _bound_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's, which may be absent
    connection.execute(f"SET idle_in_transaction_session_timeout = '{MAX_IDLE_TRANSACTION_S}s'")
    connection.commit()


def _leave_read_only(context: ExceptionContext) -> None:
    """Take a connection on which nothing can be written for a broken one: the database was put back, or never led."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


_BEGINS_TO_WRITE = ("INSERT", "UPDATE", "DELETE", "REPLACE", "BEGIN IMMEDIATE")
"""Before the first four Python's driver begins a transaction."""


class WriteTurns:
    """The turns of writers, in the order of their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, timeout_s: float) -> bool:
        """Wait for the turn; return whether it was given in time. The holder must release it."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            own = threading.Event()
            self._waiting.append(own)
        if own.wait(timeout_s):
            return True
        with self._lock:
            if own.is_set():
                return True
            self._waiting.remove(own)
            return False

    def give_back(self) -> None:
        """Let the next one write."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


class OneWriter(sqlite3.Connection):
    """A connection that waits for its turn before the first write, and keeps it to the end of that transaction.

    If its turn does not come in time, it writes without it, and SQLite reports the error.
    """

    def __init__(self, turns: WriteTurns, timeout_s: float, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # the driver's
        """Share `turns` with the other connections of the process to this database; wait for `timeout_s` at most."""
        super().__init__(*arguments, **options)
        self._turns, self._timeout_s = turns, timeout_s
        self._has_turn = False

    def cursor(self, factory: Callable[[sqlite3.Connection], sqlite3.Cursor] | None = None) -> Any:  # noqa: ANN401  # as the driver's
        """Return a cursor whose writes wait for the turn."""
        return super().cursor(factory or _Cursor)

    def await_turn(self, statement: str) -> None:
        """Have the turn before `statement`, if that begins to write."""
        if not self.in_transaction and statement.lstrip()[:16].upper().startswith(_BEGINS_TO_WRITE):
            self._has_turn = self._has_turn or self._turns.take(self._timeout_s)

    def commit(self) -> None:
        """End the transaction, and the turn."""
        try:
            super().commit()
        finally:
            if not self.in_transaction:  # a commit that failed may leave it open
                self._give_back()

    def rollback(self) -> None:
        """End the transaction, and the turn."""
        try:
            super().rollback()
        finally:
            self._give_back()

    def close(self) -> None:
        """Close, and roll back uncommitted changes."""
        super().close()
        self._give_back()

    def _give_back(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.give_back()


class _Cursor(sqlite3.Cursor):
    connection: OneWriter

    def execute(self, statement: str, *parameters: Any) -> Self:  # noqa: ANN401  # as the driver's
        self.connection.await_turn(statement)
        return super().execute(statement, *parameters)

    def executemany(self, statement: str, parameters: Iterable[Any]) -> Self:
        self.connection.await_turn(statement)
        return super().executemany(statement, parameters)
