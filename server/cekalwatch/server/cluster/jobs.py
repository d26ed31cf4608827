"""What the server does regularly beside serving, alone or for all servers of its database, and when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.cluster.leader_lease import LeaderLease
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError, fenced

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
