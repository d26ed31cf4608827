"""A piece of a gallery: up to `SHARD_ROWS` rows in a FAISS index that never changes, and which of them count.

Rows that were removed stay in the index and are left out of the search, so that a change copies a mask of some hundred
bytes instead of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import faiss
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.recognition.engines.recogniser import Templates

SHARD_ROWS = 8192
"""Rows that stay in the processor's caches while a batch of probes goes over them (docs/adr/0002)."""

Keys = NDArray[np.bytes_]
"""Subject keys in UTF-8, one a row. A million Python strings would take 70 MB, these take as much as their letters."""

Codes = NDArray[np.uint8]
"""Rows as the index keeps them, shape (n, bytes a row)."""


def keys_of(subject_ids: Iterable[str]) -> Keys:
    """Return keys as rows have them."""
    return np.array([subject_id.encode() for subject_id in subject_ids], dtype=np.bytes_)


def new_index(size: int, storage: GalleryStorage) -> faiss.IndexFlatCodes:
    """Return an empty exact index over inner products of `size` numbers."""
    if storage is GalleryStorage.FLOAT32:
        return faiss.IndexFlatIP(size)
    return faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


@dataclass(frozen=True, eq=False)
class Shard:
    """Any number of threads may search it."""

    index: faiss.IndexFlatCodes
    subjects: Keys
    """The subject of each row, also of those that were removed."""
    alive: NDArray[np.bool_]
    """Which rows count."""

    @classmethod
    def of(cls, index: faiss.IndexFlatCodes, subjects: Keys) -> Shard:
        """Make a shard of which all rows count."""
        return cls(index, subjects, np.ones(len(subjects), dtype=np.bool_))

    @classmethod
    def of_codes(cls, size: int, storage: GalleryStorage, codes: Codes, subjects: Keys) -> Shard:
        """Make a shard of rows as an index keeps them."""
        index = new_index(size, storage)
        index.add_sa_codes(np.ascontiguousarray(codes))
        return cls.of(index, subjects)

    def __len__(self) -> int:
        """Count the rows that count."""
        return int(np.count_nonzero(self.alive))

    @property
    def full(self) -> bool:
        """Whether it takes no more rows."""
        return len(self.subjects) >= SHARD_ROWS

    @property
    def worn(self) -> bool:
        """Whether fewer than half of its rows count, so that it had better be written anew."""
        return 2 * len(self) < len(self.subjects)

    def rows_of(self, subjects: Keys) -> NDArray[np.int64]:
        """Return the rows that count and belong to one of `subjects`."""
        return np.flatnonzero(np.isin(self.subjects, subjects) & self.alive)

    def codes(self, rows: NDArray[np.int64]) -> Codes:
        """Return these rows as the index keeps them."""
        return np.asarray(faiss.vector_to_array(self.index.codes).reshape(len(self.subjects), -1)[rows])

    def without(self, rows: NDArray[np.int64]) -> Shard:
        """Return the shard without these rows."""
        alive = self.alive.copy()
        alive[rows] = False
        return replace(self, alive=alive)

    def search(self, probes: Templates, most: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return scores and rows of at most `most` neighbours of each probe, best first; row -1 where there is none."""
        # OpenMP keeps this figure by thread, so it is set on the one that searches: the thread budget counts on it.
        faiss.omp_set_num_threads(1)
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
