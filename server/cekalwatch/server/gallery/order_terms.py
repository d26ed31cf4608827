"""The times at which each subject's orders are in force: who is searched (domain rule 9), and the number of banned
people.

An order's first and last moment follow from its stored content; a withdrawn order has none. So all orders are read
once, and after that only those of changed subjects; the end of an order by the clock is found without the database.
Only numbers are kept, no personal data. A file keeps them from one run to the next (`kept_terms`).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.kept_terms import KeptTerms, TermsFile
from cekalwatch.server.storage.watchlist.reading import MARK_BYTES, MarkedFile
from cekalwatch.server.storage.watchlist.store import WatchlistStore

SUBJECTS_A_QUERY = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = np.iinfo(np.int64).min
_UNMARKED: Final = bytes(MARK_BYTES)

log = structlog.get_logger()

Numbers = NDArray[np.int64]
"""Subjects by the hash of their key, or moments in microseconds since 1970."""


@dataclass(frozen=True, eq=False)
class OrderTerms:
    """The terms of all subjects as of one state of the watchlist."""

    version: int
    """Value of the change counter."""
    law: Law
    """By which they were computed."""
    subjects: Numbers
    """All subjects that are listed, ascending."""
    ends: Numbers
    """The last moment of each subject's orders; the smallest number for subjects without any."""
    _damaged: NDArray[np.bool_]
    """Whether each subject has an order that cannot be read."""
    _owners: Numbers
    """The subject of each term; a subject's terms do not overlap."""
    _first: Numbers
    _last: Numbers
    _marks: NDArray[np.uint8]
    """Shape (subjects, MARK_BYTES): marks of the rows that define each subject's terms; zeros: not these rows alone."""

    @classmethod
    def of(cls, version: int, keys: Collection[str], files: Iterable[MarkedFile], checkpoints: Checkpoints) -> Self:
        """Compute the terms of the subjects with these keys from the readable `files`."""
        law = checkpoints.law
        ends = dict.fromkeys(_numbers(keys).tolist(), _NEVER)
        damaged = dict.fromkeys(ends, True)
        marks = dict.fromkeys(ends, _UNMARKED)
        terms: list[tuple[int, int, int]] = []
        for one in files:
            file = one.file
            owner = hash(file.subject.subject_id.encode())
            marks[owner] = one.mark or _UNMARKED
            damaged[owner] = bool(file.unreadable) or not (file.orders or file.orders_moved_at)
            for first, last in _merged(checkpoints.terms_now(file)):
                terms.append((owner, first, last))
                ends[owner] = last
        subjects = np.fromiter(ends, np.int64, len(ends))
        order = np.argsort(subjects)
        table = np.array(terms, np.int64).reshape(-1, 3)
        until = np.fromiter(ends.values(), np.int64, len(ends))
        unsure = np.fromiter(damaged.values(), np.bool_, len(damaged))
        marked = np.frombuffer(b"".join(marks.values()), np.uint8).reshape(-1, MARK_BYTES)
        return cls(
            version,
            law,
            subjects[order],
            until[order],
            unsure[order],
            table[:, 0],
            table[:, 1],
            table[:, 2],
            marked[order],
        )

    @classmethod
    def kept(cls, version: int, law: Law, keys: Sequence[str], marks: Sequence[bytes], held: KeptTerms) -> Self:
        """Take the terms of subjects with these keys, by that law, from the file, which contains their marks."""
        subjects = _numbers(keys)
        order = np.argsort(subjects)
        places = np.fromiter((held.places[mark] for mark in marks), np.int64, len(marks))
        begin, counts = held.starts[places], held.starts[places + 1] - held.starts[places]
        last = held.terms[np.maximum(held.starts[places + 1] - 1, 0), 1] if len(held.terms) else counts
        ends = np.where(counts > 0, last, _NEVER)
        # The rows of all their terms: for each subject, from its first term on.
        before = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
        rows = np.arange(int(counts.sum())) + np.repeat(begin - before, counts)
        marked = np.frombuffer(b"".join(marks), np.uint8).reshape(-1, MARK_BYTES)
        return cls(
            version,
            law,
            subjects[order],
            ends[order],
            np.zeros(len(subjects), np.bool_),
            np.repeat(subjects, counts),
            held.terms[rows, 0],
            held.terms[rows, 1],
            marked[order],
        )

    def keep(self, file: TermsFile) -> None:
        """Write the terms of subjects with marks to `file`."""
        marked = self._marks.any(axis=1)
        wanted = np.isin(self._owners, self.subjects[marked])
        order = np.lexsort((self._first[wanted], self._owners[wanted]))
        owners = self._owners[wanted][order]
        starts = np.searchsorted(owners, self.subjects[marked])
        terms = np.stack([self._first[wanted][order], self._last[wanted][order]], axis=1)
        file.write(self.law, self._marks[marked], np.append(starts, len(owners)), terms)

    def with_changes(self, keys: Sequence[str], fresh: OrderTerms) -> OrderTerms:
        """Return the terms after the subjects with these keys changed; `fresh` has their present terms."""
        gone = _numbers(keys)
        kept, others = ~np.isin(self.subjects, gone), ~np.isin(self._owners, gone)
        subjects = np.concatenate([self.subjects[kept], fresh.subjects])
        order = np.argsort(subjects, kind="stable")  # nearly sorted data takes no time
        return OrderTerms(
            fresh.version,
            fresh.law,
            subjects[order],
            np.concatenate([self.ends[kept], fresh.ends])[order],
            np.concatenate([self._damaged[kept], fresh._damaged])[order],
            np.concatenate([self._owners[others], fresh._owners]),
            np.concatenate([self._first[others], fresh._first]),
            np.concatenate([self._last[others], fresh._last]),
            np.concatenate([self._marks[kept], fresh._marks])[order],
        )

    def are_searched(self, keys: Iterable[bytes], now: datetime) -> NDArray[np.bool_]:
        """Return for each subject whether one of its orders is or will be in force at some site."""
        wanted = np.fromiter(map(hash, keys), np.int64)
        if not len(self.subjects):
            return np.zeros(len(wanted), np.bool_)
        places = np.minimum(np.searchsorted(self.subjects, wanted), len(self.subjects) - 1)
        return np.asarray((self.subjects[places] == wanted) & (self.ends[places] >= _micros(now)))

    def searched(self, now: datetime) -> int:
        """Return how many subjects have an order that is or will be in force at some site."""
        return int(np.count_nonzero(self.ends >= _micros(now)))

    @property
    def unreadable(self) -> int:
        """Number of subjects with an unreadable or missing order."""
        return int(np.count_nonzero(self._damaged))

    def active(self, now: datetime) -> int:
        """Return how many subjects have an order that is in force at some site."""
        moment = _micros(now)
        return int(np.count_nonzero((self._first <= moment) & (moment <= self._last)))

    def end_between(self, one: datetime, other: datetime) -> bool:
        """Whether the searched people differ between two moments."""
        earlier, later = sorted((_micros(one), _micros(other)))
        return bool(np.any((self.ends >= earlier) & (self.ends < later)))


class TermsReader:
    """Holds the terms and follows the watchlist and the law. It blocks; threads may share it."""

    def __init__(self, store: WatchlistStore, checkpoints: Checkpoints, file: TermsFile | None = None) -> None:
        """With a `file`, the first reading uses its terms that are still valid."""
        self._store = store
        self._checkpoints = checkpoints
        self._file = file
        self._reading = threading.Lock()
        self._terms: OrderTerms | None = None
        self._written: OrderTerms | None = None

    def read(self) -> OrderTerms:
        """Return the terms as of the watchlist's newest state and by the present law. Raises StorageError."""
        with self._reading:
            # Read before the rows, so that later changes are read again and not missed.
            version = self._store.version()
            if self._terms is None:
                self._terms = self._begun(version)
            elif self._terms.law is not self._checkpoints.law:
                self._terms = self._of(version, self._all_keys())
            elif version != self._terms.version:
                changed = self._store.changed_since(self._terms.version)
                self._terms = self._terms.with_changes(changed, self._of(version, self._store.held(changed)))
            return self._terms

    def keep(self) -> None:
        """Write the terms to the file if they have changed since the last writing; one thread calls it."""
        terms = self._terms
        if self._file and terms and terms is not self._written:
            terms.keep(self._file)
            self._written = terms

    def _begun(self, version: int) -> OrderTerms:
        """Return the terms of all subjects: from the file for unchanged rows, computed for the others."""
        law = self._checkpoints.law
        if self._file is None or (held := self._file.read(law)) is None:
            return self._of(version, self._all_keys())
        known, marks, others = list[str](), list[bytes](), list[str]()
        for key, mark in self._store.marks():
            if mark in held.places:
                known.append(key)
                marks.append(mark)
            else:
                others.append(key)
        log.info("kept_terms_used", subjects=len(known), read=len(others))
        return OrderTerms.kept(version, law, known, marks, held).with_changes(others, self._of(version, others))

    def _all_keys(self) -> list[str]:
        keys: list[str] = []
        while some := self._store.subject_keys(keys[-1] if keys else "", SUBJECTS_A_QUERY):
            keys += some
        return keys

    def _of(self, version: int, keys: Sequence[str]) -> OrderTerms:
        pieces = [keys[start : start + SUBJECTS_A_QUERY] for start in range(0, len(keys), SUBJECTS_A_QUERY)]
        files = (file for piece in pieces for file in self._store.marked_orders_of(piece))
        return OrderTerms.of(version, keys, files, self._checkpoints)


def _merged(terms: Iterable[tuple[datetime, datetime]]) -> list[list[int]]:
    """Return terms in microseconds, ascending; adjacent ones are joined."""
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
