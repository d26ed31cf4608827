"""How many alerts wait for somebody, for PCs where nobody has signed in: they may know the number and no more.

All subscribers share one reading of them, for as long as nothing happens to any alert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.server.alerts.fanout import Fanout, Wants
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.storage.alerts.store import MAX_WAITING, AlertStore


class WaitingAlerts:
    """Counts the alerts that nobody has claimed or judged; only the event loop's thread uses it."""

    def __init__(self, store: AlertStore, fanout: Fanout) -> None:
        self._store = store
        self._fanout = fanout
        self._reading = asyncio.Lock()
        self._head: int | None = None
        self._alerts: Sequence[Alert] = ()

    async def count(self, wants: Wants) -> int:
        """Return how many of those that wait a subscriber wants."""
        async with self._reading:
            head = self._fanout.head
            if head != self._head:
                self._alerts = await asyncio.to_thread(self._read)
                self._head = head
        return sum(map(wants, self._alerts))

    def _read(self) -> list[Alert]:
        return self._store.list_alerts(AlertFilter(), None, MAX_WAITING, AlertSearch(frozenset({AlertState.NEW})))
