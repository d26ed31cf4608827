"""Notices for the counters at which travellers without a usable face have just passed (domain rule 17).

They come from the counts in the database, whichever server wrote these, and are held in memory only: who connects later
gets none. A counter gets one at once, and the next after a pause, with the number of all since.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusableReason
from cekalwatch.server.domain.alerts.field_sums import UnusableCount
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.field_store import FieldStore

RECENT: Final = timedelta(seconds=60)
"""A traveller who was last seen before that has left the counter: nobody there is told."""
READ_BACK: Final = timedelta(hours=2)
"""Hours that are read: a recent traveller counts in the present hour or in the one before."""
MAX_KEPT: Final = 256

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_Row = tuple[datetime, str, UnusableReason]


@dataclass
class _Counter:
    """Travellers of a counter who were not told of yet."""

    camera: Camera
    reasons: Counter[UnusableReason] = field(default_factory=Counter)
    last_seen_at: datetime = _NEVER
    told_s: float = -math.inf
    """When the last notice was made, by `Clock.elapsed_s`."""

    def note(self, row: UnusableCount, passages: int) -> None:
        self.reasons[row.reason] += passages
        self.last_seen_at = max(self.last_seen_at, row.last_seen_at)

    def take(self, now_s: float) -> UnusableNotice:
        """Return a notice of all who wait, at least one."""
        reason, passages = self.reasons.most_common(1)[0][0], self.reasons.total()
        self.reasons.clear()
        self.told_s = now_s
        return UnusableNotice(self.camera.site, self.camera.counter, passages, reason, self.last_seen_at)


class UnusableNotices:
    """The newest notices, each with its number. One thread calls `follow`; any thread may read."""

    def __init__(self, store: FieldStore, cameras: Iterable[Camera], clock: Clock, pause_s: float) -> None:
        """`pause_s`: shortest time between two notices of a counter."""
        self._store = store
        self._clock = clock
        self._pause_s = pause_s
        self._known: dict[_Row, int] | None = None
        """The counts at the last reading; None before the first, which only learns them."""
        counters: dict[tuple[str, str, Direction], _Counter] = {}
        self._counter_of = {
            one.camera_id: counters.setdefault((one.site, one.counter, one.direction), _Counter(one)) for one in cameras
        }
        self._counters = tuple(counters.values())
        self._kept: tuple[tuple[int, Camera, UnusableNotice], ...] = ()

    @property
    def newest(self) -> int:
        """The number of the newest notice; 0 without any."""
        return self._kept[-1][0] if self._kept else 0

    def after(self, number: int) -> tuple[list[tuple[Camera, UnusableNotice]], int]:
        """Return the notices after that number, each with a camera of its counter, and the number of the newest."""
        kept = self._kept
        return [(camera, notice) for at, camera, notice in kept if at > number], kept[-1][0] if kept else number

    def follow(self) -> None:
        """Read the counts, and make the notices that are due; it blocks. Raises StorageError."""
        now, now_s = self._clock.now(), self._clock.elapsed_s()
        rows = self._store.unusable(now - READ_BACK, now + READ_BACK, None)
        known, self._known = self._known, {(row.hour, row.camera_id, row.reason): row.passages for row in rows}
        if known is None:
            return
        for row in rows:
            grown = row.passages - known.get((row.hour, row.camera_id, row.reason), 0)
            counter = self._counter_of.get(row.camera_id)
            if counter and grown > 0 and now - row.last_seen_at <= RECENT:
                counter.note(row, grown)
        due = [one for one in self._counters if one.reasons and now_s - one.told_s >= self._pause_s]
        if due:
            made = [(self.newest + number, one.camera, one.take(now_s)) for number, one in enumerate(due, 1)]
            self._kept = (*self._kept, *made)[-MAX_KEPT:]
