"""Brings events of the durable log to subscribers, in order and without loss.

The log in the database is the one source, whoever wrote to it: one task follows it, and keeps the newest events in
memory with their briefings, so that many agents cost one reading. A subscriber pulls at its own pace; one that falls
behind what is in memory catches up from the log. Nobody has a queue of their own, so a slow agent costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

import structlog

from cekalwatch.server.alerts.details import AlertDetails, AlertDetailsReader
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.alerts import AlertEvent, AlertFilter
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.watchlist.rows import DAMAGED

PAGE = 100
WAITING_PAGE = 10

AWAY = timedelta(minutes=1)
"""An agent whose first missed event is so old was away: it gets first what waits still."""

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class DetailedEvent:
    """An event with what an officer needs to know of its alert, as it stood when the event was read."""

    event: AlertEvent
    briefing: AlertDetails


class Fanout:
    """The one place that subscribers read from; it belongs to the event loop's thread."""

    def __init__(self, store: AlertStore, briefer: AlertDetailsReader, keep: int = 1000) -> None:
        self._store = store
        self._briefer = briefer
        self._tail: deque[DetailedEvent] = deque(maxlen=keep)
        self._grown = asyncio.Event()
        self._woken = asyncio.Event()
        # A thread of its own: what all wait for must not stand in line behind each one's questions.
        self._reading = ThreadPoolExecutor(1, "fanout")
        _, self._head = store.log_bounds()
        self._tail_begins_after = self._head

    def close(self) -> None:
        """End the thread."""
        self._reading.shutdown()

    @property
    def head(self) -> int:
        """The newest sequence of the log that was read."""
        return self._head

    def wake(self) -> None:
        """Say that the log has grown; the event loop's thread calls it."""
        self._woken.set()

    async def keep_up(self, period_s: float) -> NoReturn:
        """Follow the log for ever: when it is said to have grown, and each period, since other servers write too."""
        while True:
            try:
                async with asyncio.timeout(period_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.catch_up()
            except Exception as error:  # noqa: BLE001  # whatever it is, following must go on, or no alert reaches anybody
                # Its text may quote a row, so only its kind is logged.
                log.error("event_log_unreadable", error=type(error).__name__)  # noqa: TRY400
                await asyncio.sleep(period_s)

    async def catch_up(self) -> None:
        """Read what the log has beyond the head, and wake the subscribers."""
        while True:
            found, reached = await asyncio.get_running_loop().run_in_executor(self._reading, self._read, self._head)
            if reached == self._head:
                return
            for briefed in found:
                if len(self._tail) == self._tail.maxlen:
                    self._tail_begins_after = self._tail[0].event.sequence
                self._tail.append(briefed)
            self._head = reached
            self._grown.set()
            self._grown = asyncio.Event()

    async def start_after(self, sequence: int) -> int:
        """Return `sequence` if the log can be followed from there; raises POSITION_TOO_OLD or POSITION_UNKNOWN."""
        pruned, head = await asyncio.to_thread(self._store.log_bounds)
        if sequence < pruned:
            raise CekalwatchError(Code.POSITION_TOO_OLD)
        if sequence > head:
            raise CekalwatchError(Code.POSITION_UNKNOWN)
        return sequence

    async def oldest_position(self) -> int:
        """Return the position from which every event that is still held follows."""
        pruned, _ = await asyncio.to_thread(self._store.log_bounds)
        return pruned

    async def acknowledged_position(self, agent_id: str) -> int:
        """Return where the agent resumes; the oldest position for one that never acknowledged."""
        positions = await asyncio.to_thread(self._store.positions)
        if agent_id not in positions:
            return await self.oldest_position()
        return await self.start_after(positions[agent_id])

    async def waiting(self, after: int, wanted: AlertFilter, clock: Clock) -> AsyncGenerator[AlertDetails, None]:
        """Yield what waits for somebody among the events after `after`, newest alert first, if the agent was away."""
        first = await asyncio.to_thread(self._store.first_event_at, after)
        if first is None or clock.now() - first < AWAY:
            return
        alert_ids = await asyncio.to_thread(self._store.waiting, after, self._head)
        for start in range(0, len(alert_ids), WAITING_PAGE):
            page = await asyncio.to_thread(self._brief_all, alert_ids[start : start + WAITING_PAGE])
            for briefing in page.values():
                if wanted.wants_alert(briefing.alert):
                    yield briefing

    async def follow(
        self, after: int, wanted: AlertFilter, quiet_s: float
    ) -> AsyncGenerator[DetailedEvent | None, None]:
        """Yield the events after `after` that pass `wanted`, for ever; None when nothing came for `quiet_s` seconds."""
        position = after
        while True:
            grown, head = self._grown, self._head
            found, reached = await self._after(position)
            # Where nothing is left up to the head of before, it may have been pruned.
            position = reached if reached > position else max(position, head)
            for briefed in found:
                if wanted.wants_alert(briefed.briefing.alert):
                    yield briefed
            if position < self._head:
                continue
            try:
                async with asyncio.timeout(quiet_s):
                    await grown.wait()
            except TimeoutError:
                yield None

    async def _after(self, position: int) -> tuple[list[DetailedEvent], int]:
        """Return the next events after `position`, and the sequence up to which the log was read."""
        if position >= self._tail_begins_after:
            # The newest first, so that who is close to the head does not look at all the others.
            found: list[DetailedEvent] = []
            for briefed in reversed(self._tail):
                if briefed.event.sequence <= position:
                    break
                found.append(briefed)
            return found[::-1], max(position, self._head)
        return await asyncio.to_thread(self._read, position)

    def _read(self, position: int) -> tuple[list[DetailedEvent], int]:
        events = self._store.events_after(position, PAGE)
        briefings = self._brief_all(event.alert_id for event in events)
        found = [DetailedEvent(event, briefings[event.alert_id]) for event in events if event.alert_id in briefings]
        return found, events[-1].sequence if events else position

    def _brief_all(self, alert_ids: Iterable[UUID]) -> dict[UUID, AlertDetails]:
        """Return the alerts' briefings, in the order of the ids."""
        briefings: dict[UUID, AlertDetails] = {}
        for alert_id in dict.fromkeys(alert_ids):
            try:
                briefings[alert_id] = self._briefer.brief(alert_id)
            except DAMAGED as error:
                # One damaged row must not keep all later alerts from the officers. Its text would be in a traceback.
                log.error("alert_damaged", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
        return briefings


MAX_AT_ONCE = 256


class Acknowledgements:
    """Moves agents forward in the event log; one thread writes."""

    def __init__(self, store: AlertStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writing: BatchWorker[tuple[str, int], int] = BatchWorker(
            "acknowledge", self._write, threads=1, most=MAX_AT_ONCE
        )

    async def take(self, agent_id: str, sequence: int) -> int:
        """Return where the agent stands, once that is committed; raises POSITION_UNKNOWN beyond the log."""
        return await self._writing.do((agent_id, sequence))

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        self._writing.close()

    def _write(self, positions: list[tuple[str, int]]) -> Sequence[int | CekalwatchError]:
        return self._store.acknowledge(positions, self._clock.now())
