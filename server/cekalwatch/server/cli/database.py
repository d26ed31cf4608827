"""The database of a configuration, for commands that work on it without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.wiring.storage import Context


@contextmanager
def command_database(settings: ServerSettings) -> Iterator[Database]:
    """Yield the database as it is, and close it. A failure of it, also in what is done with it, is a ProgramError."""
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.errors import StorageError
    from cekalwatch.server.storage.integrity.signed_row import ChangedRowError

    database = Database(settings.database_address)
    try:
        yield database
    except StorageError as error:
        raise ProgramError(
            f"Cannot use the database {database.name} ({error}). Check that it is reachable and writable, and that a "
            "server of this version has been started with it. Run the command again then: what was done stays done.",
            Exit.UNAVAILABLE,
        ) from None
    except ChangedRowError as error:
        raise ProgramError(
            f"In the database {database.name}, {error}. See: cekalwatch-server rows check", Exit.DATA_PROBLEMS
        ) from None
    finally:
        database.close()


@contextmanager
def command_context(settings: ServerSettings) -> Iterator[Context]:
    """Yield what a command works with that opens the keys: all it does is recorded as done by the account that runs it.

    Raises ProgramError, also when there is no database, or one of another version: no command makes or changes one.
    """
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.wiring.storage import Context

    with command_database(settings) as database, ExitStack() as stack:
        database.check_exists()
        database.begin()
        yield Context.open(settings, database, SystemClock(), operator(), stack)
