"""What the server does regularly beside serving, and when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.storage.errors import StorageError

log = structlog.get_logger()


@dataclass(frozen=True)
class Chore:
    """Blocking work that is done again and again."""

    name: str
    """As the log and the status call it."""
    period_s: float
    """Pause after each round."""
    work: Callable[[], object]

    def kept(self) -> Coroutine[Any, Any, None]:
        """Return the loop that does it on worker threads, for ever."""
        return LOOPS.keep(self.name, self._round, self.period_s)

    async def _round(self) -> None:
        await asyncio.to_thread(self.work)


def at_stop(what: str, work: Callable[[], object]) -> None:
    """Do blocking `work` when the server stops. If a database or token is away, log `what` is lost, and go on."""
    try:
        work()
    except (StorageError, ProgramError) as error:
        log.warning("lost_at_stop", what=what, error=str(error))
