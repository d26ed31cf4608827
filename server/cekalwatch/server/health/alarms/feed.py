"""The feed of alarms: the open ones, and every change by any server.

One task follows the store: one reading serves all subscribers. A subscriber that falls behind the changes in memory
gets all open alarms again, so it misses no end of one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from uuid import UUID

from cekalwatch.server.domain.troubles import Alarm
from cekalwatch.server.storage.cluster.change_notifier import woken_within
from cekalwatch.server.storage.troubles import TroubleStore

PAGE = 200
MAX_KEPT = 1000
"""Changes that are kept in memory for slow watchers."""

OpenAlarms = tuple[Alarm, ...]
"""The open alarms at one moment, oldest first."""


class AlarmFeed:
    """The alarms that watchers read; only the event loop's thread uses it, except `wake`."""

    def __init__(self, store: TroubleStore, keep: int = MAX_KEPT) -> None:
        """Read the open alarms; it blocks. Needs the event loop in which it is used."""
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._recent: deque[Alarm] = deque(maxlen=keep)
        self._position, found = store.state()
        self._open: dict[UUID, Alarm] = {trouble.trouble_id: trouble for trouble in found}
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
    def open(self) -> OpenAlarms:
        """The open alarms."""
        return tuple(sorted(self._open.values(), key=lambda trouble: trouble.trouble_id))

    async def follow(self, period_s: float) -> None:
        """Wait for a `wake`, at most `period_s` seconds, since other servers write too, and read the changes."""
        await woken_within(self._woken, period_s)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Read the changes, and wake the subscribers."""
        while found := await asyncio.to_thread(self._store.changed_since, self._position, PAGE):
            for trouble in found:
                if trouble.ended_at:
                    self._open.pop(trouble.trouble_id, None)
                else:
                    self._open[trouble.trouble_id] = trouble
                if len(self._recent) == self._recent.maxlen:
                    self._recent_after = self._recent[0].change
                self._recent.append(trouble)
            self._position = found[-1].change
            self._grown.set()
            self._grown = asyncio.Event()

    async def watch(self, site: str, quiet_s: float) -> AsyncGenerator[OpenAlarms | Alarm | None, None]:
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
            newer = [trouble for trouble in self._recent if trouble.change > position]
            for trouble in newer:
                position = trouble.change
                if trouble.is_seen_at(site):
                    yield trouble
            if newer:
                continue
            if self._ended:
                return
            try:
                async with asyncio.timeout(quiet_s):
                    await grown.wait()
            except TimeoutError:
                yield None

    def _open_at(self, site: str) -> OpenAlarms:
        return tuple(trouble for trouble in self.open if trouble.is_seen_at(site))
