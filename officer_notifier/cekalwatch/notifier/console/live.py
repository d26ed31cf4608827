"""The notifier's console: a live table on a terminal, with a bell for each new alert."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from cekalwatch.notifier.console.view import ConnectionState, ConsoleView, Painter
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from cekalwatch.notifier.model.alert import Alert, Shown
from cekalwatch.notifier.model.leases import to_renew
from cekalwatch.notifier.model.person import Session
from cekalwatch.notifier.model.updates import Cause, Freshness, LostPosition
from cekalwatch.wire.vocabulary.adjudication import AlertEventType

_REPAINTS_PER_SECOND = 1


class LiveConsole:
    """A screen that is a terminal. It uses the alternate screen, so that no name stays behind in the scroll-back."""

    def __init__(
        self,
        console: Console,
        painter: Painter,
        agent_id: str,
        server: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._console = console
        self._painter = painter
        self._now = now
        # The subscription's thread changes the board, and rich's thread paints it.
        self._lock = threading.Lock()
        self._casebook = AlertCache()
        self._board = ConsoleView(agent_id, server, ConnectionState(ready=False, since=now()))
        self._live = Live(
            get_renderable=self._paint,
            console=console,
            screen=True,
            refresh_per_second=_REPAINTS_PER_SECOND,
            # The board fits itself to the terminal; a size that changes meanwhile is cut until the next painting.
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @property
    def board(self) -> ConsoleView:
        """What is on screen now."""
        with self._lock:
            return self._board

    def claims(self, session: Session, agent_id: str) -> tuple[str, ...]:
        """Return the alerts that the person holds at this PC."""
        with self._lock:
            return to_renew(self._casebook.newest_first(), session, agent_id, self._now())

    def renewed(self, notice: Alert) -> None:
        """Show an alert as a call's answer has it."""
        with self._lock:
            self._casebook.renew(notice)
            self._board = replace(self._board, alerts=self._casebook.newest_first())
        self._live.refresh()

    def show(self, shown: Shown) -> None:
        """Put the alert on the table in place of its earlier state, and ring the bell when it is new here."""
        with self._lock:
            self._casebook.take(shown)
            self._board = replace(self._board, alerts=self._casebook.newest_first())
        self._live.refresh()
        if shown.event is AlertEventType.RAISED:
            self._console.bell()

    def connected(self, freshness: Freshness) -> None:
        """Show the connection and the watchlist's age."""
        with self._lock:
            if not self._board.link.ready:
                self._board = replace(self._board, link=ConnectionState(ready=True, since=self._now()))
            self._board = replace(self._board, freshness=freshness)
        self._live.refresh()

    def disconnected(self, cause: Cause) -> None:
        """Show since when there is no connection, and why."""
        with self._lock:
            link = self._board.link
            since = link.since if link.cause else self._now()
            self._board = replace(self._board, link=ConnectionState(ready=False, since=since, cause=cause))
        self._live.refresh()

    def started_over(self, lost: LostPosition) -> None:
        """Show that events may be missing; alerts of a log that is gone leave the table."""
        with self._lock:
            if lost is LostPosition.UNKNOWN:
                self._casebook.clear()
            self._board = replace(self._board, lost=lost, alerts=self._casebook.newest_first())
        self._live.refresh()

    def _paint(self) -> RenderableType:
        with self._lock:
            board = self._board
        return self._painter.paint(board, self._console, self._now())
