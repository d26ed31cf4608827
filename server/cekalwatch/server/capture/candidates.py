"""The subjects that a probe may be of: the nearest in the gallery who have an order in force.

A subject without an order for this camera's direction must not hide the next one who has one, so the needed number is
unknown in advance. Nearly always the first few are enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.alerts.match import Candidate, Told
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.ban_order import OrderContent
from cekalwatch.server.domain.orders.law import Checkpoints, alerts_on
from cekalwatch.server.gallery.index import Gallery, Neighbour
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.recognition.engines.recogniser import Templates
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.vision.cohort import CohortModel, compared

MAX_PASSAGE_CANDIDATES = 5
"""Candidates that one passage brings to an alert."""
DEEPER = 4
"""Factor by which more subjects are fetched when those that were fetched do not do."""


class Neighbours:
    """The subjects of a gallery nearest to one probe, nearest first; the first ones are known already.

    Where the model compares scores with those of the list, all of one search are lowered or raised alike.
    """

    def __init__(
        self, gallery: Gallery, probe: NDArray[np.float32], first: Sequence[Neighbour], cohort: CohortModel | None
    ) -> None:
        """`first` are the `_fetched_first` nearest, or all, with the scores of the search."""
        self._gallery = gallery
        self._probe = probe
        self._cohort = cohort
        self._shift = cohort.shift([one.score for one in first[1:]], gallery.subjects) if cohort else 0.0
        self._first = first

    @classmethod
    def of(cls, snapshot: GallerySnapshot, probes: Templates) -> list[Neighbours]:
        """Search for the first neighbours of `probes` (n, size), which are of the gallery's model, together."""
        gallery, cohort = snapshot.gallery, snapshot.cohort
        found = gallery.search(gallery.model_version, probes, _fetched_first(cohort))
        return [cls(gallery, probe, first, cohort) for probe, first in zip(probes, found, strict=True)]

    @cached_property
    def best(self) -> Candidate | None:
        """The nearest subject; None in an empty gallery."""
        return self._compared(self._first[0]) if self._first else None

    def with_another(self, subject_id: str, cosine: float) -> Candidate:
        """Return somebody who is not in the gallery as if they were the first of it."""
        if self._cohort is None:
            return Candidate(subject_id, cosine)
        shift = self._cohort.shift([one.score for one in self._first], self._gallery.subjects + 1)
        return Candidate(subject_id, compared(cosine, shift), cosine=cosine)

    def _compared(self, found: Neighbour) -> Candidate:
        if self._cohort is None:
            return Candidate(found.subject_id, found.score)
        return Candidate(found.subject_id, compared(found.score, self._shift), cosine=found.score)

    def above(self, threshold: float) -> Iterator[Sequence[Candidate]]:
        """Yield the subjects with at least this score, in groups, each once."""
        found, fetched, told = list(map(self._compared, self._first)), _fetched_first(self._cohort), set[str]()
        while near := [one for one in found if one.score >= threshold and one.subject_id not in told]:
            yield near
            if found[-1].score < threshold or len(found) < fetched:
                return
            told.update(one.subject_id for one in near)
            fetched *= DEEPER
            (more,) = self._gallery.search(self._gallery.model_version, self._probe[None], fetched)
            found = list(map(self._compared, more))


def _fetched_first(cohort: CohortModel | None) -> int:
    """Return how many subjects a search fetches."""
    return max(MAX_PASSAGE_CANDIDATES, cohort.ranks + 1 if cohort else 0)


class OrdersInForce:
    """Finds the orders with which a subject alerts, by the present database. It blocks; threads may share it.

    Nothing is kept in memory: only subjects above the threshold are asked about, and names and documents are not in the
    server's memory while nobody looks at them.
    """

    def __init__(self, store: WatchlistStore, checkpoints: Checkpoints) -> None:
        self._store = store
        self._checkpoints = checkpoints

    def of(self, subject_ids: Collection[str], camera: Camera, now: datetime) -> dict[str, tuple[OrderContent, ...]]:
        """Return the orders that are ACTIVE at the camera's site and alert in its direction, by subject.

        Subjects without such an order are left out. Raises StorageError.
        """
        found = {}
        for file in self._store.orders_of(subject_ids):
            orders = tuple(
                self._store.content(one.order)
                for one in self._checkpoints.judged(file, now, camera.site)
                if one.in_force and alerts_on(one.order.kind) is camera.direction
            )
            if orders:
                found[file.subject.subject_id] = orders
        return found

    def nearest(self, near: Iterable[Sequence[Candidate]], camera: Camera, now: datetime) -> tuple[Candidate, ...]:
        """Return the first candidates who have such orders, with them; `near` yields some more, nearest first."""
        chosen: list[Candidate] = []
        for some in near:
            orders = self.of([one.subject_id for one in some], camera, now)
            chosen += [_with_orders(one, orders[one.subject_id]) for one in some if one.subject_id in orders]
            if len(chosen) >= MAX_PASSAGE_CANDIDATES:
                break
        return tuple(chosen[:MAX_PASSAGE_CANDIDATES])


def _with_orders(candidate: Candidate, orders: tuple[OrderContent, ...]) -> Candidate:
    return replace(candidate, order_ids=tuple(one.order_id for one in orders), told=Told(orders=orders))
