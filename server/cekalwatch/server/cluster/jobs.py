"""Regular jobs of the server, for itself or for all servers of its database, and its work when it stops."""

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
"""Interval of renewing or checking the lease."""


class LeaderLease:
    """Whether this server is the leader, which does the common work of all servers that share the database.

    The leader renews a lease. When it dies, pauses or loses the database, another server takes the lease after
    `LASTS_S`; when it stops properly, at once. Its writes are rejected if another server has taken the lease, so a
    server that returns from a long pause writes nothing. `monotonic` returns seconds. Any thread may ask for it.
    """

    def __init__(self, store: LeaseStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._until_s = 0.0
        # A thread of its own: renewing must not wait for jobs.
        self._thread = ThreadPoolExecutor(1, "leader-lease")

    @property
    def lease(self) -> Lease | None:
        """The lease while this server has it; None while another server is the leader."""
        return self._lease if self._monotonic() < self._until_s else None

    def look(self) -> None:
        """Take the lease if it is free, or renew it; it blocks. Raises StorageError; then the lease expires."""
        asked_at_s, before = self._monotonic(), self._lease
        found = self._store.take()
        self._lease, self._until_s = found, asked_at_s + self._store.lasts_s
        if found and found != before:
            log.info("leader_lease_taken", term=found.term)
        elif before and not found:
            log.warning("leader_lease_lost", term=before.term)

    async def keep(self) -> None:
        """Take or renew the lease, in one round of a loop."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.look)

    def close(self) -> None:
        """End the thread, and release the lease; it blocks. Raises StorageError."""
        self._thread.shutdown()
        lease, self._lease = self._lease, None
        if lease:
            self._store.give_back(lease)


log = structlog.get_logger()


@dataclass(frozen=True)
class PeriodicJob:
    """Blocking work that each server does again and again."""

    name: str
    """Its name in the log and the status."""
    period_s: float
    """Pause after each round."""
    work: Callable[[], object]

    def kept(self, leader: LeaderLease) -> Coroutine[Any, Any, None]:
        """Return the endless loop that does the job on worker threads. `leader` is this server's lease."""

        async def do() -> None:
            await asyncio.to_thread(self.once, leader)

        return LOOPS.keep(self.name, do, self.period_s)

    def once(self, leader: LeaderLease) -> None:  # noqa: ARG002  # see LeaderJob
        """Do the job once, on the calling thread."""
        self.work()


class LeaderJob(PeriodicJob):
    """Blocking work on the database that the leader does for all servers, while it has the lease."""

    def once(self, leader: LeaderLease) -> None:
        """Do the job if this server is the leader; its writes are rejected if another server has taken the lease."""
        if (lease := leader.lease) is None:
            return
        try:
            with fenced(lease):
                self.work()
        except LeaseLostError:
            log.warning("leader_job_left", job=self.name, term=lease.term)


def at_stop(what: str, work: Callable[[], object]) -> None:
    """Do blocking `work` when the server stops. If a database or token is unavailable, log that `what` is lost."""
    try:
        work()
    except (StorageError, ProgramError) as error:
        log.warning("lost_at_stop", what=what, error=str(error))
