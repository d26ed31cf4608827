"""Opens the database of a configuration, for commands that work without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cekalwatch.server.config import ServerSettings
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.watchlist_store import WatchlistStore


@contextmanager
def open_database(settings: ServerSettings, *, existing: bool = False) -> Iterator[Database]:
    """Give the database, with its tables as this version needs them.

    With `existing`, raise ProgramError for an SQLite file that is not there instead of making one.
    """
    from cekalwatch.server.storage.database import Database

    database = Database(settings.database_address)
    try:
        if existing:
            database.check_exists()
        database.upgrade()
        yield database
    finally:
        database.close()


def open_store(database: Database, settings: ServerSettings) -> WatchlistStore:
    """Return the watchlist in `database`, opened with the master key."""
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.security.operator import operator
    from cekalwatch.server.storage.key_store import KeyStore
    from cekalwatch.server.storage.watchlist_store import WatchlistStore

    keys = KeyStore.open(database, settings.master_key_source, SystemClock(), operator())
    return WatchlistStore(database, keys.keyring)
