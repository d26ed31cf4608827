"""When the orders of each subject are in force: who is searched (domain rule 9), and how many are banned now.

An order's first and last moment follow from what is held of it. So all orders are read once, and after that those of
the subjects that changed; that an order ends by the clock is seen without the database. Only numbers are kept, and no
personal data.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.storage.watchlist.store import WatchlistStore

SUBJECTS_A_QUERY = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = np.iinfo(np.int64).min

Numbers = NDArray[np.int64]
"""Subjects by the hash of their key, or moments in microseconds since 1970."""


@dataclass(frozen=True, eq=False)
class OrderTerms:
    """The terms of all subjects as of one state of the watchlist."""

    version: int
    """The change counter."""
    subjects: Numbers
    """All subjects that are listed, ascending."""
    ends: Numbers
    """The last moment of each subject's orders; before all moments for those that have none."""
    _damaged: NDArray[np.bool_]
    """Of each subject, whether some of its orders cannot be read."""
    _owners: Numbers
    """The subject of each term; a subject's terms do not overlap."""
    _first: Numbers
    _last: Numbers

    @classmethod
    def of(cls, version: int, keys: Collection[str], files: Iterable[SubjectFile], checkpoints: Checkpoints) -> Self:
        """Compute the terms of the subjects with these keys, of which `files` could be read."""
        ends = dict.fromkeys(_numbers(keys).tolist(), _NEVER)
        damaged = dict.fromkeys(ends, True)
        terms: list[tuple[int, int, int]] = []
        for file in files:
            owner = hash(file.subject.subject_id.encode())
            damaged[owner] = bool(file.unreadable) or not file.orders
            for first, last in _merged(checkpoints.terms(file)):
                terms.append((owner, first, last))
                ends[owner] = last
        subjects = np.fromiter(ends, np.int64, len(ends))
        order = np.argsort(subjects)
        table = np.array(terms, np.int64).reshape(-1, 3)
        until = np.fromiter(ends.values(), np.int64, len(ends))
        unsure = np.fromiter(damaged.values(), np.bool_, len(damaged))
        return cls(version, subjects[order], until[order], unsure[order], *table.T)

    def with_changes(self, keys: Sequence[str], fresh: OrderTerms) -> OrderTerms:
        """Return the terms after the subjects with these keys changed; `fresh` are theirs now."""
        gone = _numbers(keys)
        kept, others = ~np.isin(self.subjects, gone), ~np.isin(self._owners, gone)
        subjects = np.concatenate([self.subjects[kept], fresh.subjects])
        order = np.argsort(subjects, kind="stable")  # what is nearly in order already takes no time
        return OrderTerms(
            fresh.version,
            subjects[order],
            np.concatenate([self.ends[kept], fresh.ends])[order],
            np.concatenate([self._damaged[kept], fresh._damaged])[order],
            np.concatenate([self._owners[others], fresh._owners]),
            np.concatenate([self._first[others], fresh._first]),
            np.concatenate([self._last[others], fresh._last]),
        )

    def are_searched(self, keys: Iterable[bytes], now: datetime) -> NDArray[np.bool_]:
        """Tell of each subject whether one of its orders is in force at some site, or will be."""
        wanted = np.fromiter(map(hash, keys), np.int64)
        if not len(self.subjects):
            return np.zeros(len(wanted), np.bool_)
        places = np.minimum(np.searchsorted(self.subjects, wanted), len(self.subjects) - 1)
        return np.asarray((self.subjects[places] == wanted) & (self.ends[places] >= _micros(now)))

    def searched(self, now: datetime) -> int:
        """Return how many subjects have an order that is in force at some site, or will be."""
        return int(np.count_nonzero(self.ends >= _micros(now)))

    @property
    def unreadable(self) -> int:
        """Of how many subjects an order cannot be read, or none is there."""
        return int(np.count_nonzero(self._damaged))

    def active(self, now: datetime) -> int:
        """Return how many subjects have an order that is in force at some site."""
        moment = _micros(now)
        return int(np.count_nonzero((self._first <= moment) & (moment <= self._last)))

    def end_between(self, one: datetime, other: datetime) -> bool:
        """Whether somebody is searched at only one of two moments."""
        earlier, later = sorted((_micros(one), _micros(other)))
        return bool(np.any((self.ends >= earlier) & (self.ends < later)))


class TermsReader:
    """Holds the terms and follows the watchlist. It blocks; threads may share it."""

    def __init__(self, store: WatchlistStore, checkpoints: Checkpoints) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._reading = threading.Lock()
        self._terms: OrderTerms | None = None

    def read(self) -> OrderTerms:
        """Return the terms as of the watchlist's newest state. Raises StorageError."""
        with self._reading:
            # Read before the rows: what changes meanwhile is read again, and not missed.
            version = self._store.version()
            if self._terms is None:
                self._terms = self._of(version, self._all_keys())
            elif version != self._terms.version:
                changed = self._store.changed_since(self._terms.version)
                self._terms = self._terms.with_changes(changed, self._of(version, self._store.held(changed)))
            return self._terms

    def _all_keys(self) -> list[str]:
        keys: list[str] = []
        while some := self._store.subject_keys(keys[-1] if keys else "", SUBJECTS_A_QUERY):
            keys += some
        return keys

    def _of(self, version: int, keys: Sequence[str]) -> OrderTerms:
        pieces = [keys[start : start + SUBJECTS_A_QUERY] for start in range(0, len(keys), SUBJECTS_A_QUERY)]
        files = (file for piece in pieces for file in self._store.orders_of(piece))
        return OrderTerms.of(version, keys, files, self._checkpoints)


def _merged(terms: Iterable[tuple[datetime, datetime]]) -> list[list[int]]:
    """Return terms in microseconds, ascending, those that touch as one."""
    merged: list[list[int]] = []
    for first, last in sorted((_micros(first), _micros(last)) for first, last in terms):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged


def _numbers(keys: Collection[str]) -> Numbers:
    """Return a number for each key; among a million keys, a collision has a chance of 1 in 30 million."""
    return np.fromiter((hash(key.encode()) for key in keys), np.int64, len(keys))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
