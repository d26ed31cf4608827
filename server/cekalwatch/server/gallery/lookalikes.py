"""Finds faces that another subject has too: a look-alike, or one person who is listed under two names.

It only reports them. Both stay listed, and people decide which it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.subjects import MAX_REFERENCES
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.gallery.index import NEIGHBOURS, Gallery, GalleryBuilder, Keys, Neighbour, keys_of, new_index
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.storage.models.store import TemplateStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.vision.manifest import Pack

MAX_LOOKALIKES: Final = 3
"""Maximum number of subjects that are reported for one face."""


Face = tuple[str, NDArray[np.float32]]
"""A subject's key, and a template, shape (size,)."""


class SearchedList(Protocol):
    """The watchlist's templates as of one moment."""

    @property
    def gallery(self) -> Gallery:
        """The templates."""

    @property
    def version(self) -> int:
        """The change counter of the watchlist that they belong to."""


@dataclass(frozen=True, eq=False)
class LoadedList:
    """Templates that are loaded once, for a command that works without a server."""

    gallery: Gallery
    version: int


def load_list(store: TemplateStore, pack: Pack, storage: GalleryStorage) -> LoadedList:
    """Load the templates of the pack's model."""
    model_version, size = pack.model_version, pack.recogniser.size
    builder = GalleryBuilder(model_version, size, storage)
    state = store.load(model_version, size, lambda piece: builder.add(piece.templates, piece.subject_ids))
    return LoadedList(builder.gallery(), state.version)


MAX_ROWS_SEARCHED: Final = MAX_REFERENCES + NEIGHBOURS
"""Rows that a search returns: a subject's own rows must not hide those of others."""


class RecentTemplates:
    """Templates that were enrolled a moment ago and are not in the gallery yet. Threads may share it.

    It grows by two bytes for each number of a template.
    """

    def __init__(self, size: int) -> None:
        self._index = new_index(size, GalleryStorage.FP16)
        self._subject_ids: list[str] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._subject_ids)

    def add(self, subject_id: str, template: NDArray[np.float32]) -> None:
        """Add a template, shape (size,)."""
        with self._lock:
            self._index.add(np.ascontiguousarray(template[np.newaxis], dtype=np.float32))
            self._subject_ids.append(subject_id)

    def search(self, probe: NDArray[np.float32]) -> list[Neighbour]:
        """Return the subjects of the nearest templates, best first; a subject comes once for each of its templates."""
        with self._lock:
            if not self._subject_ids:
                return []
            faiss.omp_set_num_threads(1)
            most = min(MAX_ROWS_SEARCHED, len(self._subject_ids))
            scores, rows = self._index.search(np.ascontiguousarray(probe[np.newaxis], dtype=np.float32), most)
            return [
                Neighbour(self._subject_ids[row], score)
                for score, row in zip(scores[0].tolist(), rows[0].tolist(), strict=True)
            ]


@dataclass(eq=False)
class _Generation:
    """Faces enrolled since the searched gallery was loaded."""

    begun_at: int
    added: RecentTemplates
    complete_at: int = field(default=0)
    """The change counter of the watchlist that contains all of it."""


class LookalikeFinder:
    """Searches the list, and the faces enrolled since it was loaded. Threads may share it."""

    def __init__(self, listed: Callable[[], SearchedList], threshold: Callable[[int], float]) -> None:
        """`threshold` returns the lowest comparison score of a look-alike for a number of templates."""
        self._listed = listed
        self._threshold = threshold
        self._generations: list[_Generation] = []
        self._lock = threading.Lock()

    def others(
        self, subject_id: str, template: NDArray[np.float32], model_version: str, beside: Iterable[Face] = ()
    ) -> tuple[str, ...]:
        """Return the keys of other subjects with a similar face, most similar first, at most MAX_LOOKALIKES.

        `beside` has faces that are about to be listed. The result is empty while the list has templates of another
        model version, which cannot be compared.
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
        found += [Neighbour(key, float(template @ other)) for key, other in beside]
        threshold = self._threshold(len(gallery) + sum(len(one.added) for one in generations))
        found.sort(key=lambda candidate: -candidate.score)
        keys = dict.fromkeys(one.subject_id for one in found if one.score >= threshold and one.subject_id != subject_id)
        return tuple(keys)[:MAX_LOOKALIKES]

    def of_subject(self, store: WatchlistStore, subject_id: str) -> dict[str, tuple[str, ...]]:
        """Return the look-alikes of each reference face of the subject that has some, by the face's key. Blocks."""
        model = self._listed().gallery.model_version
        enrolled = store.enrolled(subject_id, model).values()
        found = {face.reference_id: self.others(subject_id, face.template, model) for face in enrolled}
        return {reference_id: others for reference_id, others in found.items() if others}

    def likeness(self, store: WatchlistStore, subject_id: str, others: Iterable[str]) -> dict[str, float]:
        """Return the similarity of each of the other subjects: the best score of two reference faces. Blocks.

        Subjects without a template of the model in use are left out.
        """
        model = self._listed().gallery.model_version
        own = _templates(store, subject_id, model)
        found = {key: _templates(store, key, model) for key in others}
        return {key: float((own @ each.T).max()) for key, each in found.items() if len(own) and len(each)}

    def alike(self, likeness: float) -> bool:
        """Whether two faces with that comparison score are look-alikes in the present list."""
        return likeness >= self._threshold(len(self._listed().gallery))

    def add(self, subject_id: str, template: NDArray[np.float32], model_version: str, version: int) -> None:
        """Add a template that is on the watchlist since the change counter `version`."""
        listed = self._listed()
        if listed.gallery.model_version != model_version:
            return
        with self._lock:
            if not self._generations or self._generations[-1].begun_at != listed.version:
                self._generations.append(_Generation(listed.version, RecentTemplates(listed.gallery.size)))
            newest = self._generations[-1]
            newest.complete_at = max(newest.complete_at, version)
        newest.added.add(subject_id, template)


def _templates(store: WatchlistStore, subject_id: str, model_version: str) -> NDArray[np.float32]:
    """Return the subject's templates of a model, shape (n, size)."""
    faces = store.enrolled(subject_id, model_version).values()
    return np.stack([face.template for face in faces]) if faces else np.zeros((0, 0), np.float32)


MAX_OTHERS: Final = 10
"""Maximum number of look-alikes of one face: the most similar ones."""
BLOCK_SUBJECTS: Final = 64
"""Number of subjects that are compared in one step."""
ROUND_S: Final = 0.5
"""Maximum duration of a round, so that the server's other work can run."""
MARGIN: Final = 0.05
"""Pairs are kept down to this much below the threshold, so that a slightly lower one needs no new comparison."""


@dataclass(frozen=True)
class FoundPairs:
    """The known pairs."""

    likeness: dict[SubjectPair, float]
    """Best comparison score of each pair of look-alikes."""
    waiting: int
    """Number of subjects that are not yet compared."""


class LookalikePairs:
    """Compares the list with itself. Threads may share it; `round` is for one of them."""

    def __init__(
        self,
        listed: Callable[[], SearchedList],
        threshold: Callable[[int], float],
        changed_since: Callable[[int], list[str]],
    ) -> None:
        """`changed_since` returns the subjects that changed after a value of the watchlist's change counter."""
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
        """Return the look-alikes found so far."""
        threshold = self._threshold(len(self._listed().gallery))
        with self._lock:
            alike = {pair: likeness for pair, likeness in self._likeness.items() if likeness >= threshold}
            return FoundPairs(alike, len(self._waiting) if self._gallery else 1)

    def round(self) -> None:
        """Follow the list, and compare for at most ROUND_S; the next round continues. Blocks."""
        self._follow()
        end = time.monotonic() + ROUND_S
        while (gallery := self._gallery) and self._waiting and time.monotonic() < end:
            self._compare(gallery, list(islice(self._waiting, BLOCK_SUBJECTS)))

    def _follow(self) -> None:
        """Find new, changed and removed subjects."""
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
        """Find the look-alikes of these subjects."""
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
