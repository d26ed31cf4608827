"""The age of the watchlist by source, which every notifier shows (domain rule 12).

The limit applies to the configured source. Imports by hand have a limit only if no source is configured: they cannot
make a list fresh while its source is unavailable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from cekalwatch.contract.values.watchlist import Freshness, SourceFreshness
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.storage.watchlist.store import WatchlistStore

BY_HAND = "import"
"""Name of imports by hand in alarms and metrics; they are a source where no other is configured."""


class FreshnessGauge:
    """The freshness in memory; `read` renews it from the database, and blocks."""

    def __init__(
        self,
        store: WatchlistStore,
        terms: TermsReader,
        clock: Clock,
        limit: timedelta,
        source: str = "",
        unrecognisable: Callable[[], int] = lambda: 0,
    ) -> None:
        """`source` is the name of the configured one; empty: lists are imported by hand only.

        `unrecognisable` counts the subjects who should be searched and have no template.
        """
        self._store = store
        self._terms = terms
        self._clock = clock
        self._limit = limit
        self._source = source
        self._unrecognisable = unrecognisable
        self._last_success_at: datetime | None = None
        self._told: dict[str, datetime | None] = {}
        self._active_subjects = 0
        self.read()

    def read(self) -> None:
        """Read the last success, and count the subjects whose orders are in force now."""
        self._last_success_at = self._store.last_success_at(self._source)
        self._told = self._store.sources_of(self._source) if self._source else {}
        self._active_subjects = self._terms.read().active(self._clock.now())

    def last_success_from(self, source: str) -> datetime | None:
        """Return when the list was last updated from the source of that name; None means never."""
        return next((one.last_success_at for one in self.now().sources if one.source == source), None)

    def now(self) -> Freshness:
        """Return the present freshness; a source that never provided a list is stale.

        The age of a centre is that of its own sources at its last report, even if its list is newer.
        """
        now = self._clock.now()
        found = {self._source: self._last_success_at} | self._told
        sources = tuple(
            SourceFreshness(source, last, last is None or not lately(last, now, self._limit))
            for source, last in found.items()
        )
        return Freshness.of(sources, self._active_subjects, self._unrecognisable())
