"""The database of a configuration, for commands that work on it without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.database import Database


@contextmanager
def command_database(settings: ServerSettings) -> Iterator[Database]:
    """Give the database as it is, and close it. A failure of it, also in what is done with it, is a ProgramError."""
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.errors import StorageError

    database = Database(settings.database_address)
    try:
        yield database
    except StorageError as error:
        raise ProgramError(
            f"Cannot use the database {database.name} ({error}). Check that it is reachable, and that a "
            "server of this version has been started with it. What was done before stays done.",
            Exit.UNAVAILABLE,
        ) from None
    finally:
        database.close()
