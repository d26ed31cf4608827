"""Where the watchlist comes from, and how patient the server is with imports of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cekalwatch.program.settings import Settings
from cekalwatch.server.watchlist.settings import WatchlistSettings


class WatchlistSection(Settings):
    """The watchlist's source, its freshness and imports."""

    watchlist: WatchlistSettings = WatchlistSettings()
    """Where the watchlist comes from (docs/connect-cekal.md)."""
    freshness_limit_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after the last synchronisation at which notifiers show the source as stale; where no source is configured,
    after the last import."""
    import_stall_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds that an import may wait for its client's next message."""
    import_record_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """Seconds that the photographs of one record may take to arrive."""
