"""State of this PC, without windows and calls: alerts, connection, signed-in person.

Windows follow its signals. All of it runs in the windows' thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QObject, Signal

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault, WatchLevel
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from cekalwatch.notifier.delivery.ringing import Station, rings
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.alerts import Options, ShownAlert, claims_to_renew, held_at, held_here, options
from cekalwatch.office.connection import Connection, Disconnected, LostPosition
from cekalwatch.program.translations import Language


@dataclass(eq=False)
class ServerClock:
    """The server's present time, as far as this PC knows, so that a wrong clock does not misjudge a claim.

    It counts on from the server's last message with a clock that nobody sets; before the first, it is this PC's.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    _heard: tuple[datetime, float] | None = field(init=False, default=None)

    def heard(self, server_time: datetime) -> None:
        self._heard = (server_time, self.monotonic())

    def __call__(self) -> datetime:
        if self._heard is None:
            return self.now()
        server_time, at = self._heard
        return server_time + timedelta(seconds=self.monotonic() - at)


class Desk(QObject):
    """The state of this PC."""

    changed = Signal()
    """Something about alerts, connection, person, language or theme: whatever is on screen is painted again."""
    rang = Signal(str)
    """The key of an alert for which this PC rings."""
    orders_ended = Signal(str)
    """The key of an alert whose orders have just ended."""
    session_changed = Signal()
    found_waiting = Signal()
    """Alerts waited already when this PC began."""
    refused = Signal()
    """The server does not serve this PC, for a new reason."""

    def __init__(self, settings: NotifierSettings, clock: ServerClock | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.language = settings.language
        self.alert_cache = AlertCache()
        self.session: PersonSession | None = None
        self.connection = Connection(datetime.now(UTC))
        self.freshness: Freshness | None = None
        self.lost: LostPosition | None = None
        self.own_faults: frozenset[ReadinessFault] = frozenset()
        """Why this PC itself would not ring."""
        self._unusable: UnusableNotice | None = None
        self.clock = clock or ServerClock()
        self._counted: int | None = None
        """The number of waiting alerts in the server's last message; None before it."""
        self._unseen: set[str] = set()
        """Alerts that rang here and that nobody has opened since."""
        self._on_screen = ""

    def show(self, *shown: ShownAlert) -> None:
        for kept in [self.alert_cache.take(one) for one in shown]:
            if rings(kept, self.station):
                self._unseen.add(kept.alert.alert_id)
                self.rang.emit(kept.alert.alert_id)
            if kept.alert.open and kept.alert.orders_ended_at and kept.event_type is AlertEventType.ORDERS_ENDED:
                self.orders_ended.emit(kept.alert.alert_id)
        self.changed.emit()

    def connected(self, freshness: Freshness, waiting: int = 0, readiness: Readiness | None = None) -> None:
        """The server has sent something; `waiting` alerts wait, by its count."""
        before = self.connection, self.freshness, self._counted
        first, self._counted = self._counted is None, waiting
        self.connection = self.connection.made(datetime.now(UTC), readiness)
        if freshness.as_of:
            self.clock.heard(freshness.as_of)
        self.freshness = replace(freshness, as_of=None)
        if before != (self.connection, self.freshness, self._counted):
            self.changed.emit()
        if first and self.waiting_count:
            self.found_waiting.emit()

    def disconnected(self, ended: Disconnected) -> None:
        former = self.connection
        self.connection = former.lost(ended.cause, datetime.now(UTC), ended.refusal)
        self.changed.emit()
        if ended.refusal and ended.refusal != former.refusal:
            self.refused.emit()

    def started_over(self, lost: LostPosition) -> None:
        """Events may be missing; alerts of a log that is gone leave."""
        self.lost = lost
        if lost is LostPosition.UNKNOWN:
            self.alert_cache.clear()
        self.changed.emit()

    def note_own(self, fault: ReadinessFault, *, there: bool) -> None:
        """Take note whether this PC itself has a fault."""
        faults = self.own_faults | {fault} if there else self.own_faults - {fault}
        if faults != self.own_faults:
            self.own_faults = faults
            self.changed.emit()

    @property
    def watch_level(self) -> WatchLevel:
        """How many of the listed travellers who pass now would ring here."""
        return self.connection.level(self.own_faults)

    @property
    def watching(self) -> str:
        """The same in words, with the reason: the line of every window."""
        return self.formatter.watching(self.connection, self.own_faults)

    def passed_unusable(self, notice: UnusableNotice) -> None:
        """Travellers without a usable face have passed; nothing rings."""
        self._unusable = notice
        self.changed.emit()

    @property
    def unusable_line(self) -> str:
        """The words about travellers without a usable face who have just passed; empty when there were none."""
        return self.formatter.unusable_line(self._unusable, self.clock())

    @property
    def unlocked(self) -> bool:
        """Whether travellers' data may be on screen, because a person with the right is signed in."""
        return self.session is not None and not self.session.password_change_needed

    @property
    def formatter(self) -> NotifierTexts:
        """The texts in the language of the screen."""
        return NotifierTexts(self.language, self.settings.zone)

    def options(self, alert: Alert) -> Options:
        """Return what can be done with the alert now."""
        return options(alert, self.session, self.settings.agent_id)

    @property
    def station(self) -> Station:
        """What this PC watches, and who works here."""
        return Station(self.settings.agent_id, self.settings.wanted, self.session)

    def needs_somebody(self, alert: Alert) -> bool:
        """Whether it waits for a person with this role: nobody has claimed it, or a supervisor must settle it."""
        return alert.state is AlertState.NEW or (self.station.supervised and alert.pending)

    def waiting(self) -> tuple[ShownAlert, ...]:
        """Return the alerts that need attention here: waiting or just ringing ones, and the person's own.

        Those that escalated furthest come first, then the oldest.
        """
        return tuple(
            shown
            for shown in self.alert_cache.most_urgent_first()
            if self.needs_somebody(shown.alert)
            or shown.alert.alert_id in self._unseen
            or held_here(shown.alert, self.session, self.settings.agent_id)
        )

    @property
    def waiting_count(self) -> int | None:
        """Number of waiting alerts; None if unknown.

        A PC where nobody has signed in knows those that came since it began, with those that somebody began here, and
        how many the server counts.
        """
        known = len(self.waiting())
        if self.unlocked:
            return known
        known += sum(held_at(one.alert, self.settings.agent_id) for one in self.alert_cache.newest_first())
        return max(known, self._counted) if self._counted is not None and self.connection.ready else known or None

    def look_at(self, alert_id: str) -> None:
        """Take note of the alert on screen; a person has seen the one before."""
        if self.unlocked:
            self._unseen.discard(self._on_screen)
        self._on_screen = alert_id

    def set_language(self, language: Language) -> None:
        """Change the language of everything on screen."""
        self.language = language
        self.changed.emit()

    def claims_to_renew(self) -> tuple[str, ...]:
        """Return the alerts that the person holds here."""
        return claims_to_renew(self.alert_cache.newest_first(), self.session, self.settings.agent_id)
