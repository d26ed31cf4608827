"""The subjects nearest to a probe, found on demand.

A subject without an order for this camera's direction must not hide the next one who has one, so the needed number is
unknown in advance. Nearly always the first few are enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.recognition.engines.recogniser import Templates

MAX_PASSAGE_CANDIDATES = 5
"""Candidates that one passage brings to an alert."""
DEEPER = 4
"""Factor by which more subjects are fetched when those that were fetched do not do."""


class Neighbours:
    """The subjects of a gallery nearest to one probe, nearest first; the first ones are known already."""

    def __init__(self, gallery: Gallery, probe: NDArray[np.float32], first: Sequence[Candidate]) -> None:
        """`first` are the `MAX_PASSAGE_CANDIDATES` nearest, or all."""
        self._gallery = gallery
        self._probe = probe
        self._first = first

    @classmethod
    def of(cls, gallery: Gallery, probes: Templates) -> list[Neighbours]:
        """Search for the first neighbours of `probes` (n, size), which are of the gallery's model, together."""
        found = gallery.search(gallery.model_version, probes, MAX_PASSAGE_CANDIDATES)
        return [cls(gallery, probe, first) for probe, first in zip(probes, found, strict=True)]

    @property
    def best_score(self) -> float | None:
        """The score of the nearest subject; None in an empty gallery."""
        return self._first[0].score if self._first else None

    def above(self, threshold: float) -> Iterator[Sequence[Candidate]]:
        """Yield the subjects with at least this score, in groups, each once."""
        found, fetched, told = self._first, MAX_PASSAGE_CANDIDATES, set[str]()
        while near := [one for one in found if one.score >= threshold and one.subject_id not in told]:
            yield near
            if found[-1].score < threshold or len(found) < fetched:
                return
            told.update(one.subject_id for one in near)
            fetched *= DEEPER
            (found,) = self._gallery.search(self._gallery.model_version, self._probe[None], fetched)
