"""`[watchlist]`: where the watchlist comes from, and when it is synchronised with that. See docs/connect-cekal.md."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.server.domain.syncs import SyncTerms
from cekalwatch.server.watchlist.sources.opening import SourceSettings


@dataclass(frozen=True, kw_only=True, config=SECTION)
class WatchlistSettings:
    """Where the watchlist comes from."""

    source: SourceSettings | None = None
    """The application, database, folder or spreadsheet that has the list, by its `kind`. When not set, lists are
    imported by hand only."""
    sync: SyncTerms = SyncTerms()
    """When the watchlist is synchronised with its source, and when that asks people first."""
