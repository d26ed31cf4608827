"""What this PC knows and does, without a window: alerts, connection, who has signed in, steps.

Windows follow its signals. All of it runs in the windows' thread, but for the calls to the server: they run in the
worker's threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import grpc
import shiboken6
import structlog
from PySide6.QtCore import QObject, QTimer, Signal

from cekalwatch.contract.values.adjudication import PENDING, AlertEventType, AlertState
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.contract.values.shift_report import ShiftReport
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from cekalwatch.notifier.delivery.picture_cache import PictureCache
from cekalwatch.notifier.delivery.ringing import is_supervised, rings
from cekalwatch.notifier.desktop.picture_loader import PictureLoader
from cekalwatch.notifier.desktop.worker import Worker
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.client.alert_client import AlertClient, day_began
from cekalwatch.office.client.refusals import SESSION_OVER, Failure, error_reason, explain
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.connection import Connection, Disconnected, LostPosition
from cekalwatch.office.locale.trouble_formatting import TroubleFormatter
from cekalwatch.office.steps import RENEW_CLAIMS_EVERY, Options, claims_to_renew, held_here, options, standing
from cekalwatch.program.translations import Language

log = structlog.get_logger()

_FOLLOW_EVERY = timedelta(seconds=2)
_DROP_EVERY = timedelta(seconds=10)

Done = Callable[[], object]
Told = Callable[[str], object]
"""Takes the words for a person why something did not succeed."""


class ServerClock:
    """What the server's clock shows now, as far as this PC knows: with a wrong clock it must not misjudge a claim.

    It counts on from the server's last message with a clock that nobody sets; before the first, it is this PC's.
    """

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._heard: tuple[datetime, float] | None = None

    def heard(self, server_time: datetime) -> None:
        """Take the server's time."""
        self._heard = (server_time, self._monotonic())

    def __call__(self) -> datetime:
        """Return the time."""
        if self._heard is None:
            return self._now()
        server_time, at = self._heard
        return server_time + timedelta(seconds=self._monotonic() - at)


class Controller(QObject):
    """The state of this PC, and the steps of its person."""

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

    def __init__(
        self,
        settings: NotifierSettings,
        alert_client: AlertClient,
        sessions: SessionClient,
        clock: ServerClock | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.language = settings.language
        self.alert_cache = AlertCache()
        self.session: PersonSession | None = None
        self.connection = Connection(datetime.now(UTC))
        self.freshness: Freshness | None = None
        self.lost: LostPosition | None = None
        self.clock = clock or ServerClock()
        self.last_name = ""
        """Sign-in name of the person who signed in last."""
        self._alert_client, self._sessions = alert_client, sessions
        self._actions = AlertActions(alert_client, sessions)
        self._worker = Worker(self)
        self._followed = ""
        self._counted: int | None = None
        """How many alerts waited when the server last said so; None before."""
        self._unseen: set[str] = set()
        """Alerts that rang here and that nobody has opened since."""
        cache = PictureCache(alert_client.pictures, settings.picture_lifetime)
        self.pictures = PictureLoader(cache, self._worker, self.changed.emit)
        self._on_screen = ""
        for action, every in (
            (self.renew_claims, RENEW_CLAIMS_EVERY),
            (self.follow_sign_in, _FOLLOW_EVERY),
            (self.pictures.drop_old, min(_DROP_EVERY, settings.picture_lifetime / 4)),
        ):
            timer = QTimer(self)
            timer.timeout.connect(action)
            timer.start(round(every.total_seconds() * 1000))
        QTimer.singleShot(0, self, self.follow_sign_in)  # who was signed in when the PC died reads on at once

    def close(self) -> None:
        """Sign out, and end the calls."""
        self._worker.close()
        if self.session:
            with suppress(grpc.RpcError):
                self._sessions.sign_out()
        shiboken6.delete(self)

    # What the subscription tells.

    def show(self, *shown: ShownAlert) -> None:
        """Take alerts as they were sent."""
        for kept in [self.alert_cache.take(one) for one in shown]:
            if rings(kept, supervised=self.supervised):
                self._unseen.add(kept.alert.alert_id)
                self.rang.emit(kept.alert.alert_id)
            if kept.alert.only_to_be_cleared and kept.event_type is AlertEventType.ORDERS_ENDED:
                self.orders_ended.emit(kept.alert.alert_id)
        self.changed.emit()

    def connected(self, freshness: Freshness, waiting: int = 0) -> None:
        """Alerts can come; `waiting` of them wait, as the server counts."""
        if not self.connection.ready:
            self.pictures.retry()
        first, self._counted = self._counted is None, waiting
        self.connection = self.connection.made(datetime.now(UTC))
        if freshness.as_of:
            self.clock.heard(freshness.as_of)
        self.freshness = freshness
        self.changed.emit()
        if first and self.waiting_count:
            self.found_waiting.emit()

    def disconnected(self, ended: Disconnected) -> None:
        """No alert can come."""
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

    # What people do.

    @property
    def unlocked(self) -> bool:
        """Whether travellers' data may be on screen: somebody who may work has signed in."""
        return self.session is not None and not self.session.password_change_needed

    @property
    def formatter(self) -> TroubleFormatter:
        """The texts in the language of the screen."""
        return NotifierTexts(self.language, self.settings.zone)

    def options(self, alert: Alert) -> Options:
        """Return what can be done with the alert now."""
        return options(alert, self.session, self.settings.agent_id, self.clock())

    @property
    def supervised(self) -> bool:
        """Whether a supervisor is at this PC."""
        return is_supervised(self.session, self.settings.counters)

    def needs_somebody(self, alert: Alert) -> bool:
        """Whether it waits for somebody like the person here: nobody holds it, or a supervisor has to settle it."""
        state = standing(alert, self.clock())
        return state is AlertState.NEW or (self.supervised and state in PENDING)

    def waiting(self) -> tuple[ShownAlert, ...]:
        """Return the alerts that somebody here should look at: what needs somebody or just rang, and the person's own.

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
        """How many alerts wait for somebody; None when that is not known.

        A PC where nobody has signed in knows those that came since it began, and how many the server counts.
        """
        known = len(self.waiting())
        if self.unlocked:
            return known
        return max(known, self._counted) if self._counted is not None and self.connection.ready else known or None

    def look_at(self, alert_id: str) -> None:
        """Take note of the alert on screen; a person has seen the one before."""
        if self.unlocked:
            self._unseen.discard(self._on_screen)
        self._on_screen = alert_id
        self.pictures.turn_to(alert_id)
        if self.unlocked and (shown := self.alert_cache.find(alert_id)):
            self.pictures.of(shown.alert)  # they come while the window is painted

    def set_language(self, language: Language) -> None:
        """Change the language of everything on screen."""
        self.language = language
        self.changed.emit()

    def sign_in(self, name: str, password: str, done: Done, failed: Told) -> None:
        """Sign a person in."""

        def in_now(session: PersonSession) -> None:
            self.last_name = name
            self._set_session(session)
            done()

        self._worker.run(lambda: self._sessions.sign_in(name, password), in_now, self._teller(failed))

    def change_password(self, present: str, new: str, done: Done, failed: Told) -> None:
        """Change the password of the person who has signed in."""

        def changed(renewed: PersonSession) -> None:
            self._set_session(renewed)
            done()

        def change() -> PersonSession:
            self._sessions.change_password(present, new)
            return self._sessions.whoami()

        self._worker.run(change, changed, self._teller(failed))

    def sign_out(self) -> None:
        """End the session: here at once, on the server as soon as it can be reached."""
        if self.session is None:
            return
        token = self._sessions.file.token()
        self._sessions.file.forget()
        self._set_session(None)
        self._worker.run(lambda: self._sessions.end(token), lambda _: None, _log_failure("sign_out"))

    def take_step(self, alert: Alert, decision: Decision, done: Done, failed: Told) -> None:
        """Do what was decided about the alert as it was on screen."""

        def taken(answer: Alert) -> None:
            self.alert_cache.renew(answer)
            self.changed.emit()
            done()

        def refused(error: Failure) -> None:
            def renewed(now: Alert) -> None:
                self._renewed(now)
                came = self.formatter.came_since(alert, now) if error_reason(error) == "ALERT_CHANGED" else ""
                self._teller(lambda words: failed(f"{words} {came}".strip()))(error)

            def not_renewed(_: Failure) -> None:
                self._teller(failed)(error)

            # What changed meanwhile is fetched, so that the words and what is on screen agree.
            self._worker.run(lambda: self._alert_client.alert(alert.alert_id), renewed, not_renewed)

        self._worker.run(lambda: self._actions.carry_out(alert, decision), taken, refused)

    def refresh(self, alert_id: str) -> None:
        """Load one alert as it stands now."""
        self._worker.run(lambda: self._alert_client.alert(alert_id), self._renewed, _log_failure("refresh"))

    def load_today(self) -> None:
        """Load the open alerts and today's, in addition to those that were sent here; nothing while nobody is here."""
        if not self.unlocked:
            return
        now = datetime.now(self.settings.zone)

        def loaded(alerts: tuple[Alert, ...]) -> None:
            for alert in reversed(alerts):
                self.alert_cache.take(ShownAlert(alert, now))
            self.changed.emit()

        self._worker.run(lambda: self._alert_client.at_hand(day_began(now)), loaded, _log_failure("list"))

    def load_report(self, start: datetime, done: Callable[[ShiftReport], object], failed: Told) -> None:
        """Load a shift's figures."""
        self._worker.run(lambda: self._alert_client.report(start), done, self._teller(failed))

    def claims_to_renew(self) -> tuple[str, ...]:
        """Return the alerts that the person holds here."""
        return claims_to_renew(self.alert_cache.newest_first(), self.session, self.settings.agent_id, self.clock())

    def renew_claims(self) -> None:
        """Renew the claims that the person holds here; nobody renews while the screen is locked."""
        for alert_id in self.claims_to_renew():
            self._worker.run(partial(self._alert_client.claim, alert_id), self._renewed, self._teller(lambda _: None))

    def _renewed(self, alert: Alert) -> None:
        if self.alert_cache.renew(alert):
            self.changed.emit()

    def follow_sign_in(self) -> None:
        """Look whether somebody has signed in or out by a command, or was signed in when the notifier began."""
        token = self._sessions.file.token()
        if token == self._followed:
            return
        self._followed = token
        if token:
            self._worker.run(self._sessions.whoami, self._set_session, self._teller(lambda _: None))
        else:
            self._set_session(None)

    def _set_session(self, session: PersonSession | None) -> None:
        self._followed = self._sessions.file.token()
        former, self.session = self.session, session
        if not self.unlocked:
            self.pictures.leave()
        if session != former:  # the sign-in's answer and what follows the file may tell of the same one
            self.session_changed.emit()
        self.changed.emit()

    def _teller(self, failed: Told) -> Callable[[Failure], None]:
        def tell(error: Failure) -> None:
            if error_reason(error) in SESSION_OVER:
                self._sessions.file.forget()
                self._set_session(None)
            failed(explain(error, self.formatter))

        return tell


def _log_failure(call: str) -> Callable[[Failure], None]:
    def write(error: Failure) -> None:
        code = error.code().name if isinstance(error, grpc.RpcError) else type(error).__name__
        log.warning("call_failed", call=call, code=code)

    return write
