"""What the server does regularly beside serving, and when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.storage.errors import StorageError

Chore = tuple[float, Callable[[], object]]
"""Blocking work, and after how many seconds it is done again."""

log = structlog.get_logger()


async def every(period_s: float, work: Callable[[], object]) -> None:
    """Do blocking `work` on a worker thread each period, for ever: a round that fails is logged, and tried again."""
    while True:
        await asyncio.sleep(period_s)
        try:
            await asyncio.to_thread(work)
        except (StorageError, CekalwatchError) as error:
            log.warning("housekeeping_failed", work=work.__qualname__, error=str(error))
        except Exception:  # a defect here must not end the following of the watchlist without a word
            log.exception("housekeeping_failed", work=work.__qualname__)


def at_stop(what: str, work: Callable[[], object]) -> None:
    """Do blocking `work` when the server stops. If a database or token is away, log `what` is lost, and go on."""
    try:
        work()
    except (StorageError, ProgramError) as error:
        log.warning("lost_at_stop", what=what, error=str(error))
