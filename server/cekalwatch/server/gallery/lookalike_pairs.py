"""All pairs of subjects with such a face, found by comparing each with the list; kept in memory.

The whole list is compared once, a block at a time, and afterwards who has changed. So a list of 100,000 takes some
minutes of one thread beside the server's work, and a change none that anybody notices.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.gallery.index import Gallery, Keys, keys_of
from cekalwatch.server.gallery.lookalikes import SearchedList

MAX_OTHERS: Final = 10
"""Others that are found for one face: the most similar ones."""
BLOCK_SUBJECTS: Final = 64
"""Subjects that are compared at once."""
ROUND_S: Final = 0.5
"""How long a round compares before it makes room for the server's other work."""
MARGIN: Final = 0.05
"""How far below the threshold pairs are kept, so that one that falls a little needs no new comparison."""


@dataclass(frozen=True)
class FoundPairs:
    """The pairs that are known."""

    likeness: dict[SubjectPair, float]
    """Best comparison score of each pair of look-alikes."""
    waiting: int
    """Subjects that are still to be compared."""


class LookalikePairs:
    """Compares the list with itself. Threads may share it; `round` is for one of them."""

    def __init__(
        self,
        listed: Callable[[], SearchedList],
        threshold: Callable[[int], float],
        changed_since: Callable[[int], list[str]],
    ) -> None:
        """`changed_since` gives the subjects that changed after a value of the watchlist's change counter."""
        self._listed = listed
        self._threshold = threshold
        self._changed_since = changed_since
        self._gallery: Gallery | None = None
        self._version = 0
        self._keys: set[str] = set()
        self._floor = 0.0
        self._waiting: set[str] = set()
        self._likeness: dict[SubjectPair, float] = {}
        self._lock = threading.Lock()

    def found(self) -> FoundPairs:
        """Return the look-alikes that are known by now."""
        threshold = self._threshold(len(self._listed().gallery))
        with self._lock:
            alike = {pair: likeness for pair, likeness in self._likeness.items() if likeness >= threshold}
            return FoundPairs(alike, len(self._waiting) if self._gallery else 1)

    def round(self) -> None:
        """Follow the list, and compare for at most ROUND_S; the next round goes on. Blocks."""
        self._follow()
        end = time.monotonic() + ROUND_S
        while (gallery := self._gallery) and self._waiting and time.monotonic() < end:
            self._compare(gallery, list(islice(self._waiting, BLOCK_SUBJECTS)))

    def _follow(self) -> None:
        """See who has come, changed and gone."""
        listed = self._listed()
        gallery, before = listed.gallery, self._gallery
        threshold = self._threshold(len(gallery))
        anew = before is None or before.model_version != gallery.model_version or threshold < self._floor
        if gallery is before and not anew:
            return
        keys = {key.decode() for key in gallery.keys().tolist()}
        changed = keys if anew else set(self._changed_since(self._version)) | (keys - self._keys)
        gone = self._keys - keys
        with self._lock:
            if anew:
                self._likeness, self._floor = {}, threshold - MARGIN
            left_out = changed | gone
            self._likeness = {
                pair: likeness
                for pair, likeness in self._likeness.items()
                if pair.first not in left_out and pair.second not in left_out
            }
            self._waiting = (self._waiting | changed) & keys
            self._gallery, self._keys, self._version = gallery, keys, listed.version

    def _compare(self, gallery: Gallery, subject_ids: list[str]) -> None:
        """Find those who are like these subjects."""
        found: dict[SubjectPair, float] = {}
        for owners, templates in gallery.rows(keys_of(subject_ids)):
            others = gallery.search(gallery.model_version, templates, MAX_OTHERS + 1)
            for owner, candidates in zip(_texts(owners), others, strict=True):
                for one in candidates:
                    if one.subject_id != owner and one.score >= self._floor:
                        pair = SubjectPair.of(owner, one.subject_id)
                        found[pair] = max(one.score, found.get(pair, -1.0))
        with self._lock:
            self._waiting.difference_update(subject_ids)
            for pair, likeness in found.items():
                self._likeness[pair] = max(likeness, self._likeness.get(pair, -1.0))


def _texts(keys: Keys) -> list[str]:
    return [key.decode() for key in np.asarray(keys).tolist()]
