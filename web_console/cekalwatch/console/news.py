"""Reports that something changed at the server: one subscription of this console wakes the open pages.

A page then asks again for what its own person may see. The console's subscription has no person, starts with new
events, and keeps nothing about people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.alerts import AlertEvent, AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.office.client.alarm_client import AlarmSubscription
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.office.connection import Connection, Disconnected
from cekalwatch.wire.dialer import Dialer


class _Follower(BackgroundThread):
    """Follows one stream."""

    def __init__(
        self,
        name: str,
        updates: Callable[[], Iterator[object]],
        stop: Callable[[], None],
        tell: Callable[[object], None],
    ) -> None:
        super().__init__(name)
        self._updates, self._stop, self._tell = updates, stop, tell

    def _round(self) -> bool:
        for update in self._updates():
            self._tell(update)
        return False  # streams end when they are stopped

    def _wake(self) -> None:
        self._stop()


class News:
    """Counts what changed, and lets the tasks of one event loop wait for more. It works within a `with` block."""

    def __init__(self, settings: ConsoleSettings, dialer: Dialer) -> None:
        """`dialer` reaches the servers; it is this one's own."""
        self._client = SubscriptionClient(dialer, settings.name, AlertFilter(), NoToken())
        subscription = Subscription(self._client, Start.NOW, settings.silence_timeout_seconds)
        alarms = AlarmSubscription(dialer.another(), "", settings.silence_timeout_seconds)
        self._followers = (
            _Follower("follow_alerts", subscription.updates, subscription.stop, self._take),
            _Follower("follow_troubles", alarms.updates, alarms.stop, self._take_alarms),
        )
        self._opened = ExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self.count = 0
        self.listeners = 0
        """How many pages wait for more."""
        self.position: int | None = None
        """The newest event of an alert that the server has sent; None until it has sent the end of its log."""
        self.connection = Connection(datetime.now(UTC))
        """Whether the server sends events, and whether a listed traveller would ring."""
        self.freshness: Freshness | None = None
        """The age of the list; None until the server has sent it."""
        self.alarms: Alarms = ()
        """The alarms at the site; each page asks which ones its person may see."""

    def __enter__(self) -> Self:
        """Begin to follow; on the event loop whose tasks wait."""
        self._loop = asyncio.get_running_loop()
        self._opened.enter_context(closing(self._client))
        for follower in self._followers:
            self._opened.enter_context(follower)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count a page that waits for more, for the time of the block."""
        self.listeners += 1
        try:
            yield
        finally:
            self.listeners -= 1

    async def after(self, count: int, patience_s: float) -> int:
        """Wait until there are more than `count` changes, at most `patience_s` seconds; return their number."""
        if self.count == count:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._changed.wait()
        return self.count

    def _take(self, update: object) -> None:
        """Take an update of the alerts' stream, on its thread."""
        match update:
            case KeepAlive():
                self.freshness, before = update.freshness, self.connection
                self.connection = before.made(datetime.now(UTC), update.readiness)
                if self.connection == before:
                    return
            case Subscribed():
                self.freshness, self.position = update.freshness, update.head_sequence
                self.connection = self.connection.made(datetime.now(UTC), update.readiness)
            case AlertEvent():
                self.position = update.sequence
            case Disconnected():
                self.connection = self.connection.lost(update.cause, datetime.now(UTC), update.refusal)
        self._change()

    def _take_alarms(self, alarms: object) -> None:
        if isinstance(alarms, tuple):
            self.alarms = alarms
            self._change()

    def _change(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()
