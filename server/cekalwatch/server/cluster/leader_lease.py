"""Whether this server does the chores: the work on the database that one server does for all that share it.

It holds a lease while it renews it. When it dies, is stopped or loses the database, another takes the lease after
`LASTS_S`; when it ends in order, at once. What it writes goes behind the lease's fence, so that a server that comes
back from a long pause writes nothing more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from cekalwatch.server.storage.cluster.lease_store import Lease, LeaseStore

PERIOD_S = 1.0
"""How often the lease is renewed, or looked at."""

log = structlog.get_logger()


class LeaderLease:
    """Holds the lease; `monotonic` gives seconds. Any thread may ask for it."""

    def __init__(self, store: LeaseStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._until_s = 0.0
        # A thread of its own: renewing must not wait behind chores.
        self._thread = ThreadPoolExecutor(1, "chore-lease")

    @property
    def lease(self) -> Lease | None:
        """The lease while this server has it; None while the chores are another's."""
        return self._lease if self._monotonic() < self._until_s else None

    def look(self) -> None:
        """Take the lease if it is free, or renew it; it blocks. Raises StorageError: it runs out then."""
        asked_at_s, before = self._monotonic(), self._lease
        found = self._store.take()
        self._lease, self._until_s = found, asked_at_s + self._store.lasts_s
        if found and found != before:
            log.info("leader_lease_taken", term=found.term)
        elif before and not found:
            log.warning("leader_lease_lost", term=before.term)

    async def keep(self) -> None:
        """Look, in one round of a loop."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.look)

    def close(self) -> None:
        """End the thread, and give the lease back; it blocks. Raises StorageError."""
        self._thread.shutdown()
        lease, self._lease = self._lease, None
        if lease:
            self._store.give_back(lease)
