"""The feed of alarms: the open ones, and every change by any server.

One task follows the store: one reading serves all subscribers. A subscriber that falls behind the changes in memory
gets all open alarms again, so it misses no end of one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from uuid import UUID

from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.cluster.change_notifier import woken_within

PAGE = 200
MAX_KEPT = 1000
"""Changes that are kept in memory for slow watchers."""

StoredAlarms = tuple[StoredAlarm, ...]
"""The open alarms at one moment, oldest first."""


class AlarmFeed:
    """The alarms that watchers read; only the event loop's thread uses it, except `wake`."""

    def __init__(self, store: AlarmStore, keep: int = MAX_KEPT) -> None:
        """Read the open alarms; it blocks. Needs the event loop in which it is used."""
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._recent: deque[StoredAlarm] = deque(maxlen=keep)
        self._position, found = store.state()
        self._open: dict[UUID, StoredAlarm] = {alarm.alarm_id: alarm for alarm in found}
        self._recent_after = self._position
        self._grown = asyncio.Event()
        self._woken = asyncio.Event()
        self._ended = False

    def wake(self) -> None:
        """Note that an alarm has changed; any thread may call it."""
        self._loop.call_soon_threadsafe(self._woken.set)

    def end(self) -> None:
        """Let every watcher's stream end: the server is about to stop."""
        self._ended = True
        self._grown.set()

    @property
    def open(self) -> StoredAlarms:
        """The open alarms."""
        return tuple(sorted(self._open.values(), key=lambda alarm: alarm.alarm_id))

    async def follow(self, period_s: float) -> None:
        """Wait for a `wake`, at most `period_s` seconds, since other servers write too, and read the changes."""
        await woken_within(self._woken, period_s)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Read the changes, and wake the subscribers."""
        while found := await asyncio.to_thread(self._store.changed_since, self._position, PAGE):
            for alarm in found:
                if alarm.ended_at:
                    self._open.pop(alarm.alarm_id, None)
                else:
                    self._open[alarm.alarm_id] = alarm
                if len(self._recent) == self._recent.maxlen:
                    self._recent_after = self._recent[0].change
                self._recent.append(alarm)
            self._position = found[-1].change
            self._grown.set()
            self._grown = asyncio.Event()

    async def watch(self, site: str, quiet_s: float) -> AsyncGenerator[StoredAlarms | StoredAlarm | None, None]:
        """Yield the open alarms of `site` (empty: of all sites), then every change there, until `end`.

        None when nothing came for `quiet_s` seconds.
        """
        position = self._position
        yield self._open_at(site)
        while True:
            grown = self._grown
            if position < self._recent_after:
                position = self._position
                yield self._open_at(site)
            newer = [alarm for alarm in self._recent if alarm.change > position]
            for alarm in newer:
                position = alarm.change
                if alarm.is_seen_at(site):
                    yield alarm
            if newer:
                continue
            if self._ended:
                return
            try:
                async with asyncio.timeout(quiet_s):
                    await grown.wait()
            except TimeoutError:
                yield None

    def _open_at(self, site: str) -> StoredAlarms:
        return tuple(alarm for alarm in self.open if alarm.is_seen_at(site))
