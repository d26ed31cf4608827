"""Templates that were enrolled a moment ago, while the gallery that is searched does not have them yet.

Like `Gallery`, it knows no database and no order; unlike it, it grows, by 1 kB a template of 512 numbers.
"""

from __future__ import annotations

import threading

import faiss
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.alerts import Candidate
from cekalwatch.server.domain.subjects import MAX_REFERENCES
from cekalwatch.server.gallery.index import NEIGHBOURS

DEEP = MAX_REFERENCES + NEIGHBOURS
"""Rows that a search looks at: all that a subject can have of its own must not hide those of others."""


class Additions:
    """Grows, and is searched; any number of threads may call."""

    def __init__(self, size: int) -> None:
        self._index = faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._subject_ids: list[str] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._subject_ids)

    def add(self, subject_id: str, template: NDArray[np.float32]) -> None:
        """Take in a template, shape (size,)."""
        with self._lock:
            self._index.add(np.ascontiguousarray(template[np.newaxis], dtype=np.float32))
            self._subject_ids.append(subject_id)

    def search(self, probe: NDArray[np.float32]) -> list[Candidate]:
        """Return the nearest templates' subjects, best first; a subject comes once for each of its templates."""
        with self._lock:
            if not self._subject_ids:
                return []
            faiss.omp_set_num_threads(1)
            most = min(DEEP, len(self._subject_ids))
            scores, rows = self._index.search(np.ascontiguousarray(probe[np.newaxis], dtype=np.float32), most)
            return [
                Candidate(self._subject_ids[row], score)
                for score, row in zip(scores[0].tolist(), rows[0].tolist(), strict=True)
            ]
