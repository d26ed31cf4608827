"""Notifies the servers of one PostgreSQL of commits, so that they need not wait for their next reading.

A hint contains only its topic, may be lost, and may be wrong, so every reader also checks regularly. It is sent after
the commit, by a separate thread and connection: `NOTIFY` locks the whole database while it commits, which must not
happen in the transaction that writes an alert. Hints do not pass a pooler that shares connections between
transactions.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from cekalwatch.program.loops import LOOPS
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError

HEAR_S = 1.0
"""How long the listener waits before it sees whether it should end."""


class ChangeTopic(StrEnum):
    """Topics of changes; each value is the name of PostgreSQL's channel."""

    ALERT_EVENTS = "cekalwatch_alert_events"
    ALARMS = "cekalwatch_troubles"


class ChangeNotifier:
    """Sends and receives hints. It does nothing when no other server shares the database."""

    def __init__(self, database: Database) -> None:
        self._sending, self._hearing = _OwnConnection(database), _OwnConnection(database)
        self._is_shared = database.is_shared
        self._due: set[ChangeTopic] = set()
        self._changed = threading.Condition()
        self._ended = False
        self._threads: list[threading.Thread] = []

    def start(self, woken: Mapping[ChangeTopic, Callable[[], None]]) -> None:
        """Start the threads; one of them calls `woken` when another server's hint arrives."""
        if not self._is_shared:
            return
        for name, work in (("send_hints", self._send), ("hear_hints", lambda: self._hear(woken))):
            thread = threading.Thread(target=LOOPS.keep_here, args=(name, work, self._pause), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def send(self, topic: ChangeTopic) -> None:
        """Let the other servers know, soon; any thread may call it, after its commit."""
        with self._changed:
            self._due.add(topic)
            self._changed.notify_all()

    def close(self) -> None:
        """Send due hints, and end the threads; it blocks."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._sending.close()
        self._hearing.close()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, seconds)

    def _send(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._ended)
            due, self._due = self._due, set()
        try:
            with self._sending.open(()) as connection:
                for topic in sorted(due):
                    connection.execute(f"NOTIFY {topic}")
        except StorageError:
            with self._changed:
                self._due |= due
                if self._ended:
                    return False
            raise
        return bool(due) or not self._ended

    def _hear(self, woken: Mapping[ChangeTopic, Callable[[], None]]) -> bool:
        is_new = not self._hearing.is_open
        with self._hearing.open(woken) as connection:
            if is_new:
                for wake in woken.values():
                    wake()  # changes while nobody listened
            for hint in connection.notifies(timeout=HEAR_S, stop_after=1):
                if hint.pid != self._sending.pid:
                    woken[ChangeTopic(hint.channel)]()
        return not self._ended


class _OwnConnection:
    """A connection of psycopg of one thread's own, without transactions; it is opened again after it failed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self.pid = 0
        """Of the process that serves it."""

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    @contextmanager
    def open(self, channels: Iterable[ChangeTopic]) -> Iterator[Any]:
        """Yield the connection, which listens to `channels`. Raises StorageError."""
        import psycopg  # an extra, which is there where the database is PostgreSQL

        try:
            if self._connection is None:
                self._connection = self._database.own_connection()
                self.pid = self._connection.info.backend_pid
                for channel in channels:
                    self._connection.execute(f"LISTEN {channel}")
            yield self._connection
        except psycopg.Error as error:
            self.close()
            raise StorageError(type(error).__name__) from None

    def close(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


async def woken_within(woken: asyncio.Event, period_s: float) -> None:
    """Wait until `woken` is set, and at most `period_s` seconds, and clear it."""
    try:
        async with asyncio.timeout(period_s):
            await woken.wait()
    except TimeoutError:
        pass
    woken.clear()
