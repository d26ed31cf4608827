"""Templates by the content of their photograph, for one model: nothing is computed twice. In memory only, since what
lies on a disk unsealed is biometric data of people who were promised that it would not.
"""

from __future__ import annotations

import threading

from cekalwatch.server.evaluation.samples import FaceTemplates, Failure


class TemplateCache:
    """What photographs gave with one model, by the sha256 of their bytes. Any number of threads may use it."""

    def __init__(self) -> None:
        self._known: dict[str, FaceTemplates | Failure] = {}
        self._lock = threading.Lock()

    def get(self, sha256: str) -> FaceTemplates | Failure | None:
        """Return what the photograph gave; None when it was not seen."""
        with self._lock:
            return self._known.get(sha256)

    def put(self, sha256: str, made: FaceTemplates | Failure) -> None:
        """Remember what the photograph gave."""
        with self._lock:
            self._known[sha256] = made
