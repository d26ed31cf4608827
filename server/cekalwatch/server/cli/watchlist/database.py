"""Opens the watchlist of a configuration, for commands that work without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.watchlist.store import WatchlistStore


def open_store(database: Database, settings: ServerSettings) -> WatchlistStore:
    """Return the watchlist in `database`, opened with the master key."""
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.storage.keys.store import KeyStore
    from cekalwatch.server.storage.watchlist.store import WatchlistStore

    keys = KeyStore.open(database, settings.master_key_source, SystemClock(), operator())
    return WatchlistStore(database, keys.keyring)
