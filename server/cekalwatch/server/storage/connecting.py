"""How connections to a database are opened, what each is told first, and for how long they wait."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy
from sqlalchemy.engine import URL, Dialect, Engine, ExceptionContext

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.storage.availability import Availability
from cekalwatch.server.storage.write_turns import OneWriter, WriteTurns

BUSY_TIMEOUT_S = 10
"""How long a write to SQLite waits for those of its own process, and then for another process's write."""

MAX_IDLE_TRANSACTION_S = 10
"""After this long without a statement PostgreSQL ends a transaction: a server that was stopped in the middle of one
must not keep the others waiting for its locks."""

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
"""Parameters of libpq; those that the address has stand."""
_ALWAYS: Final = MappingProxyType({"hide_parameters": True, "pool_use_lifo": True})
"""Errors quote no values. The connection that was used last is the next: it has prepared what is asked again."""
_ENCODING = "UTF8"
"""As PostgreSQL names it: it has a place for every name. Connections speak it, whatever environment or address say."""
_READ_ONLY = "25006"
"""The SQLSTATE of a write where none are taken."""


def new_engine(url: URL, availability: Availability) -> Engine:
    """Return the engine of the database, without connecting. Raises ProgramError where its driver is not installed.

    `availability` decides whether PostgreSQL is dialled now, and hears how that went. Connecting to one that keeps
    texts in another encoding than UTF8 raises ProgramError.
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
    """Raise ProgramError, with the connection closed, unless that PostgreSQL keeps texts in UTF8.

    Nothing is asked: the server has told it as the connection began.
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
    # A damaged text must harm its own row only, so it is read as well as it can be. Every text goes through this.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    # secure_delete writes zeros over what is removed: a deleted photograph must not stay in a free page.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _bound_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's, which may be absent
    connection.execute(f"SET idle_in_transaction_session_timeout = '{MAX_IDLE_TRANSACTION_S}s'")
    connection.commit()


def _leave_read_only(context: ExceptionContext) -> None:
    """Take a connection on which nothing can be written for a broken one: the database was put back, or never led."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True
