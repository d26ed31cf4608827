"""The actions of the person at this PC, without a window: sign-in, steps, pictures and lists.

All of it runs in the windows' thread, but for the calls to the server: they run in the worker's threads.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import grpc
import shiboken6
import structlog
from PySide6.QtCore import QTimer

from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision
from cekalwatch.notifier.delivery.picture_cache import PictureCache, PictureLoader
from cekalwatch.notifier.desktop.desk import Desk, ServerClock
from cekalwatch.notifier.desktop.threads import Worker
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.alerts import (
    RENEW_CLAIMS_EVERY,
    SeenVersion,
    ShownAlert,
)
from cekalwatch.office.client.alert_client import AlertClient, day_began
from cekalwatch.office.client.refusals import SESSION_OVER, Failure, error_reason, explain
from cekalwatch.office.client.session_client import SessionClient

log = structlog.get_logger()

_FOLLOW_EVERY = timedelta(seconds=2)
_DROP_EVERY = timedelta(seconds=10)

Done = Callable[[], object]
Told = Callable[[str], object]
"""Takes the words for a person why something did not succeed."""


class Controller(Desk):
    """The actions of the person at this PC: sign-in, steps with alerts, and the data that is loaded for them."""

    def __init__(
        self,
        settings: NotifierSettings,
        alert_client: AlertClient,
        sessions: SessionClient,
        clock: ServerClock | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self.last_name = ""
        """Sign-in name of the last person."""
        self._alert_client, self._sessions = alert_client, sessions
        self._actions = AlertActions(alert_client, sessions)
        self._worker = Worker(self)
        self._followed = ""
        cache = PictureCache(alert_client.pictures, settings.picture_lifetime)
        self.pictures = PictureLoader(cache, self._worker.run, self.changed.emit)
        for action, every in (
            (self.renew_claims, RENEW_CLAIMS_EVERY),
            (self.follow_sign_in, _FOLLOW_EVERY),
            (self.pictures.drop_old, min(_DROP_EVERY, settings.picture_lifetime / 4)),
        ):
            timer = QTimer(self)
            timer.timeout.connect(action)
            timer.start(round(every.total_seconds() * 1000))
        QTimer.singleShot(
            0, self, self.follow_sign_in
        )  # a person who was signed in when the PC crashed can continue at once

    def close(self) -> None:
        """Sign out, and end the calls."""
        self._worker.close()
        if self.session:
            with suppress(grpc.RpcError):
                self._sessions.sign_out()
        shiboken6.delete(self)

    def connected(self, freshness: Freshness, waiting: int = 0) -> None:
        """See `Desk`; pictures that could not be loaded are tried again."""
        if not self.connection.ready:
            self.pictures.retry()
        super().connected(freshness, waiting)

    def look_at(self, alert_id: str) -> None:
        """See `Desk`; the pictures of the alert come while the window is painted."""
        super().look_at(alert_id)
        self.pictures.turn_to(alert_id)
        if self.unlocked and (shown := self.alert_cache.find(alert_id)):
            self.pictures.of(shown.alert)

    def sign_in(self, name: str, password: str, done: Done, failed: Told) -> None:
        """Sign a person in."""

        def in_now(session: PersonSession) -> None:
            self.last_name = name
            self._set_session(session)
            done()

        self._worker.run(lambda: self._sessions.sign_in(name, password), in_now, self._teller(failed))

    def change_password(self, present: str, new: str, done: Done, failed: Told) -> None:
        """Change the password of the signed-in person."""

        def changed(renewed: PersonSession) -> None:
            self._set_session(renewed)
            done()

        def change() -> PersonSession:
            self._sessions.change_password(present, new)
            return self._sessions.whoami()

        self._worker.run(change, changed, self._teller(failed))

    def sign_out(self) -> None:
        """End the session: on this PC at once, on the server as soon as it can be reached."""
        if self.session is None:
            return
        token = self._sessions.file.token()
        self._sessions.file.forget()
        self._set_session(None)
        self._worker.run(lambda: self._sessions.end(token), lambda _: None, _log_failure("sign_out"))

    def take_step(self, alert: Alert, decision: Decision, done: Done, failed: Told) -> None:
        """Carry out the decision about the alert as it was on screen."""

        def taken(answer: Alert) -> None:
            self.alert_cache.renew(answer)
            self.changed.emit()
            done()

        def refused(error: Failure) -> None:
            def renewed(now: Alert) -> None:
                self._renewed(now)
                came = (
                    self.formatter.came_since(SeenVersion.of(alert), now)
                    if error_reason(error) == "ALERT_CHANGED"
                    else ""
                )
                self._teller(lambda words: failed(f"{words} {came}".strip()))(error)

            def not_renewed(_: Failure) -> None:
                self._teller(failed)(error)

            # Changes in the meantime are loaded, so that the message and the screen agree.
            self._worker.run(lambda: self._alert_client.alert(alert.alert_id), renewed, not_renewed)

        self._worker.run(lambda: self._actions.carry_out(alert, decision), taken, refused)

    def refresh(self, alert_id: str) -> None:
        """Load the present version of an alert."""
        self._worker.run(lambda: self._alert_client.alert(alert_id), self._renewed, _log_failure("refresh"))

    def load_today(self) -> None:
        """Load the open alerts and today's, in addition to received ones; nothing without a signed-in person."""
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

    def renew_claims(self) -> None:
        """Renew the claims that the person holds here; nobody renews while the screen is locked."""
        for alert_id in self.claims_to_renew():
            self._worker.run(partial(self._alert_client.claim, alert_id), self._renewed, self._teller(lambda _: None))

    def _renewed(self, alert: Alert) -> None:
        if self.alert_cache.renew(alert):
            self.changed.emit()

    def follow_sign_in(self) -> None:
        """Check whether somebody signed in or out by a command, or was signed in when the notifier began."""
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
        if session != former:  # the answer of the sign-in and the watch of the file may report the same person
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
