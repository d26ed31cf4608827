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

from cekalwatch.contract.values.alarms import Alarms, shown_to
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.console.picture_folder import PictureFolder
from cekalwatch.notifier.console.view import ConsoleView, Painter
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from cekalwatch.notifier.delivery.ringing import Station, rings
from cekalwatch.office.alerts import ShownAlert, claims_to_renew
from cekalwatch.office.connection import Connection, Disconnected, LostPosition

_REPAINTS_PER_SECOND = 1


class LiveConsole:
    """A screen that is a terminal. It uses the alternate screen, so that no name stays behind in the scroll-back."""

    def __init__(
        self,
        console: Console,
        painter: Painter,
        pictures: PictureFolder | None,
        station: Station,
        server: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._console = console
        self._station = station
        self._alarms: Alarms = ()
        self._painter, self._pictures = painter, pictures
        self._now = now
        # The subscription's thread changes the view, and rich's thread paints it.
        self._lock = threading.Lock()
        self._alert_cache = AlertCache()
        self._view = ConsoleView(station.agent_id, server, Connection(now()))
        self._live = Live(
            get_renderable=self._paint,
            console=console,
            screen=True,
            refresh_per_second=_REPAINTS_PER_SECOND,
            # The view fits the terminal; if the size changes in between, it is cut until the next painting.
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
    def view(self) -> ConsoleView:
        with self._lock:
            return self._view

    def claims(self, session: PersonSession, agent_id: str) -> tuple[str, ...]:
        """Record who works here, and return the alerts that the person holds at this PC."""
        with self._lock:
            self._station = replace(self._station, session=session)
            self._alert_cache.read_by(session.person_id if session.works else "")
            self._view = replace(self._view, alerts=self._alert_cache.newest_first())
            self._show_alarms()
            return claims_to_renew(self._alert_cache.newest_first(), session, agent_id)

    def renewed(self, alert: Alert) -> None:
        """Show an alert as a call returned it."""
        with self._lock:
            self._alert_cache.renew(alert)
            self._view = replace(self._view, alerts=self._alert_cache.newest_first())
        self._live.refresh()

    def prepare(self, alert: Alert) -> None:
        """Have its pictures as files, if there is a folder for them."""
        if self._pictures:
            self._pictures.fetch(alert)

    def show(self, *shown: ShownAlert) -> None:
        """Put the alerts on the table in place of their earlier state, and ring the bell where one rings."""
        with self._lock:
            kept = [self._alert_cache.take(one) for one in shown]
            ringing = any(rings(one, self._station) for one in kept)
            self._view = replace(self._view, alerts=self._alert_cache.newest_first())
        self._live.refresh()
        if ringing:
            self._console.bell()

    def connected(self, freshness: Freshness, waiting: int, readiness: Readiness | None = None) -> None:
        """Show the connection, whether a listed traveller would ring, and the watchlist's age."""
        with self._lock:
            first = self._view.freshness is None
            connection = self._view.connection.made(self._now(), readiness)
            self._view = replace(self._view, connection=connection, freshness=freshness, waiting=waiting)
        self._live.refresh()
        if first and waiting:  # before anybody has signed in, the server says no more of what waits here
            self._console.bell()

    def disconnected(self, ended: Disconnected) -> None:
        """Show since when the connection is lost, and why."""
        with self._lock:
            lost = self._view.connection.lost(ended.cause, self._now(), ended.refusal)
            self._view = replace(self._view, connection=lost)
        self._live.refresh()

    def started_over(self, lost: LostPosition) -> None:
        """Show that events may be missing; alerts of a log that is gone leave the table."""
        with self._lock:
            if lost is LostPosition.UNKNOWN:
                self._alert_cache.clear()
            self._view = replace(self._view, lost=lost, alerts=self._alert_cache.newest_first())
        self._live.refresh()

    def passed_unusable(self, notice: UnusableNotice) -> None:
        """Say for a while that travellers without a usable face have passed; the bell is silent."""
        with self._lock:
            self._view = replace(self._view, unusable=notice)
        self._live.refresh()

    def alarms(self, present: Alarms) -> None:
        """Show the alarms that concern the person at this PC."""
        with self._lock:
            self._alarms = present
            self._show_alarms()
        self._live.refresh()

    def _show_alarms(self) -> None:
        shown = shown_to(self._station.session, self._alarms, self._station.wanted.counters)
        self._view = replace(self._view, alarms=shown)

    def _paint(self) -> RenderableType:
        with self._lock:
            view = self._view
        if self._pictures:
            images = {shown.alert.alert_id: self._pictures.paths(shown.alert.alert_id) for shown in view.alerts}
            view = replace(view, images=images)
        return self._painter.paint(view, self._console, self._now())
