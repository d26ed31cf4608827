"""The database: one engine, its migrations, and sessions. SQLite is the embedded default; PostgreSQL goes by address.

It knows no table; the stores know the content of the tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import sqlalchemy
import structlog
from alembic.util import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.foundation.probes import Measure, timed, unmeasured
from cekalwatch.server.foundation.refusals import StartRefusal, StartRefusedError
from cekalwatch.server.storage.availability import Availability, AwayReason, DatabaseLostError, FilePlace
from cekalwatch.server.storage.connecting import database_url, new_engine
from cekalwatch.server.storage.errors import StorageError, driver_name
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.guarded_session import GuardedSession, current_fence
from cekalwatch.server.storage.migrations.applying import Migrations, apply_migrations, migrations_of

_READ_FOR_LONG = sqlalchemy.text("SET LOCAL idle_in_transaction_session_timeout = 0")
"""For reading only: it delays nobody, and has no time limit."""

_REMEDIES = {
    None: "Check that it is reachable and writable, and restore it from a backup if it is damaged.",
    AwayReason.READ_ONLY: "What answers is a standby, which takes no writes: name the primary's host as well in "
    "`database_url`, or promote the standby if the primary is lost (docs/high-availability.md).",
}

_SHARED: ContextVar[Connection | None] = ContextVar("shared", default=None)

log = structlog.get_logger()


class Database:
    """The database at `url`. Methods block; any number of threads may hold sessions.

    Methods that connect raise ProgramError when a PostgreSQL uses another encoding than UTF8.
    """

    def __init__(self, url: str, measure: Measure = unmeasured) -> None:
        """Prepare the engine without connecting; `measure` gets the duration of each commit.

        Raises ProgramError when the address or its driver is wrong."""
        self._url = database_url(url)
        self._guard: RowGuard | None = None
        self._measure = measure
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self.availability = Availability()
        self._place = FilePlace(Path(self._url.database or "")) if self._is_sqlite else None
        self.engine = new_engine(self._url, self.availability)
        if self._is_sqlite:
            sqlalchemy.event.listen(self.engine, "connect", self._note_opened)

    def _note_opened(self, *_: object) -> None:
        if self._place:
            self._place.note_opened()

    @property
    def guard(self) -> RowGuard | None:
        """The guard of signed rows; None before `open_rows`."""
        return self._guard

    def open_rows(self, guard: RowGuard) -> None:
        """Let sessions use signed rows, which `guard` signs and checks: its keys are open now."""
        self._guard = guard

    def check_in_place(self) -> None:
        """Raise DatabaseLostError when its file is gone or replaced, so that commits were lost."""
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
        """Make the tables of a new database; existing tables stay, and must be those of this version.

        Raises ProgramError: as `upgrade` does, and when the tables are of an older version, or one never released.
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
            apply_migrations(self.engine)
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
        """Return whether its tables are those of this version of the program.

        Raises StorageError; ProgramError for those of a version that was never released.
        """
        with self.connection() as connection:
            return migrations_of(connection, self.name)

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
        """Yield a session; uncommitted changes are rolled back when the block ends. Raises StorageError.

        If its fence no longer holds, the commit raises LeaseLostError.
        """
        with (
            self._as_storage_errors(),
            GuardedSession(self._shared() or self.engine, self._guard, current_fence(), self._committing) as session,
        ):
            yield session

    @contextmanager
    def reading_together(self) -> Iterator[None]:
        """Make this thread's sessions in the block read in one transaction; none of them may write.

        Otherwise each session would take and test a connection, and begin and end a transaction. Raises StorageError.
        """
        if self._shared():
            yield
            return
        with self.connection() as connection:
            connection.begin()
            token = _SHARED.set(connection)
            try:
                yield
            finally:
                _SHARED.reset(token)

    def _shared(self) -> Connection | None:
        shared = _SHARED.get()
        return shared if shared is not None and shared.engine is self.engine else None

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """Commit in this block, and measure the duration. Raises DatabaseLostError when the commit was lost."""
        with self.availability.committing(), timed(self._measure):
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
        """Yield a session for reading that sees the database at this moment, without later commits of others."""
        with self.session() as session:
            if self._is_sqlite:
                # Python's driver begins no transaction for reading by itself.
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
                session.execute(_READ_FOR_LONG)
            yield session

    def purge_journal(self) -> None:
        """Empty SQLite's journal, where deleted data stays for a while. PostgreSQL's vacuum does this automatically."""
        if self._is_sqlite:
            with self.connection() as connection:
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if busy:
                log.warning("journal_not_emptied")

    def close(self) -> None:
        """Close the connections: those in the pool now, one that a thread still uses when it gives it back."""
        sqlalchemy.event.listen(self.engine, "checkin", _close_given_back)
        self.engine.dispose()


def _create_privately(file: Path) -> None:
    """Create an empty database that only its owner can read; SQLite gives its side files the same mode.

    An existing database is not even opened: closing it would release the locks of this process, and another program
    would remove the journal in use.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _close_given_back(_connection: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0].rstrip(".") if str(error.orig) else type(error.orig).__name__
