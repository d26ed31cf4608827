"""The searchable templates: exact inner-product search with FAISS. It knows no database and no order.

A `Gallery` never changes; a change of the watchlist makes another, which shares all rows that did not change, and the
holder swaps the reference, so that a search sees one consistent state. Templates and probes are of one model version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.alerts import Candidate
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.gallery.shard import SHARD_ROWS, Keys, Shard, keys_of, new_index, packed
from cekalwatch.server.recognition.engines.recogniser import Templates

NEIGHBOURS = 32
"""Rows that are fetched for a probe at first: nearly always enough for five subjects with several reference faces."""
DEEPER = 8
"""How many times more are fetched when a few subjects have all of them."""


class GalleryError(ValueError):
    """Templates that cannot be searched together."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """Templates of one model version. Build it with `build`; any number of threads may search it."""

    model_version: str
    size: int
    storage: GalleryStorage
    subjects: int
    """Subjects with at least one row."""
    _shards: tuple[Shard, ...]

    @classmethod
    def build(
        cls,
        model_version: str,
        size: int,
        templates: Templates,
        subject_ids: Sequence[str],
        storage: GalleryStorage = GalleryStorage.FP16,
    ) -> Gallery:
        """Index `templates` (n, size), row i belonging to `subject_ids[i]`; raises GalleryError where they do not."""
        builder = GalleryBuilder(model_version, size, storage)
        builder.add(templates, subject_ids)
        return builder.gallery()

    def __len__(self) -> int:
        return sum(map(len, self._shards))

    def changed(self, subject_ids: Sequence[str], templates: Templates, owners: Sequence[str]) -> Gallery:
        """Return the gallery after `subject_ids` changed: `templates` are all that they have now, row i of `owners[i]`.

        Subjects whose rows are as they were stay where they are. Raises GalleryError.
        """
        _check(self.size, templates, owners)
        codes = new_index(self.size, self.storage).sa_encode(np.ascontiguousarray(templates, dtype=np.float32))
        fresh = _by_subject(keys_of(owners), codes)
        changed = keys_of(subject_ids)
        hits = [shard.rows_of(changed) for shard in self._shards]
        held: dict[bytes, list[bytes]] = defaultdict(list)
        for shard, rows in zip(self._shards, hits, strict=True):
            if len(rows):
                for key, found in _by_subject(shard.subjects[rows], shard.codes(rows)).items():
                    held[key] += found
        same = [key for key, rows in held.items() if sorted(rows) == sorted(fresh.get(key, ()))]
        if len(same) == len(held) == len(fresh):
            return self
        kept = np.array(same, dtype=np.bytes_)
        shards = [
            shard.without(rows[~np.isin(shard.subjects[rows], kept)]) if len(rows) else shard
            for shard, rows in zip(self._shards, hits, strict=True)
        ]
        new = ~np.isin(keys_of(owners), kept)
        whole = [shard for shard in shards if shard.full and not shard.worn]
        loose = [(shard.codes(rows), shard.subjects[rows]) for shard, rows in _loose(shards)]
        tail = packed(self.size, self.storage, [*loose, (codes[new], keys_of(owners)[new])])
        subjects = self.subjects - len(held) + len(fresh)
        return Gallery(self.model_version, self.size, self.storage, subjects, (*whole, *tail))

    def search(self, model_version: str, probes: Templates, most: int) -> list[tuple[Candidate, ...]]:
        """Return, for each of `probes` (n, size), at most `most` subjects, best first; a subject's best row counts.

        Raises GalleryError when the probes are of another model version, or of another size.
        """
        if model_version != self.model_version:
            raise GalleryError(f"probes of {model_version}; this gallery holds templates of {self.model_version}")
        if probes.ndim != 2 or probes.shape[1] != self.size:  # rows and columns
            raise GalleryError(f"probes of shape {probes.shape}; this gallery holds templates of {self.size} numbers")
        rows = len(self)
        probes = np.ascontiguousarray(probes, dtype=np.float32)
        found = self._nearest(probes, NEIGHBOURS, most)
        for number, candidates in enumerate(found):
            deep, nearest = NEIGHBOURS, candidates
            # A few subjects with many reference faces must not hide the next one, who may be the one with an order.
            while len(nearest) < most and deep < rows:
                deep *= DEEPER
                (nearest,) = self._nearest(probes[number : number + 1], deep, most)
            found[number] = nearest
        return found

    def _nearest(self, probes: Templates, deep: int, most: int) -> list[tuple[Candidate, ...]]:
        if not self._shards:
            return [() for _ in probes]
        parts = [shard.search(probes, deep) for shard in self._shards]
        scores = np.concatenate([one for one, _ in parts], axis=1)
        rows = np.concatenate([one for _, one in parts], axis=1)
        shards = np.repeat(np.arange(len(parts)), [one.shape[1] for one, _ in parts])
        scores = np.where(rows < 0, -np.inf, scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :deep]
        return [
            self._candidates(line[chosen], shards[chosen], own[chosen], most)
            for line, own, chosen in zip(scores, rows, order, strict=True)
        ]

    def _candidates(
        self, scores: NDArray[np.float32], shards: NDArray[np.int64], rows: NDArray[np.int64], most: int
    ) -> tuple[Candidate, ...]:
        best: dict[bytes, float] = {}
        for score, shard, row in zip(scores.tolist(), shards.tolist(), rows.tolist(), strict=True):
            if row < 0:
                break
            best.setdefault(self._shards[shard].subjects[row], score)
            if len(best) == most:
                break
        return tuple(Candidate(subject.decode(), score) for subject, score in best.items())


class GalleryBuilder:
    """Makes a gallery from pieces, without ever holding all of its rows twice."""

    def __init__(self, model_version: str, size: int, storage: GalleryStorage) -> None:
        self._model_version = model_version
        self._size = size
        self._storage = storage
        self._shards: list[Shard] = []
        self._index = new_index(size, storage)
        self._subjects: list[Keys] = []

    def add(self, templates: Templates, subject_ids: Sequence[str]) -> None:
        """Index `templates` (n, size), row i belonging to `subject_ids[i]`; raises GalleryError where they do not."""
        _check(self._size, templates, subject_ids)
        start = 0
        while start < len(subject_ids):
            stop = start + SHARD_ROWS - self._index.ntotal
            self._index.add(np.ascontiguousarray(templates[start:stop], dtype=np.float32))
            self._subjects.append(keys_of(subject_ids[start:stop]))
            if self._index.ntotal == SHARD_ROWS:
                self._close_shard()
            start = stop

    def gallery(self) -> Gallery:
        """Return the gallery of all that was added."""
        if self._index.ntotal:
            self._close_shard()
        subjects = len(np.unique(np.concatenate([shard.subjects for shard in self._shards]))) if self._shards else 0
        return Gallery(self._model_version, self._size, self._storage, subjects, tuple(self._shards))

    def _close_shard(self) -> None:
        self._shards.append(Shard.of(self._index, np.concatenate(self._subjects)))
        self._index, self._subjects = new_index(self._size, self._storage), []


def _check(size: int, templates: Templates, subject_ids: Sequence[str]) -> None:
    if templates.shape != (len(subject_ids), size):
        raise GalleryError(f"templates of shape {templates.shape} for {len(subject_ids)} rows of {size} numbers")


def _by_subject(subjects: Keys, codes: NDArray[np.uint8]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for key, row in zip(subjects.tolist(), codes, strict=True):
        found[key].append(row.tobytes())
    return dict(found)


def _loose(shards: Sequence[Shard]) -> Iterator[tuple[Shard, NDArray[np.int64]]]:
    """Give what goes into the tail: the rows that count of shards that are not full, or that are worn."""
    for shard in shards:
        if not shard.full or shard.worn:
            yield shard, np.flatnonzero(shard.alive)
