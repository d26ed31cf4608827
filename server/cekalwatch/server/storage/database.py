"""The database: one engine, its migrations, and sessions. SQLite is the embedded default; PostgreSQL goes by address.

It knows no table; what the tables hold is the stores' matter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import URL, Connection, Dialect, Engine, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.measures import Measure, timed, unmeasured
from cekalwatch.server.refused_start import StartRefusal, StartRefusedError
from cekalwatch.server.storage.availability import Availability, AwayReason
from cekalwatch.server.storage.errors import StorageError, driver_name
from cekalwatch.server.storage.fence import current_fence
from cekalwatch.server.storage.file_place import DatabaseLostError, FilePlace
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.guarded_session import GuardedSession

MIGRATIONS = Path(__file__).parent / "migrations"

BUSY_TIMEOUT_S = 10
"""How long a write to SQLite waits for another process's write."""

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
_READ_ONLY = "25006"
"""The SQLSTATE of a write where none are taken."""

_HOSTS = re.compile(
    r"(?P<before>postgresql(?:\+\w+)?://(?:[^@/]*@)?)(?P<hosts>[^][@/,?]+(?:,[^][@/,?]+)+)/(?P<name>[^?]*)(?:\?(?P<options>.*))?"
)
"""An address with several hosts, as PostgreSQL's own programs take it."""

_READ_FOR_LONG = sqlalchemy.text("SET LOCAL idle_in_transaction_session_timeout = 0")
"""For what only reads: it holds nobody up, and each part may be looked at for as long as it takes."""

_REMEDIES = {
    None: "Check that it is reachable and writable, and restore it from a backup if it is damaged.",
    AwayReason.READ_ONLY: "What answers is a standby, which takes no writes: name the primary's host as well in "
    "`database_url`, or promote the standby if the primary is lost (docs/high-availability.md).",
}

log = structlog.get_logger()


class Migrations(StrEnum):
    """How the tables of a database are to what the program needs."""

    AS_NEEDED = "AS_NEEDED"
    OLDER = "OLDER"
    """`cekalwatch-server upgrade` brings them up to date."""
    NEWER = "NEWER"
    """They were made by a newer version of the program."""


class Database:
    """The database at `url`. Methods block; any number of threads may hold sessions."""

    def __init__(self, url: str) -> None:
        """Prepare the engine without connecting. Raises ProgramError when the address or its driver is wrong."""
        self._url = _address(url)
        self.guard: RowGuard | None = None
        """Who guards signed rows, once the keys are open; see `KeyStore.open`."""
        self.measure: Measure = unmeasured
        """Who is told how long commits take."""
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self.availability = Availability()
        self._place = FilePlace(Path(self._url.database or "")) if self._is_sqlite else None
        try:
            self.engine = self._new_engine()
        except ImportError:
            raise ProgramError(
                "psycopg is not installed. Install with: pip install --no-index --find-links wheels "
                "'cekalwatch[postgres]'",
                Exit.MISSING_EXTRA,
            ) from None
        if self._is_sqlite:
            sqlalchemy.event.listen(self.engine, "connect", _set_pragmas)
            sqlalchemy.event.listen(self.engine, "connect", self._note_opened)
        else:
            sqlalchemy.event.listen(self.engine, "do_connect", self._dial)
            sqlalchemy.event.listen(self.engine, "connect", _bound_transactions)
            sqlalchemy.event.listen(self.engine, "handle_error", _leave_read_only)

    def _new_engine(self) -> Engine:
        if self._is_sqlite:
            return sqlalchemy.create_engine(
                self._url, connect_args={"timeout": BUSY_TIMEOUT_S}, pool_pre_ping=False, hide_parameters=True
            )
        patience = {name: value for name, value in _PATIENCE.items() if name not in self._url.query}
        return sqlalchemy.create_engine(
            self._url, connect_args=patience, pool_pre_ping=True, pool_timeout=POOL_TIMEOUT_S, hide_parameters=True
        )

    def _dial(self, dialect: Dialect, _record: object, arguments: list[Any], named: dict[str, Any]) -> Any:  # noqa: ANN401  # psycopg's
        return self.availability.dial(lambda: dialect.connect(*arguments, **named))

    def _note_opened(self, *_: object) -> None:
        if self._place:
            self._place.note_opened()

    def check_in_place(self) -> None:
        """Raise DatabaseLostError when its file is gone or replaced, so that what was committed is nowhere."""
        if self._place is None:
            return
        try:
            self._place.check()
        except DatabaseLostError as error:
            self.availability.note_refusal(AwayReason.LOST, str(error))
            raise

    @contextmanager
    def _as_storage_errors(self) -> Iterator[None]:
        try:
            self.check_in_place()
            yield
        except SQLAlchemyError as error:
            self.availability.note_failure(driver_name(error))
            # Its text may quote the row.
            raise StorageError.of(error) from None

    def answers(self) -> bool:
        """Connect, and say whether that succeeded; see `availability` for why not. A file that is not there does."""
        if self._is_sqlite:
            return True
        try:
            with self.connection():
                return True
        except StorageError:
            return False

    def begin(self) -> None:
        """Make the tables of a new database; one that is there stays as it is, and must be as this version needs it.

        Raises ProgramError: as `upgrade` does, and when the tables are of an older version.
        """
        try:
            older = self.is_there and self.migrations() is Migrations.OLDER
        except StorageError:
            older = False  # `upgrade` says why it cannot be used
        if older:
            raise StartRefusedError(
                f"The tables of {self.name} are of an older version of this program. Stop all its servers, and run: "
                "cekalwatch-server upgrade; it makes a backup first (docs/upgrading.md)",
                StartRefusal.DATABASE_OLDER,
            )
        self.upgrade()

    def upgrade(self) -> None:
        """Create the database if there is none, and bring its tables up to date, in one transaction.

        Raises ProgramError when it cannot be opened, read or written, or was made by a newer version of the program.
        """
        try:
            if self._is_sqlite:
                _create_privately(Path(self._url.database or ""))
            _upgrade(self.engine)
        except OSError as error:
            raise ProgramError(f"Cannot create the database {self.name}: {error.strerror}", Exit.UNAVAILABLE) from None
        except DBAPIError as error:
            away = self.availability.away
            remedy = _REMEDIES.get(away.reason if away else None, _REMEDIES[None])
            raise ProgramError(
                f"Cannot use the database {self.name}: {_first_line(error)}. {remedy}", Exit.UNAVAILABLE
            ) from None
        except CommandError as error:
            raise StartRefusedError(
                f"The database {self.name} was made by a newer version of this program ({error}); update the program.",
                StartRefusal.DATABASE_NEWER,
            ) from None

    @property
    def is_there(self) -> bool:
        """Whether it has tables of this program; asking makes no SQLite file. Raises StorageError."""
        if self._is_sqlite and not Path(self.name).is_file():
            return False
        with self.connection() as connection:
            return sqlalchemy.inspect(connection).has_table("alembic_version")

    def migrations(self) -> Migrations:
        """Return how far its tables are from those that this version of the program needs. Raises StorageError."""
        with self.connection() as connection:
            found = MigrationContext.configure(connection).get_current_revision() or ""
        if found == ScriptDirectory(str(MIGRATIONS)).get_current_head():
            return Migrations.AS_NEEDED
        return Migrations.OLDER if is_known_revision(found) else Migrations.NEWER

    def check_exists(self) -> None:
        """Raise ProgramError when there is none, or an empty one. Raises StorageError."""
        if not self.is_there:
            raise ProgramError(
                f"There is no database {self.name}. Name the server's settings (--config) or its folder (--data-dir); "
                "restore it from a backup if it is gone; a new site is set up with: cekalwatch-server init",
                Exit.NO_INPUT,
            )

    @property
    def name(self) -> str:
        """The address without its password, for messages."""
        return self._url.database or "" if self._is_sqlite else self._url.render_as_string(hide_password=True)

    @property
    def is_shared(self) -> bool:
        """Whether several servers may use it at the same time."""
        return not self._is_sqlite

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session; what was not committed when the block ends is rolled back. Raises StorageError.

        Behind a fence that has fallen, the commit raises LeaseLostError.
        """
        with (
            self._as_storage_errors(),
            GuardedSession(self.engine, self.guard, current_fence(), self._committing) as session,
        ):
            yield session

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """Do what commits in this block, and note how long it takes. Raises DatabaseLostError when it went nowhere."""
        with self.availability.committing(), timed(self.measure):
            yield
        self.check_in_place()

    @contextmanager
    def connection(self, **options: object) -> Iterator[Connection]:
        """Yield a connection with these execution options, for reading without a session. Raises StorageError."""
        with self._as_storage_errors(), self.engine.connect() as connection:
            if options and self.is_shared:
                connection.execute(_READ_FOR_LONG)
            yield connection.execution_options(**options)

    def own_connection(self) -> Any:  # noqa: ANN401  # psycopg's, which is an extra
        """Return a connection of the driver that commits each statement and belongs to the caller, who closes it.

        For PostgreSQL only. Raises StorageError.
        """
        with self._as_storage_errors():
            pooled = self.engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
        connection.autocommit = True
        return connection

    @contextmanager
    def one_state(self) -> Iterator[Session]:
        """Yield a session for reading that sees the database as it is now, whatever others commit meanwhile."""
        with self.session() as session:
            if self._is_sqlite:
                # Python's driver begins no transaction for reading by itself.
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
                session.execute(_READ_FOR_LONG)
            yield session

    def purge_journal(self) -> None:
        """Empty SQLite's journal, where what was deleted stays for a while. PostgreSQL's vacuum does that by itself."""
        if self._is_sqlite:
            with self.connection() as connection:
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if busy:
                log.warning("journal_not_emptied")

    def close(self) -> None:
        """Close the connections: those in the pool now, one that a thread still uses when it gives it back."""
        sqlalchemy.event.listen(self.engine, "checkin", _close_given_back)
        self.engine.dispose()


def is_known_revision(revision: str) -> bool:
    """Whether this version of the program has that migration, so that it can use what it made."""
    return revision in {one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def _address(url: str) -> URL:
    try:
        address = make_url(_HOSTS.sub(_as_options, url))
        backend = address.get_backend_name()
    except (ValueError, SQLAlchemyError):
        raise ProgramError(
            "The database address is wrong; write sqlite:///FILE or postgresql://USER@HOST/NAME, with several hosts "
            "postgresql://USER@HOST:PORT,HOST:PORT/NAME",
            Exit.CONFIG,
        ) from None
    if backend == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not address.database or address.database == ":memory:":
        raise ProgramError(
            "The database must be an SQLite file (sqlite:///FILE) or PostgreSQL (postgresql://USER@HOST/NAME)",
            Exit.CONFIG,
        )
    return address


def _as_options(found: re.Match[str]) -> str:
    """Write several hosts as SQLAlchemy reads them."""
    hosts = "&".join(f"host={host}" for host in found["hosts"].split(","))
    return f"{found['before']}/{found['name']}?{hosts}{'&' if found['options'] else ''}{found['options'] or ''}"


def _create_privately(file: Path) -> None:
    """Create an empty database that only its owner can read; SQLite gives its side files the same mode.

    One that is there is not even opened: closing it again would take away the locks that this process holds on it, and
    another program would remove the journal that it uses.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect() as connection:
        # Two programs that start at once must not both create the tables, nor may a killed one leave half of them.
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('cekalwatch migrations'))")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _set_pragmas(connection: object, _record: object) -> None:
    import sqlite3

    if not isinstance(connection, sqlite3.Connection):
        raise TypeError("SQLite is used through Python's own driver")
    # A damaged text must harm its own row only, so it is read as well as it can be.
    connection.text_factory = lambda data: data.decode(errors="replace")
    # secure_delete writes zeros over what is removed: a deleted photograph must not stay in a free page.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _bound_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's, which may be absent
    connection.execute(f"SET idle_in_transaction_session_timeout = '{MAX_IDLE_TRANSACTION_S}s'")
    connection.commit()


def _close_given_back(_connection: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def _leave_read_only(context: ExceptionContext) -> None:
    """Take a connection on which nothing can be written for a broken one: the database was put back, or never led."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0].rstrip(".") if str(error.orig) else type(error.orig).__name__
