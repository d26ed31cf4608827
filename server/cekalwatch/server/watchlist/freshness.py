"""The age of the watchlist, which every notifier shows (domain rule 12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.active_subjects import ActiveSubjectCount


@dataclass(frozen=True)
class Freshness:
    """When the watchlist was last brought up to date, whether that is too long ago, and how many subjects it bans."""

    last_success_at: datetime | None
    stale: bool
    active_subjects: int


class FreshnessGauge:
    """The freshness in memory; `read` renews it from the database, and blocks."""

    def __init__(self, store: WatchlistStore, active: ActiveSubjectCount, clock: Clock, limit: timedelta) -> None:
        self._store = store
        self._active = active
        self._clock = clock
        self._limit = limit
        self._last_success_at: datetime | None = None
        self._active_subjects = 0
        self.read()

    def read(self) -> None:
        """Read the last success, and count the subjects whose orders are in force now."""
        self._last_success_at = self._store.last_success_at()
        self._active_subjects = self._active.active_subjects(self._clock.now())

    def now(self) -> Freshness:
        """Return the freshness now; a watchlist that was never imported is stale."""
        last = self._last_success_at
        stale = last is None or self._clock.now() - last > self._limit
        return Freshness(last, stale, self._active_subjects)
