"""Whose face is also under another subject: a look-alike, or one person who is listed under two names.

It only tells; both stay listed, and people find out which it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.alerts import Candidate
from cekalwatch.server.gallery.additions import Additions
from cekalwatch.server.gallery.index import Gallery, GalleryBuilder
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.storage.models.template_store import TemplateStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore

MAX_LOOKALIKES: Final = 3
"""Other subjects that are named for one face."""


Face = tuple[str, NDArray[np.float32]]
"""A subject's key, and a template, shape (size,)."""


class SearchedList(Protocol):
    """The watchlist's templates as of one moment."""

    @property
    def gallery(self) -> Gallery:
        """The templates."""

    @property
    def version(self) -> int:
        """The change counter of the watchlist that they are of."""


@dataclass(frozen=True, eq=False)
class LoadedList:
    """Templates that were loaded once, for a command that works without a server."""

    gallery: Gallery
    version: int


def load_list(store: TemplateStore, model_version: str, size: int, storage: GalleryStorage) -> LoadedList:
    """Load the templates of `model_version`, which have `size` numbers."""
    builder = GalleryBuilder(model_version, size, storage)
    state = store.load(model_version, size, lambda piece: builder.add(piece.templates, piece.subject_ids))
    return LoadedList(builder.gallery(), state.version)


@dataclass(eq=False)
class _Generation:
    """What was added while the gallery that is searched was the same."""

    begun_at: int
    added: Additions
    complete_at: int = field(default=0)
    """The watchlist with this change counter has all of it."""


class LookalikeFinder:
    """Searches the list, and what was enrolled since it was loaded. Any number of threads may call."""

    def __init__(self, listed: Callable[[], SearchedList], threshold: Callable[[int], float]) -> None:
        """`threshold` says from which comparison score on a face counts as found, in a list of so many templates."""
        self._listed = listed
        self._threshold = threshold
        self._generations: list[_Generation] = []
        self._lock = threading.Lock()

    def others(
        self, subject_id: str, template: NDArray[np.float32], model_version: str, beside: Iterable[Face] = ()
    ) -> tuple[str, ...]:
        """Return the keys of other subjects with such a face, most similar first, at most MAX_LOOKALIKES.

        `beside` are faces that the list is about to have. None are found while the list has templates of another model
        version: they cannot be compared.
        """
        listed = self._listed()
        gallery = listed.gallery
        if gallery.model_version != model_version:
            return ()
        with self._lock:
            self._generations = [one for one in self._generations if one.complete_at > listed.version]
            generations = tuple(self._generations)
        found = [*gallery.search(model_version, template[np.newaxis], MAX_LOOKALIKES + 1)[0]]
        for generation in generations:
            found += generation.added.search(template)
        found += [Candidate(key, float(template @ other)) for key, other in beside]
        threshold = self._threshold(len(gallery) + sum(len(one.added) for one in generations))
        found.sort(key=lambda candidate: -candidate.score)
        keys = dict.fromkeys(one.subject_id for one in found if one.score >= threshold and one.subject_id != subject_id)
        return tuple(keys)[:MAX_LOOKALIKES]

    def of_subject(self, store: WatchlistStore, subject_id: str) -> dict[str, tuple[str, ...]]:
        """Return the other subjects of each of the subject's reference faces that has some, by its key. Blocks."""
        model = self._listed().gallery.model_version
        enrolled = store.enrolled(subject_id, model).values()
        found = {face.reference.reference_id: self.others(subject_id, face.template, model) for face in enrolled}
        return {reference_id: others for reference_id, others in found.items() if others}

    def add(self, subject_id: str, template: NDArray[np.float32], model_version: str, version: int) -> None:
        """Take in a template that the watchlist with the change counter `version` has."""
        listed = self._listed()
        if listed.gallery.model_version != model_version:
            return
        with self._lock:
            if not self._generations or self._generations[-1].begun_at != listed.version:
                self._generations.append(_Generation(listed.version, Additions(listed.gallery.size)))
            newest = self._generations[-1]
            newest.complete_at = max(newest.complete_at, version)
        newest.added.add(subject_id, template)
