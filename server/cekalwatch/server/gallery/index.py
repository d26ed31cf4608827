"""The searchable templates: exact inner-product search with FAISS. It knows no database and no order.

A `Gallery` never changes. A change of the watchlist makes a new one, which shares all unchanged rows, and the holder
swaps the reference, so that a search sees one consistent state. Rows are in shards; removed rows stay in their shard
and are left out of the search, so that a change copies a mask of some hundred bytes instead of megabytes. All templates
and probes are of one model version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.recognition.engines.recogniser import Templates

NEIGHBOURS = 32
"""Rows fetched first for a probe: nearly always enough for five subjects with several reference faces."""
WIDENING = 8
"""Factor for fetching more rows when they all belong to a few subjects."""


SHARD_ROWS = 8192
"""Number of rows that stay in the processor's caches while a batch of probes is searched (docs/adr/0002)."""

Keys = NDArray[np.bytes_]
"""Subject keys in UTF-8, one per row. A million Python strings would take 70 MB; these take only their letters."""

Codes = NDArray[np.uint8]
"""Rows in the index's format, shape (n, bytes per row)."""


class Neighbour(NamedTuple):
    """A subject near a probe."""

    subject_id: str
    score: float
    """The cosine of their nearest template and the probe, -1 to 1."""


class GalleryError(ValueError):
    """Templates that cannot be searched together."""


def keys_of(subject_ids: Iterable[str]) -> Keys:
    """Return keys in the format of rows."""
    return np.array([subject_id.encode() for subject_id in subject_ids], dtype=np.bytes_)


def new_index(size: int, storage: GalleryStorage) -> faiss.IndexFlatCodes:
    """Return an empty exact index over inner products of `size` numbers."""
    if storage is GalleryStorage.FLOAT32:
        return faiss.IndexFlatIP(size)
    return faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


@dataclass(frozen=True, eq=False)
class Shard:
    """Up to `SHARD_ROWS` rows in an index that never changes, and which of them are in use; threads may share it."""

    index: faiss.IndexFlatCodes
    subjects: Keys
    """The subject of each row, also of removed rows."""
    alive: NDArray[np.bool_]
    """Which rows are in use."""

    @classmethod
    def of(cls, index: faiss.IndexFlatCodes, subjects: Keys) -> Shard:
        """Make a shard with all rows in use."""
        return cls(index, subjects, np.ones(len(subjects), dtype=np.bool_))

    @classmethod
    def of_codes(cls, size: int, storage: GalleryStorage, codes: Codes, subjects: Keys) -> Shard:
        """Make a shard of rows in the index's format."""
        index = new_index(size, storage)
        index.add_sa_codes(np.ascontiguousarray(codes))
        return cls.of(index, subjects)

    def __len__(self) -> int:
        """Return the number of rows in use."""
        return self._rows_in_use

    @cached_property
    def _rows_in_use(self) -> int:
        return int(np.count_nonzero(self.alive))

    @property
    def full(self) -> bool:
        """Whether it can take no more rows."""
        return len(self.subjects) >= SHARD_ROWS

    @property
    def worn(self) -> bool:
        """Whether fewer than half of its rows are in use, so that it should be rewritten."""
        return 2 * len(self) < len(self.subjects)

    def rows_of(self, subjects: Keys) -> NDArray[np.int64]:
        """Return the rows in use that belong to one of `subjects`."""
        return np.flatnonzero(np.isin(self.subjects, subjects) & self.alive)

    def codes(self, rows: NDArray[np.int64]) -> Codes:
        """Return these rows in the index's format."""
        return np.asarray(faiss.vector_to_array(self.index.codes).reshape(len(self.subjects), -1)[rows])

    def without(self, rows: NDArray[np.int64]) -> Shard:
        """Return the shard without these rows."""
        alive = self.alive.copy()
        alive[rows] = False
        return replace(self, alive=alive)

    def search(self, probes: Templates, most: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return scores and rows of at most `most` neighbours of each probe, best first; row -1 if there is none."""
        most = min(most, len(self))
        if len(self) == len(self.subjects):
            scores, rows = self.index.search(probes, most)
        else:
            mask = np.packbits(self.alive, bitorder="little")
            # FAISS's stubs know neither the wrapper that takes an array nor the field.
            wanted = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(mask))  # type: ignore[arg-type,call-arg]
            scores, rows = self.index.search(probes, most, params=wanted)
        return np.asarray(scores), np.asarray(rows)


def packed(size: int, storage: GalleryStorage, parts: Sequence[tuple[Codes, Keys]]) -> list[Shard]:
    """Return shards, all but the last one full, of these rows."""
    if not any(len(keys) for _, keys in parts):
        return []
    codes = np.concatenate([one for one, _ in parts])
    subjects = np.concatenate([keys for _, keys in parts])
    return [
        Shard.of_codes(size, storage, codes[start : start + SHARD_ROWS], subjects[start : start + SHARD_ROWS])
        for start in range(0, len(subjects), SHARD_ROWS)
    ]


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

    def keys(self) -> Keys:
        """Return the keys of all subjects that have a row."""
        parts = [shard.subjects[shard.alive] for shard in self._shards]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.bytes_)

    def rows(self, subjects: Keys) -> Iterator[tuple[Keys, Templates]]:
        """Yield the searched templates of `subjects`, shape (n, size), with the subject of each row."""
        for shard in self._shards:
            rows = shard.rows_of(subjects)
            if len(rows):
                codes = np.ascontiguousarray(shard.codes(rows))
                yield shard.subjects[rows], np.asarray(shard.index.sa_decode(codes))

    def changed(self, subject_ids: Sequence[str], templates: Templates, owners: Sequence[str]) -> Gallery:
        """Return the gallery after `subject_ids` changed: `templates` are all their present ones, row i of `owners[i]`.

        Subjects with unchanged rows keep their place. Raises GalleryError.
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
        unpacked = [(shard.codes(rows), shard.subjects[rows]) for shard, rows in _unpacked(shards)]
        tail = packed(self.size, self.storage, [*unpacked, (codes[new], keys_of(owners)[new])])
        subjects = self.subjects - len(held) + len(fresh)
        return Gallery(self.model_version, self.size, self.storage, subjects, (*whole, *tail))

    def search(self, model_version: str, probes: Templates, most: int) -> list[tuple[Neighbour, ...]]:
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
            depth, nearest = NEIGHBOURS, candidates
            # A few subjects with many reference faces must not hide the next one, who may have the order.
            while len(nearest) < most and depth < rows:
                depth *= WIDENING
                (nearest,) = self._nearest(probes[number : number + 1], depth, most)
            found[number] = nearest
        return found

    def _nearest(self, probes: Templates, depth: int, most: int) -> list[tuple[Neighbour, ...]]:
        if not self._shards:
            return [() for _ in probes]
        # OpenMP keeps this setting per thread, so the searching thread sets it; the thread budget relies on it.
        faiss.omp_set_num_threads(1)
        parts = [shard.search(probes, depth) for shard in self._shards]
        scores = np.concatenate([one for one, _ in parts], axis=1)
        rows = np.concatenate([one for _, one in parts], axis=1)
        shards = np.repeat(np.arange(len(parts)), [one.shape[1] for one, _ in parts])
        scores = np.where(rows < 0, -np.inf, scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        return [
            self._candidates(line[chosen], shards[chosen], own[chosen], most)
            for line, own, chosen in zip(scores, rows, order, strict=True)
        ]

    def _candidates(
        self, scores: NDArray[np.float32], shards: NDArray[np.int64], rows: NDArray[np.int64], most: int
    ) -> tuple[Neighbour, ...]:
        best: dict[bytes, float] = {}
        for score, shard, row in zip(scores.tolist(), shards.tolist(), rows.tolist(), strict=True):
            if row < 0:
                break
            best.setdefault(self._shards[shard].subjects[row], score)
            if len(best) == most:
                break
        return tuple(Neighbour(subject.decode(), score) for subject, score in best.items())


class GalleryBuilder:
    """Builds a gallery piece by piece, and never holds all rows twice."""

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
        """Return the gallery of all added rows."""
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


def _unpacked(shards: Sequence[Shard]) -> Iterator[tuple[Shard, NDArray[np.int64]]]:
    """Yield the rows in use of shards that are not full or are worn: they go into the tail."""
    for shard in shards:
        if not shard.full or shard.worn:
            yield shard, np.flatnonzero(shard.alive)
