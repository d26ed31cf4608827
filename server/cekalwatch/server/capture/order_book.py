"""Which orders let a subject alert, read from the database at the moment of asking.

Nothing of it is kept in memory: only subjects above the threshold are asked about, and what is read then is never older
than the question. Names and documents are not in the server's memory while nobody looks at them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders import Checkpoints, alerts_on
from cekalwatch.server.storage.watchlist.store import WatchlistStore


class OrderBook:
    """Asks the database, and blocks; any number of threads may use it."""

    def __init__(self, store: WatchlistStore, checkpoints: Checkpoints) -> None:
        self._store = store
        self._checkpoints = checkpoints

    def in_force(self, subject_ids: Collection[str], camera: Camera, now: datetime) -> dict[str, tuple[str, ...]]:
        """Return, of subjects that have any, the orders that are ACTIVE at the camera's site and alert in its
        direction.

        Raises StorageError.
        """
        found = {}
        for file in self._store.orders_of(subject_ids):
            orders = tuple(
                one.order.order_id
                for one in self._checkpoints.judged(file, now, camera.site)
                if one.in_force and alerts_on(one.order.kind) is camera.direction
            )
            if orders:
                found[file.subject.subject_id] = orders
        return found
