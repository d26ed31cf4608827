"""Brings events of the durable log to subscribers, in order and without loss.

The newest events are kept in memory with their briefings, so that many agents cost one reading of the database. A
subscriber pulls at its own pace; one that falls behind what is in memory catches up from the log. Nobody has a queue of
their own, so a slow agent costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import structlog

from cekalwatch.server.alerting.briefing import Briefer, Briefing
from cekalwatch.server.domain.alerts import AlertEvent, AlertFilter
from cekalwatch.server.domain.cameras import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.storage.alert_store import AlertStore
from cekalwatch.server.storage.watchlist_rows import DAMAGED

PAGE = 100

log = structlog.get_logger()


@dataclass(frozen=True)
class BriefedEvent:
    """An event with what an officer needs to know of its alert."""

    event: AlertEvent
    briefing: Briefing

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The alert's first camera, and the one of the sighting that caused the event."""
        alert = self.briefing.alert
        caused = (sighting.camera for sighting in alert.sightings if sighting.capture_id == self.event.capture_id)
        return (alert.camera, *caused)


class Fanout:
    """The one place that subscribers read from; it belongs to the event loop's thread."""

    def __init__(self, store: AlertStore, briefer: Briefer, keep: int = 1000) -> None:
        self._store = store
        self._briefer = briefer
        self._tail: deque[BriefedEvent] = deque(maxlen=keep)
        self._grown = asyncio.Event()
        _, self._head = store.log_bounds()
        self._tail_begins_after = self._head

    @property
    def head(self) -> int:
        """The newest sequence of the log."""
        return self._head

    def publish(self, event: AlertEvent, briefing: Briefing | None) -> None:
        """Take a committed event, in the order of the log, and wake the subscribers; without briefing they read it."""
        if briefing is None:
            self._tail.clear()
            self._tail_begins_after = event.sequence
        else:
            if len(self._tail) == self._tail.maxlen:
                self._tail_begins_after = self._tail[0].event.sequence
            self._tail.append(BriefedEvent(event, briefing))
        self._head = event.sequence
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

    async def follow(
        self, after: int, wanted: AlertFilter, quiet_s: float
    ) -> AsyncGenerator[BriefedEvent | None, None]:
        """Yield the events after `after` that pass `wanted`, for ever; None when nothing came for `quiet_s` seconds."""
        position = after
        while True:
            grown, head = self._grown, self._head
            found, reached = await self._after(position)
            # Where nothing is left up to the head of before, it may have been pruned.
            position = reached if reached > position else max(position, head)
            for briefed in found:
                if any(map(wanted.wants, briefed.cameras)):
                    yield briefed
            if position < self._head:
                continue
            try:
                async with asyncio.timeout(quiet_s):
                    await grown.wait()
            except TimeoutError:
                yield None

    async def _after(self, position: int) -> tuple[list[BriefedEvent], int]:
        """Return the next events after `position`, and the sequence up to which the log was read."""
        if position >= self._tail_begins_after:
            found = [briefed for briefed in self._tail if briefed.event.sequence > position]
            return found, found[-1].event.sequence if found else position
        return await asyncio.to_thread(self._read, position)

    def _read(self, position: int) -> tuple[list[BriefedEvent], int]:
        events = self._store.events_after(position, PAGE)
        briefed = []
        for event in events:
            try:
                briefed.append(BriefedEvent(event, self._briefer.brief(event.alert_id)))
            except DAMAGED as error:
                # One damaged row must not keep all later alerts from the officers. Its text would be in a traceback.
                log.error(  # noqa: TRY400
                    "damaged alert left out",
                    sequence=event.sequence,
                    alert_id=str(event.alert_id),
                    error=type(error).__name__,
                )
        return briefed, events[-1].sequence if events else position
