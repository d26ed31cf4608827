"""Sends events of the durable log to subscribers, in order and without loss, and takes their acknowledgements.

The log in the database is the only source, whichever server wrote to it. One task follows it and keeps the newest
events in memory with the details of their alerts, so that many agents cost one read. A subscriber reads at its own
pace; one that falls behind the events in memory catches up from the log. No agent has a queue of its own, so a slow one
costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

import structlog

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.server.alerts.details import AlertDetails, AlertDetailsReader
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.foundation.probes import NO_METRICS, Metrics
from cekalwatch.server.storage.alerts.store import MAX_WAITING, AlertStore, position_key
from cekalwatch.server.storage.cluster.change_notifier import woken_within
from cekalwatch.server.storage.watchlist.rows import DAMAGED

PAGE = 100
WAITING_PAGE = 10
MAX_AT_ONCE = 256
"""Acknowledgements that are committed together."""

CATCH_UP_S = 2.0
"""The longest wait of a client that knows an event from another server until this server has read it."""
AWAY_AFTER = timedelta(minutes=1)
"""An agent whose first missed event is this old was away: it first gets the alerts that still wait."""

Wants = Callable[[Alert], bool]
"""Whether a subscriber wants the events of an alert; the answer may change with the person at the PC."""

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class DetailedEvent:
    """An event with the details of its alert as they were when the event was read."""

    event: AlertEvent
    details: AlertDetails


@dataclass(frozen=True)
class _Page:
    """Events that were read together."""

    found: list[DetailedEvent]
    """Those whose alerts can be read."""
    reached: int
    """The sequence up to which the log was read."""
    has_more: bool
    """Whether the log may have events after it."""


class Fanout:
    """The events that subscribers read; only the event loop's thread uses it."""

    def __init__(
        self,
        store: AlertStore,
        details: AlertDetailsReader,
        keep: int = 1000,
        follow_supervisors: Callable[[], None] = lambda: None,
    ) -> None:
        """`follow_supervisors` reads the devices at which supervisors are signed in; it blocks."""
        self._store = store
        self._follow_supervisors = follow_supervisors
        self._details = details
        self._tail: deque[DetailedEvent] = deque(maxlen=keep)
        self._grown = asyncio.Event()
        self._woken = asyncio.Event()
        self._ended = False
        # A thread of its own: reading the log must not wait behind the calls of single agents.
        self._reading = ThreadPoolExecutor(1, "fanout")
        _, self._head = store.log_bounds()
        self._tail_begins_after = self._head
        self.read_s = asyncio.get_running_loop().time()
        """When the log was last read to its end, by the event loop's clock."""

    def close(self) -> None:
        """End the thread."""
        self._reading.shutdown()

    @property
    def head(self) -> int:
        """The newest sequence that was read from the log."""
        return self._head

    def occurred_at(self, sequence: int) -> datetime | None:
        """Return when an event was committed; None for one that is not in memory."""
        newer = takewhile(lambda item: item.event.sequence >= sequence, reversed(self._tail))
        return next((item.event.occurred_at for item in newer if item.event.sequence == sequence), None)

    def held_after(self, position: int) -> list[DetailedEvent] | None:
        """Return the events after `position`, oldest first; None where not all of them are in memory."""
        if position < self._tail_begins_after:
            return None
        # Newest first, so that whoever is close to the head does not go through all the others.
        newer = takewhile(lambda item: item.event.sequence > position, reversed(self._tail))
        return list(newer)[::-1]

    def wake(self) -> None:
        """Wake the task that follows the log; call it on the event loop's thread."""
        self._woken.set()

    def end(self) -> None:
        """End every subscriber's stream after its pending events: the server is about to stop."""
        self._ended = True
        self._grown.set()

    async def follow_log(self, period_s: float) -> None:
        """Wait for a `wake`, at most `period_s` seconds, since other servers write too, and read the log."""
        await woken_within(self._woken, period_s)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Read the events beyond the head, and wake the subscribers."""
        while True:
            reading = asyncio.get_running_loop().run_in_executor(self._reading, self._read_newest, self._head)
            read = await reading
            if read.reached == self._head:
                self.read_s = asyncio.get_running_loop().time()
                return
            for item in read.found:
                if len(self._tail) == self._tail.maxlen:
                    self._tail_begins_after = self._tail[0].event.sequence
                self._tail.append(item)
            self._head = read.reached
            self._grown.set()
            self._grown = asyncio.Event()
            if not read.has_more:  # another reading would only slow down the senders
                self.read_s = asyncio.get_running_loop().time()
                return

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

    async def newest_position(self) -> int:
        """Return the end of the log as it is in the database, which may be beyond the head."""
        _, newest = await asyncio.to_thread(self._store.log_bounds)
        return newest

    async def acknowledged_position(self, agent_id: str, site: str | None = None) -> int | None:
        """Return the last event that the agent of a site acknowledged; None for a new agent.

        One that has acknowledged none since positions have sites continues at that of its name.
        """
        positions = await asyncio.to_thread(self._store.positions)
        return positions.get(position_key(site, agent_id), positions.get(agent_id))

    async def waiting(self, after: int, wants: Wants, clock: Clock) -> AsyncGenerator[AlertDetails, None]:
        """If the agent was away, yield the alerts after `after` that still wait for somebody, newest first."""
        first = await asyncio.to_thread(self._store.first_event_at, after)
        if first is None or clock.now() - first < AWAY_AFTER:
            return
        alert_ids = await asyncio.to_thread(self._store.waiting, after, self._head)
        for start in range(0, len(alert_ids), WAITING_PAGE):
            page = await asyncio.to_thread(self._details_of, alert_ids[start : start + WAITING_PAGE])
            for details in page.values():
                if wants(details.alert):
                    yield details

    async def follow(self, after: int, wants: Wants, quiet_s: float) -> AsyncGenerator[DetailedEvent | None, None]:
        """Yield the events after `after` of wanted alerts until `end`, and None every `quiet_s` seconds."""
        position, loop = after, asyncio.get_running_loop()
        due_s = loop.time() + quiet_s
        while True:
            grown, head = self._grown, self._head
            found, reached = await self._after(position)
            # Where nothing is left up to the former head, it may have been pruned.
            position = reached if reached > position else max(position, head)
            for item in found:
                if wants(item.details.alert):
                    yield item
            if position < self._head:
                continue
            if loop.time() >= due_s:
                due_s = loop.time() + quiet_s
                yield None
            if self._ended:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await grown.wait()

    async def changed_after(self, after: int, heard: int, wants: Wants) -> tuple[list[DetailedEvent], int]:
        """Return the newest event of each wanted alert to which something happened after `after`, oldest first.

        With it the sequence up to which that is all. The log is read up to `heard` first, if this takes no longer than
        CATCH_UP_S. Raises POSITION_TOO_OLD or POSITION_UNKNOWN.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while self._head < max(after, heard):
                    await self._grown.wait()
        if not self._tail_begins_after <= after <= self._head:
            await self.start_after(after)
        found, reached = await self._after(after)
        newest: dict[UUID, DetailedEvent] = {}
        for item in found:
            newest.pop(item.event.alert_id, None)
            newest[item.event.alert_id] = item
        return [item for item in newest.values() if wants(item.details.alert)], max(after, reached)

    async def _after(self, position: int) -> tuple[list[DetailedEvent], int]:
        """Return the next events after `position`, and the sequence up to which the log was read."""
        if (held := self.held_after(position)) is not None:
            return held, max(position, self._head)
        head = self._head
        read = await asyncio.to_thread(self._read, position)
        return [item for item in read.found if item.event.sequence <= head], min(read.reached, head)

    def _read_newest(self, position: int) -> _Page:
        """Read the events beyond the head, before any subscriber may see them."""
        read = self._read(position)
        if any(item.details.alert.went_to_supervisors for item in read.found):
            # Anybody who signed in before the event gets it, at any server: their list of alerts does not have it.
            self._follow_supervisors()
        return read

    def _read(self, position: int) -> _Page:
        with self._store.reading_together():
            events = self._store.events_after(position, PAGE)
            details = self._details_of(event.alert_id for event in events)
        found = [DetailedEvent(event, details[event.alert_id]) for event in events if event.alert_id in details]
        return _Page(found, events[-1].sequence if events else position, len(events) == PAGE)

    def _details_of(self, alert_ids: Iterable[UUID]) -> dict[UUID, AlertDetails]:
        """Return the details of alerts, in the order of the ids; damaged ones are left out."""
        wanted = tuple(dict.fromkeys(alert_ids))
        try:
            return {one.alert.alert_id: one for one in self._details.several(wanted)} if wanted else {}
        except DAMAGED as error:
            if len(wanted) == 1:
                # A traceback would show its content.
                log.error("alert_damaged", alert_id=str(wanted[0]), error=type(error).__name__)  # noqa: TRY400
                return {}
        # One damaged row must not hold back all other alerts.
        return {alert_id: details for one in wanted for alert_id, details in self._details_of((one,)).items()}


class Acknowledgements:
    """Moves agents' positions in the event log forward; simultaneous ones share one commit."""

    def __init__(
        self,
        store: AlertStore,
        clock: Clock,
        occurred_at: Callable[[int], datetime | None] = lambda _: None,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """`occurred_at` says when an event was committed, if it is known, for the measure of how long it took."""
        self._store = store
        self._clock = clock
        self._occurred_at = occurred_at
        self._measure = metrics.acknowledgement
        self._writing: BatchWorker[tuple[str, int], int] = BatchWorker(
            "acknowledge", self._write, threads=1, most=MAX_AT_ONCE, measure=metrics.batch("acknowledge")
        )

    async def take(self, agent_id: str, sequence: int, site: str | None = None) -> int:
        """Return the agent's position after it is committed; raises POSITION_UNKNOWN beyond the log's end."""
        position = await self._writing.do((position_key(site, agent_id), sequence))
        if occurred_at := self._occurred_at(sequence):
            self._measure((self._clock.now() - occurred_at).total_seconds())
        return position

    def close(self) -> None:
        """Write the waiting entries, and end the thread."""
        self._writing.close()

    def _write(self, positions: list[tuple[str, int]]) -> Sequence[int | CekalwatchError]:
        return self._store.acknowledge(positions, self._clock.now())


class WaitingAlerts:
    """Counts the unclaimed and unjudged alerts, for PCs without a signed-in person, which may know only the number.

    They are read once, and then follow the events in memory, so that a count costs no reading however often something
    happens. Only the event loop's thread uses it.
    """

    def __init__(self, store: AlertStore, fanout: Fanout) -> None:
        self._store = store
        self._fanout = fanout
        self._reading = asyncio.Lock()
        self._head: int | None = None
        self._alerts: dict[UUID, Alert] = {}
        self._counts: dict[AlertFilter, int] = {}
        """Those at `_head`, by what is wanted: PCs of one counter share theirs."""

    async def count(self, wanted: AlertFilter) -> int:
        """Return how many waiting alerts a filter selects."""
        async with self._reading:
            if self._head != self._fanout.head:
                await self._follow()
        if wanted not in self._counts:
            self._counts[wanted] = sum(alert.wanted_by(wanted) for alert in self._alerts.values())
        return self._counts[wanted]

    async def _follow(self) -> None:
        head = self._fanout.head
        happened = None if self._head is None else self._fanout.held_after(self._head)
        if happened is None:
            self._alerts = {one.alert_id: one for one in await asyncio.to_thread(self._read)}
        for item in happened or ():
            alert = item.details.alert
            if alert.state is AlertState.NEW:
                self._alerts[alert.alert_id] = alert
            else:
                self._alerts.pop(alert.alert_id, None)
        self._head = head
        self._counts.clear()

    def _read(self) -> list[Alert]:
        return self._store.list_alerts(AlertFilter(), None, MAX_WAITING, AlertSearch(frozenset({AlertState.NEW})))
