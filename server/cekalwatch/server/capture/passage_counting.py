"""Counts passages by camera and hour, so that false alerts can be given as a share of passages.

Nothing else is kept of travellers who do not match. Counts are written once a minute: a server that crashes loses the
last minute.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC

from cekalwatch.server.domain.alerts.false_alerts import PassageCount
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.errors import StorageError


class PassageCounter:
    """Threads may share it; `write` blocks."""

    def __init__(self, store: FieldStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: Counter[PassageCount] = Counter()

    def begun(self, first: Capture) -> None:
        """Count the passage that begins with this capture, in the hour in which it was taken."""
        hour = first.captured_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        camera = first.camera
        with self._lock:
            self._counts[PassageCount(camera.camera_id, camera.site, camera.direction, hour, 1)] += 1

    def write(self) -> None:
        """Write the new counts; those that cannot be written are kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            self._store.add(replace(one, passages=number) for one, number in counts.items())
        except StorageError:
            with self._lock:
                self._counts.update(counts)
            raise
