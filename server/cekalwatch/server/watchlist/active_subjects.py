"""Counts the subjects with an order in force at some site, without counting all of them each time.

An order begins or ends with a day of a site's clock, at the moment of its revocation, or by a change of the watchlist.
Between these the count does not change: all are counted again when a day has begun or such a moment has come, and after
a change only the subjects that it concerns. Only a number for each counted subject is kept, and no personal data.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.orders import Checkpoints, SubjectFile
from cekalwatch.server.storage.watchlist.store import WatchlistStore

SUBJECTS_A_QUERY = 500


class ActiveSubjectCount:
    """The count. It blocks; threads may share it."""

    def __init__(self, store: WatchlistStore, checkpoints: Checkpoints) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._counting = threading.Lock()
        self._version = 0
        self._days: list[date] = []
        self._next_end: datetime | None = None
        self._active = np.zeros(0, dtype=np.int64)

    def active_subjects(self, now: datetime) -> int:
        """Return the number at the moment `now` (aware). Raises StorageError."""
        with self._counting:
            # Read before the rows: what changes meanwhile is counted again, and not missed.
            version = self._store.version()
            days = [now.astimezone(zone).date() for zone in self._checkpoints.zones.values()]
            if days != self._days or (self._next_end is not None and self._next_end <= now):
                self._count_all(now)
            elif version != self._version:
                self._recount(self._store.changed_since(self._version), now)
            self._version, self._days = version, days
            return len(self._active)

    def _count_all(self, now: datetime) -> None:
        self._next_end = None
        found: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        keys = self._store.subject_keys("", SUBJECTS_A_QUERY)
        while keys:
            found.append(self._active_of(keys, now))
            keys = self._store.subject_keys(keys[-1], SUBJECTS_A_QUERY)
        self._active = np.concatenate(found)

    def _recount(self, keys: Sequence[str], now: datetime) -> None:
        found = [self._active[~np.isin(self._active, _numbers(keys))]]
        starts = range(0, len(keys), SUBJECTS_A_QUERY)
        found += [self._active_of(keys[start : start + SUBJECTS_A_QUERY], now) for start in starts]
        self._active = np.concatenate(found)

    def _active_of(self, keys: Sequence[str], now: datetime) -> NDArray[np.int64]:
        files = self._store.orders_of(keys)
        for file in files:
            self._note_end(file, now)
        return _numbers([file.subject.subject_id for file in files if self._is_active(file, now)])

    def _is_active(self, file: SubjectFile, now: datetime) -> bool:
        return any(
            one.in_force for site in self._checkpoints.zones for one in self._checkpoints.judged(file, now, site)
        )

    def _note_end(self, file: SubjectFile, now: datetime) -> None:
        """Remember the first future moment at which an order ends within a day."""
        for order in file.orders:
            for moment in (order.revoked_at, order.withdrawn_at):
                if moment is not None and moment > now and (self._next_end is None or moment < self._next_end):
                    self._next_end = moment


def _numbers(keys: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each key; among a million keys, a collision has a chance of 1 in 30 million."""
    return np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys))
