"""Counts passages, and the best scores of finished ones. It names no traveller."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from cekalwatch.server.capture.passages import PassageScore
from cekalwatch.server.domain.alerts.field_sums import PassageCount
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.learning.score_counts import BINS, CountKey, Counts, ScoreCounts, bin_of, size_bucket
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.models.threshold_store import ScoreStore


class PassageCounter:
    """Counts passages by camera and hour, so that false alerts can be stated as a share of passages.

    Nothing else is kept of travellers who do not match. Counts are written once a minute: a server that crashes loses
    the last minute. Threads may share it; `write` blocks.
    """

    def __init__(self, store: FieldStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: Counter[tuple[Camera, datetime]] = Counter()

    def begun(self, first: Capture) -> None:
        """Count the passage that begins with this capture, in the hour in which it was taken."""
        hour = first.captured_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        with self._lock:
            self._counts[first.camera, hour] += 1

    def write(self) -> None:
        """Write the new counts; if this fails, they are kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            self._store.add(
                PassageCount(camera.camera_id, camera.site, camera.direction, hour, passages)
                for (camera, hour), passages in counts.items()
            )
        except StorageError:
            with self._lock:
                self._counts.update(counts)
            raise


MIN_GATHERED = 20
"""The smallest number of passages of one camera that are written together."""


@dataclass(eq=False)
class _Gathered:
    below: Counts
    reached: int = 0

    @property
    def passages(self) -> int:
        return int(self.below.sum()) + self.reached


class ScoreCounter:
    """Counts finished passages by their best score, for thresholds that learn from them.

    A passage only adds one to a bin. The passages of a camera are gathered in memory and written together, so that
    neither the change of a row nor its time reveals one passage; the few of a quiet day count on the day on which
    enough have come. A server that stops loses the gathered passages. Threads may share it; `write` blocks.
    """

    def __init__(
        self, store: ScoreStore, cameras: Mapping[str, Camera], checkpoints: Checkpoints, clock: Clock
    ) -> None:
        self._store = store
        self._cameras = cameras
        self._checkpoints = checkpoints
        self._clock = clock
        self._lock = threading.Lock()
        self._gathered: dict[tuple[str, str, int], _Gathered] = {}

    def ended(self, camera_id: str, score: PassageScore) -> None:
        """Count a finished passage; cameras that are no longer configured do not count."""
        if camera_id not in self._cameras:
            return
        key = camera_id, score.model_version, size_bucket(score.templates)
        with self._lock:
            held = self._gathered.setdefault(key, _Gathered(np.zeros(BINS)))
            if score.reached:
                held.reached += 1
            else:
                held.below[bin_of(score.best)] += 1

    def write(self) -> None:
        """Write what enough was gathered of; what cannot be written is kept for the next time."""
        with self._lock:
            ready = {key: one for key, one in self._gathered.items() if one.passages >= MIN_GATHERED}
            self._gathered = {key: one for key, one in self._gathered.items() if key not in ready}
        if not ready:
            return
        try:
            self._store.add([self._counts(key, one) for key, one in ready.items()])
        except StorageError:
            with self._lock:
                for key, one in ready.items():
                    held = self._gathered.setdefault(key, _Gathered(np.zeros(BINS)))
                    held.below += one.below
                    held.reached += one.reached
            raise

    def _counts(self, key: tuple[str, str, int], gathered: _Gathered) -> ScoreCounts:
        camera_id, model_version, templates = key
        site = self._cameras[camera_id].site
        day = self._checkpoints.day(self._clock.now(), site)
        return ScoreCounts(
            CountKey(day.isoformat(), camera_id, model_version, templates, site), gathered.below, gathered.reached
        )
