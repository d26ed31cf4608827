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

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession, ProviderFacts
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision, SecondSignature
from cekalwatch.notifier.delivery.picture_cache import PictureCache, PictureLoader
from cekalwatch.notifier.desktop.desk import Desk, ServerClock
from cekalwatch.notifier.desktop.threads import Result, Worker
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.notifier.signing_in.browser_sign_in import BrowserSignIn, Prover, end_at_provider, offered
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
        self.provider: ProviderFacts | None = None
        """Where people can sign in on this PC, besides with passwords."""
        self._browser: BrowserSignIn | None = None
        cache = PictureCache(alert_client.pictures, settings.picture_lifetime)
        self.pictures = PictureLoader(cache, self._run, self.changed.emit)
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
        self.leave_browser()
        self._worker.close()
        if self.session:
            with suppress(grpc.RpcError):
                self._sessions.sign_out()
        shiboken6.delete(self)

    def connected(self, freshness: Freshness, waiting: int = 0, readiness: Readiness | None = None) -> None:
        """See `Desk`; what could not be loaded is tried again."""
        if not self.connection.ready:
            self.pictures.retry()
            self.load_provider()
        super().connected(freshness, waiting, readiness)

    def show(self, *shown: ShownAlert) -> None:
        """See `Desk`; what comes without what the person has seen after their first look is loaded.

        An alert that names nobody says that the person's session is over.
        """
        unread = [one.alert.alert_id for one in shown if self.alert_cache.unread(one.alert)]
        super().show(*shown)
        for alert_id in unread if self.unlocked else ():
            self.refresh(alert_id)
        if not all(one.alert.named for one in shown):
            self.check_session()

    def look_at(self, alert_id: str) -> None:
        """See `Desk`; the pictures of the alert come while the window is painted."""
        super().look_at(alert_id)
        self.pictures.turn_to(alert_id)
        if self.unlocked and (shown := self.alert_cache.find(alert_id)):
            self.pictures.of(shown.alert)

    def sign_in(self, prover: Prover, done: Done, failed: Told) -> None:
        def in_now(session: PersonSession) -> None:
            self._set_session(session)
            done()

        self._run(lambda: prover.prove(self._sessions.sign_in), in_now, self._teller(failed))

    def in_browser(self) -> BrowserSignIn:
        """Return a way to the identity provider in the browser; one that still waits is given up."""
        self.leave_browser()
        self._browser = BrowserSignIn(self._sessions, self.formatter)
        return self._browser

    def leave_browser(self) -> None:
        """Wait no longer for a person in the browser."""
        if self._browser:
            self._browser.cancel()
        self._browser = None

    def load_provider(self) -> None:
        """Ask the server for the identity provider, which the dialogs then offer."""

        def loaded(provider: ProviderFacts | None) -> None:
            self.provider = provider

        self._run(lambda: offered(self._sessions), loaded, _log_failure("provider"))

    def change_password(self, present: str, new: str, done: Done, failed: Told) -> None:
        """Change the password of the signed-in person."""

        def changed(renewed: PersonSession) -> None:
            self._set_session(renewed)
            done()

        def change() -> PersonSession:
            self._sessions.change_password(present, new)
            return self._sessions.whoami()

        self._run(change, changed, self._teller(failed))

    def sign_out(self) -> None:
        """End the session: on this PC at once, on the server as soon as it can be reached."""
        if self.session is None:
            return
        token = self._sessions.file.token()
        self._sessions.file.forget()
        self._set_session(None)
        self._worker.run(lambda: self._sessions.end(token), lambda _: None, _log_failure("sign_out"))

    def sign_out_everywhere(self) -> None:
        """End the session, and that of the identity provider in the browser where it began there."""
        by_provider = self.session is not None and self.session.by_provider
        self.sign_out()
        if by_provider:
            self._worker.run(
                lambda: end_at_provider(self._sessions, self.formatter), lambda _: None, _log_failure("end_at_provider")
            )

    def take_step(self, alert: Alert, decision: Decision, done: Done, failed: Told) -> None:
        """Carry out the decision about the alert as it was on screen."""

        def taken(answer: Alert) -> None:
            self.alert_cache.renew(answer)
            self.changed.emit()
            done()

        def refused(error: Failure) -> None:
            def renewed(now: Alert) -> None:
                self._renewed(now)
                person = decision.supervisor.session if decision.supervisor else self.session
                if not error_reason(error) and person and _steps_of(person, now) > _steps_of(person, alert):
                    done()  # only its answer was lost
                    return
                came = (
                    self.formatter.came_since(SeenVersion.of(alert), now)
                    if error_reason(error) == "ALERT_CHANGED"
                    else ""
                )
                self._teller(lambda words: failed(f"{words} {came}".strip()))(error)

            def not_renewed(_: Failure) -> None:
                self._teller(failed)(error)

            # Changes in the meantime are loaded, so that the message and the screen agree.
            self._run(lambda: self._alert_client.alert(alert.alert_id), renewed, not_renewed)

        self._run(lambda: self._actions.carry_out(alert, decision), taken, refused)

    def sign_beside(self, prover: Prover, done: Callable[[SecondSignature], object], failed: Told) -> None:
        """Sign a supervisor in at the side of the person, for one step."""
        self._run(lambda: prover.prove(self._actions.sign_beside), done, self._teller(failed))

    def look_beside(self, alert: Alert, step: Step, signature: SecondSignature, done: Done, failed: Told) -> None:
        """Record that supervisor's first look."""
        self._run(lambda: self._actions.look_beside(alert, step, signature), lambda _: done(), self._teller(failed))

    def leave_beside(self, signature: SecondSignature) -> None:
        """End that supervisor's session."""
        self._worker.run(lambda: self._actions.leave(signature), lambda _: None, _log_failure("leave"))

    def undo(self, alert_id: str, subject_id: str, done: Done, failed: Told) -> None:
        """Undo the person's judgement of a candidate, a moment after it."""

        def undone(answer: Alert) -> None:
            self.alert_cache.renew(answer)
            self.changed.emit()
            done()

        self._run(lambda: self._alert_client.undo(alert_id, subject_id), undone, self._teller(failed))

    def refresh(self, alert_id: str) -> None:
        """Load the present version of an alert."""
        self._run(lambda: self._alert_client.alert(alert_id), self._renewed, _log_failure("refresh"))

    def load_today(self) -> None:
        """Load the open alerts and today's, in addition to received ones; nothing without a signed-in person."""
        if not self.unlocked:
            return
        now = datetime.now(self.settings.zone)

        def loaded(alerts: tuple[Alert, ...]) -> None:
            for alert in reversed(alerts):
                self.alert_cache.take(ShownAlert(alert, now))
            self.changed.emit()

        self._run(lambda: self._alert_client.at_hand(day_began(now)), loaded, _log_failure("list"))

    def load_report(self, start: datetime, done: Callable[[ShiftReport], object], failed: Told) -> None:
        self._run(lambda: self._alert_client.report(start), done, self._teller(failed))

    def renew_claims(self) -> None:
        """Renew the claims that the person holds here; nobody renews while the screen is locked."""
        for alert_id in self.claims_to_renew():
            self._run(partial(self._alert_client.claim, alert_id), self._renewed, self._teller(lambda _: None))

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
            self._run(self._sessions.whoami, self._set_session, self._teller(lambda _: None))
        else:
            self._set_session(None)

    def check_session(self) -> None:
        """Ask the server who is signed in here, which counts as use; the screen locks when nobody is any more."""
        if self.session:
            self._run(self._sessions.whoami, self._set_session, self._teller(lambda _: None))

    def _set_session(self, session: PersonSession | None) -> None:
        self._followed = self._sessions.file.token()
        former, self.session = self.session, session
        if session != former:
            self._read_by(session)
        if not self.unlocked:
            self.pictures.leave()
        if session != former:  # the answer of the sign-in and the watch of the file may report the same person
            self.session_changed.emit()
        self.changed.emit()

    def _read_by(self, session: PersonSession | None) -> None:
        """Show no more than this person may see; what they looked at elsewhere is loaded."""
        self.alert_cache.read_by(session.person_id if session and session.works else "")
        if any(one.alert.look_needed for one in self.alert_cache.newest_first()):
            self.load_today()

    def _run(
        self, call: Callable[[], Result], done: Callable[[Result], object], failed: Callable[[Failure], object]
    ) -> None:
        """Carry out a call as `Worker.run`; the screen locks when the server says that the person's session is over."""
        token = self._sessions.file.token()

        def refused(error: Failure) -> None:
            if error_reason(error) in SESSION_OVER and token == self._sessions.file.token():
                self._sessions.file.forget()
                self._set_session(None)
            failed(error)

        self._worker.run(call, done, refused)

    def _teller(self, failed: Told) -> Callable[[Failure], object]:
        return lambda error: failed(explain(error, self.formatter))


def _steps_of(person: PersonSession, alert: Alert) -> int:
    """Return how many steps of a person an alert records."""
    handling = alert.handling
    people = [
        *(one.person for one in handling.looks),
        *(one.person for one in handling.findings),
        *(one.person for one in handling.follow_ups),
    ]
    return sum(one is not None and one.person_id == person.person_id for one in people)


def _log_failure(call: str) -> Callable[[Failure], None]:
    def write(error: Failure) -> None:
        code = error.code().name if isinstance(error, grpc.RpcError) else type(error).__name__
        log.warning("call_failed", call=call, code=code)

    return write
