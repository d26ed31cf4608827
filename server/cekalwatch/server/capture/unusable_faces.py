"""Counts travellers without a usable face (domain rule 17). It names no traveller, and has no picture."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from cekalwatch.contract.values.unusable_faces import UnusableReason
from cekalwatch.server.domain.alerts.field_sums import UnusableCount
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.errors import StorageError


class UnusableCounter:
    """Counts by camera, hour and reason, and writes the counts together. Threads may share it; `write` blocks."""

    def __init__(self, store: FieldStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: list[UnusableCount] = []

    def passed(self, camera: Camera, reason: UnusableReason, last_seen_at: datetime, *, sent: bool) -> None:
        """Count a traveller in the hour in which the camera saw them last; `sent`: whether a crop was sent."""
        hour = last_seen_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        place = (camera.camera_id, camera.site, camera.direction)
        count = UnusableCount(*place, hour, 1, reason, int(not sent), last_seen_at)
        with self._lock:
            self._counts.append(count)

    def write(self) -> None:
        """Write the new counts; if this fails, they are kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, []
        if not counts:
            return
        try:
            self._store.add_unusable(counts)
        except StorageError:
            with self._lock:
                self._counts = counts + self._counts
            raise
