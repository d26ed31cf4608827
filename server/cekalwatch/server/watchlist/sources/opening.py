"""Opens the source that a configuration states."""

from __future__ import annotations

from datetime import tzinfo

from cekalwatch.server.settings.watchlist_source import FolderEntry, HttpEntry, SourceEntry, SpreadsheetEntry, SqlEntry
from cekalwatch.server.watchlist.sources.source import WatchlistSource


def open_source(entry: SourceEntry, zone: tzinfo) -> WatchlistSource:
    """Return the source; nothing is reached yet. Times without an offset are those of `zone`, the checkpoint's."""
    # Each brings a library of its own, which the others do not need.
    match entry:
        case FolderEntry():
            from cekalwatch.server.watchlist.sources.files.folder import FolderSource

            return FolderSource(entry, zone)
        case HttpEntry():
            from cekalwatch.server.watchlist.sources.web.http import HttpSource

            return HttpSource(entry, zone)
        case SqlEntry():
            from cekalwatch.server.watchlist.sources.sql.sql import SqlSource

            return SqlSource(entry, zone)
        case SpreadsheetEntry():
            from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource

            return SpreadsheetSource(entry, zone)
