"""Opens the source that a configuration states."""

from __future__ import annotations

from datetime import tzinfo

from cekalwatch.server.watchlist.source import SourceUnavailable, WatchlistSource
from cekalwatch.server.watchlist.sources.folder import FolderSource
from cekalwatch.server.watchlist.sources.settings import FolderEntry, SourceEntry


def open_source(entry: SourceEntry, zone: tzinfo) -> WatchlistSource:
    """Return the source; nothing is reached yet. Times without an offset are those of `zone`, the checkpoint's."""
    match entry:
        case FolderEntry():
            return FolderSource(entry, zone)
        case _:
            raise SourceUnavailable(f"This version reads no source of the kind {entry.kind}")
