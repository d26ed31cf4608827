"""What the server does regularly beside serving, alone or for all servers of its database, and when it stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.storage.cluster.lease_store import Lease, LeaseStore
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError, fenced

PERIOD_S = 1.0
"""How often the lease is renewed, or looked at."""


class LeaderLease:
    """Whether this server is the leader: it does the work that one server does for all that share the database.

    It holds a lease while it renews it. When it dies, is stopped or loses the database, another takes the lease after
    `LASTS_S`; when it ends in order, at once. Its writes go behind the lease's fence, so that a server that comes back
    from a long pause writes nothing more. `monotonic` gives seconds. Any thread may ask for it.
    """

    def __init__(self, store: LeaseStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._until_s = 0.0
        # A thread of its own: renewing must not wait behind chores.
        self._thread = ThreadPoolExecutor(1, "leader-lease")

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


log = structlog.get_logger()


@dataclass(frozen=True)
class PeriodicJob:
    """Blocking work that each server does again and again."""

    name: str
    """As the log and the status call it."""
    period_s: float
    """Pause after each round."""
    work: Callable[[], object]

    def kept(self, leader: LeaderLease) -> Coroutine[Any, Any, None]:
        """Return the loop that does it on worker threads, for ever. `leader` is this server's."""

        async def do() -> None:
            await asyncio.to_thread(self.once, leader)

        return LOOPS.keep(self.name, do, self.period_s)

    def once(self, leader: LeaderLease) -> None:  # noqa: ARG002  # see LeaderJob
        """Do it, on the calling thread."""
        self.work()


class LeaderJob(PeriodicJob):
    """Blocking work on the database that one server does for all that share it, while it holds the lease."""

    def once(self, leader: LeaderLease) -> None:
        """Do it if this server has to; what it writes goes behind the lease."""
        if (lease := leader.lease) is None:
            return
        try:
            with fenced(lease):
                self.work()
        except LeaseLostError:
            log.warning("leader_job_left", job=self.name, term=lease.term)


def at_stop(what: str, work: Callable[[], object]) -> None:
    """Do blocking `work` when the server stops. If a database or token is away, log `what` is lost, and go on."""
    try:
        work()
    except (StorageError, ProgramError) as error:
        log.warning("lost_at_stop", what=what, error=str(error))
