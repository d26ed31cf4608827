"""Opens the source that a configuration states."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from cekalwatch.server.watchlist.sources.settings import (
    CentreSettings,
    FolderSettings,
    HttpSettings,
    PackagesSettings,
    SourceSettings,
    SpreadsheetSettings,
    SqlSettings,
)
from cekalwatch.server.watchlist.sources.source import WatchlistSource

if TYPE_CHECKING:
    from cekalwatch.server.watchlist.sources.centre.centre import PortCaller


def source_name(settings: SourceSettings | None, zone: tzinfo) -> str:
    """Return the name of the source; empty when there is none."""
    if isinstance(settings, CentreSettings):
        return settings.name
    return open_source(settings, zone).name if settings else ""


def open_source(settings: SourceSettings, zone: tzinfo, caller: PortCaller | None = None) -> WatchlistSource:
    """Return the source, without connecting yet. Times without an offset are in `zone`, the checkpoint's time zone.

    `caller`: who calls if the source is a centre.
    """
    # Each brings a library of its own, which the others do not need.
    match settings:
        case FolderSettings():
            from cekalwatch.server.watchlist.sources.files.folder import FolderSource

            return FolderSource(settings, zone)
        case HttpSettings():
            from cekalwatch.server.watchlist.sources.web.http import HttpSource

            return HttpSource(settings, zone)
        case SqlSettings():
            from cekalwatch.server.watchlist.sources.sql.sql import SqlSource

            return SqlSource(settings, zone)
        case SpreadsheetSettings():
            from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource

            return SpreadsheetSource(settings, zone)
        case PackagesSettings():
            from cekalwatch.server.watchlist.sources.files.packages import PackageSource

            return PackageSource(settings, zone)
        case CentreSettings():
            from cekalwatch.server.watchlist.sources.centre.centre import CentreSource

            if caller is None:
                raise ValueError("somebody must call the centre")
            return CentreSource(caller)
