"""The loops of a program, which run as long as the program: none of them ends silently.

A loop is a repeated round. A round that fails for any reason is logged and counted, and the loop continues after a
growing pause. Monitoring asks `LOOPS` for their state.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.program.errors import may_be_logged
from cekalwatch.wire.backoff import Backoff

FIRST_PAUSE_S = 0.5
MIN_PAUSE_S = 0.05
MOST_PAUSE_S = 2.0
"""After failures in a row, for a loop that is quick otherwise: what it follows must not wait when it is well again."""
MOST_LONG_PAUSE_S = 300.0
"""For one whose period is longer than that anyway."""
PLACES = 3
"""Of a traceback that are logged: the innermost."""

log = structlog.get_logger()


class _Loop:
    """One loop; its own thread or task writes, any thread reads."""

    def __init__(self, name: str, period_s: float, monotonic: Callable[[], float]) -> None:
        self.name = name
        self._monotonic = monotonic
        self._backoff = Backoff(FIRST_PAUSE_S, min(max(period_s, MOST_PAUSE_S), MOST_LONG_PAUSE_S))
        self._failures = 0
        self._failing_since_s: float | None = None
        self._error = ""

    @property
    def state(self) -> LoopStatus:
        since_s = self._failing_since_s
        failing_s = None if since_s is None else self._monotonic() - since_s
        return LoopStatus(self.name, self._failures, failing_s, self._error)

    def well(self) -> None:
        """Note that a round was done."""
        if self._failing_since_s is not None:
            self._failing_since_s = None
            self._backoff.reset()
            log.info("loop_well", loop=self.name)

    def failed(self, error: BaseException) -> float:
        """Note that a round failed, and return the seconds until the next one."""
        self._failures += 1
        self._error = type(error).__name__
        if self._failing_since_s is None:
            self._failing_since_s = self._monotonic()
        pause_s = max(MIN_PAUSE_S, self._backoff.next_delay_s())
        told = {"loop": self.name, "failures": self._failures, "retry_in_s": round(pause_s, 1)}
        if may_be_logged(error):
            log.warning("loop_failed", error=str(error), **told)
        else:  # its text may quote the data on which it failed, so only its kind and place are logged
            log.error("loop_failed", error=self._error, place=place_of(error), **told)
        return pause_s


class Loops:
    """Runs loops, and knows their state. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._running: list[_Loop] = []
        self._lock = threading.Lock()

    @property
    def states(self) -> tuple[LoopStatus, ...]:
        """How each loop does that runs now, by name."""
        with self._lock:
            return tuple(sorted((one.state for one in self._running), key=lambda state: state.name))

    async def keep(
        self, name: str, work: Callable[[], Awaitable[object]], period_s: float = 0.0, *, first_s: float | None = None
    ) -> None:
        """Await `work` again and again until it returns False, or the task is cancelled.

        There is a pause of `period_s` seconds after each round, and of `first_s`, if given, before the first one.
        """
        loop = self._begin(name, period_s)
        pause_s = period_s if first_s is None else first_s
        try:
            while True:
                await asyncio.sleep(pause_s)
                try:
                    if await work() is False:
                        return
                except asyncio.CancelledError as error:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    pause_s = loop.failed(error)  # something that it waited for was cancelled, and not the loop
                except Exception as error:  # noqa: BLE001  # no failure may end a loop
                    pause_s = loop.failed(error)
                else:
                    loop.well()
                    pause_s = period_s
        finally:
            self._end(loop)

    def keep_here(self, name: str, work: Callable[[], bool], wait: Callable[[float], object] = time.sleep) -> None:
        """Do blocking `work` on this thread until it returns False; `wait` pauses after a round that failed."""
        loop = self._begin(name, 0.0)
        try:
            while True:
                try:
                    if not work():
                        return
                except Exception as error:  # noqa: BLE001  # no failure may end a loop
                    wait(loop.failed(error))
                else:
                    loop.well()
        finally:
            self._end(loop)

    def _begin(self, name: str, period_s: float) -> _Loop:
        loop = _Loop(name, period_s, self._monotonic)
        with self._lock:
            self._running.append(loop)
        return loop

    def _end(self, loop: _Loop) -> None:
        with self._lock:
            self._running.remove(loop)


LOOPS = Loops()
"""Those of this process."""


def place_of(error: BaseException) -> str:
    """Return the newest lines of code at which an error came; its text, which may be about people, is left out."""
    frames = traceback.extract_tb(error.__traceback__)[-PLACES:]
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
