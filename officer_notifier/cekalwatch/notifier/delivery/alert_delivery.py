"""Shows the updates of the subscription on the screen, so that nothing is shown twice and nothing is lost.

The order is what makes it so, whenever the process dies:

1. the inbox records the event;
2. the screen shows it;
3. the inbox marks it as shown;
4. the server is told (`acknowledgements.py`), and will not send it again.

Dying before 1: the server sends it again. Between 1 and 3: it may have been seen or not, so its sequence is never shown
again, and its alert is listed again at the next start. Between 3 and 4: the server sends it again, and the inbox drops
it. A call that fails (listing, acknowledging) is owed, and tried again with the next sign of life from the server.

The screen also learns what of an alert asks for somebody and was not shown here yet: that rings (`ringing.py`).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from types import TracebackType
from typing import Protocol

import grpc
import structlog

from cekalwatch.contract.values.adjudication import UNSETTLED
from cekalwatch.contract.values.alerts import Alert, AlertEvent, KeepAlive, Subscribed
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.delivery.inbox import Arrival, Inbox
from cekalwatch.notifier.delivery.ringing import ShownAsks
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.client.alert_client import AlertClient, day_began
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.office.client.refusals import SESSION_OVER, error_reason
from cekalwatch.office.connection import Disconnected, LostPosition, StartedOver, Update
from cekalwatch.program.traces import TRACES
from cekalwatch.wire.trace_context import trace_context

PAUSE_S = (0.2, 1.0)
"""Between the first event that is not acknowledged and the acknowledgement; drawn for each."""

log = structlog.get_logger()


class Acknowledgements(BackgroundThread):
    """Acknowledges to the server the position up to which this PC has shown the event log, a moment after showing it.

    All PCs of an office get an alert at the same moment, and their officers need its pictures first. So the
    acknowledgements are spread over the next second, with one for all events of that time. It sends for the time of the
    block, and what is owed at its end; its methods may be called from any thread.
    """

    def __init__(
        self,
        acknowledge: Callable[[int, str], None],
        pause_s: Callable[[], float] = lambda: random.uniform(*PAUSE_S),  # noqa: S311  # no secret
    ) -> None:
        """`acknowledge` sends a sequence to the server, in the context of a trace, or raises grpc.RpcError."""
        super().__init__("acknowledgements")
        self._acknowledge, self._pause_s = acknowledge, pause_s
        self._owed: int | None = None
        self._trace = ""
        self._tried = False
        self._changed = threading.Condition()

    def owe(self, sequence: int, trace: str = "") -> None:
        """Acknowledge every event up to `sequence` soon, in the context in which that one is traced."""
        with self._changed:
            self._owed, self._trace, self._tried = sequence, trace, False
            self._changed.notify()

    def try_again(self) -> None:
        """Try again what failed: the server has given a sign of life."""
        with self._changed:
            self._tried = False
            self._changed.notify()

    def forget(self) -> None:
        """Owe nothing any more: the server's log is another one."""
        with self._changed:
            self._owed = None

    def send(self) -> None:
        """Send pending acknowledgements; those that fail stay pending until there is a reason to try again."""
        with self._changed:
            sequence, trace, self._tried = self._owed, self._trace, True
        if sequence is None:
            return
        try:
            with TRACES.span("alert.acknowledge", trace) as context:
                self._acknowledge(sequence, context)
        except grpc.RpcError as error:
            log.warning("acknowledgement_failed", sequence=sequence, code=error.code().name)
        else:
            with self._changed:
                if self._owed == sequence:
                    self._owed = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if not self._tried:  # it came while the last one was sent, or the thread had not begun
            self.send()

    def _round(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ended.is_set() or (self._owed is not None and not self._tried))
        self._ended.wait(self._pause_s())
        self.send()
        return True

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()


SHOWN_AT_ONCE = 10
"""Alerts of a list. The first are on the screen before the pictures of the last have come."""


class Recall(StrEnum):
    """The alerts that are listed again at the start."""

    UNCERTAIN = "UNCERTAIN"
    """Alerts of which nobody can say whether they were shown."""
    AT_HAND = "AT_HAND"
    """Those, all open alerts, and today's settled ones: for a screen that starts empty."""


class Screen(Protocol):
    """The screen of an officer, or the output for a program."""

    def prepare(self, alert: Alert) -> None:
        """Get ready what takes its time, before the alert is recorded as about to be shown."""

    def show(self, *shown: ShownAlert) -> None:
        """Show the present version of alerts, and ring if `ringing.py` says so; afterwards they count as shown."""

    def connected(self, freshness: Freshness, waiting: int, readiness: Readiness | None = None) -> None:
        """Show that the connection works, the age of the watchlist, the number of waiting alerts, and the readiness."""

    def disconnected(self, ended: Disconnected) -> None:
        """Show that no alert can come."""

    def started_over(self, lost: LostPosition) -> None:
        """Show that the server could not continue from this agent's position."""

    def passed_unusable(self, notice: UnusableNotice) -> None:
        """Say in one quiet line that travellers without a usable face have passed; nothing rings."""


class AlertDelivery:
    """Handles the updates of one subscription and sign-ins one after another, from any thread."""

    def __init__(
        self,
        alert_client: AlertClient,
        acknowledgements: Acknowledgements,
        inbox: Inbox,
        screen: Screen,
        recall: Recall,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        reopen: Callable[[], object] = lambda: None,
    ) -> None:
        """`reopen` opens the subscription again with the token of who has signed in."""
        self._reopen = reopen
        self._alert_client = alert_client
        self._acknowledgements = acknowledgements
        self._inbox = inbox
        self._screen = screen
        self._taking = threading.Lock()
        self._at_hand_owed = self._begins_empty = recall is Recall.AT_HAND
        self._open_owed = False
        """Whether alerts wait that the server may have taken for shown here: its record of that can be wrong."""
        self._supervisors_owed = False
        self._uncertain_owed = True
        self._unnamed: set[str] = set()
        """Alerts that came without their people, since nobody was signed in."""
        self._refused_to: str | None = None
        """The token with which the server refused to list: it is not asked again until somebody else signs in."""
        self._shown = ShownAsks()
        self._now = now
        self._log = structlog.get_logger()

    def person_came(self, session: PersonSession) -> None:
        """Show the signed-in person's pending alerts, a supervisor also earlier escalations; raises as `take`.

        The server sends that to a supervisor's PC only as it happens.
        """
        self._reopen()
        with self._taking:
            self._supervisors_owed = session.supervises
            self._list_again()

    def take(self, update: Update) -> None:
        """Do what an update asks for; errors of the screen and of the inbox's file are raised."""
        with self._taking:
            self._take(update)

    def _take(self, update: Update) -> None:
        match update:
            case Subscribed():
                if update.head_sequence < self._inbox.newest_sequence():
                    self._other_log()
                self._open_owed |= self._begins_empty and update.waiting_alerts > 0
                self._sign_of_life(update)
            case KeepAlive():
                self._sign_of_life(update)
            case Alert():
                self._show_alerts([update])
            case AlertEvent():
                self._event(update)
            case UnusableNotice():
                self._screen.passed_unusable(update)
            case Disconnected():
                self._screen.disconnected(update)
            case StartedOver():
                if update.lost is LostPosition.UNKNOWN:
                    self._other_log()
                else:
                    self._screen.started_over(update.lost)

    def _sign_of_life(self, update: Subscribed | KeepAlive) -> None:
        heard_at = update.server_time if isinstance(update, KeepAlive) else None
        self._screen.connected(replace(update.freshness, as_of=heard_at), update.waiting_alerts, update.readiness)
        self._list_again()
        self._acknowledgements.try_again()

    def _event(self, event: AlertEvent) -> None:
        alert_id = event.alert.alert_id
        arrival = self._inbox.arrival(event.sequence, alert_id)
        if arrival is Arrival.OTHER_LOG:
            self._other_log()
        if arrival is not Arrival.KNOWN:
            # Before the record, so that little time passes between the record and the showing.
            with TRACES.span("alert.show", trace_context(event.trace)) as trace:
                self._screen.prepare(event.alert)
                news = self._shown.news(event.alert)
                self._inbox.record(event.sequence, alert_id)
                self._screen.show(ShownAlert(event.alert, self._now(), event.sequence, event.type, news))
            self._inbox.mark_shown(event.sequence)
            self._note_names(event.alert)
            self._shown.note(event.alert)
            self._acknowledgements.owe(event.sequence, trace)
        else:
            self._acknowledgements.owe(event.sequence)

    def _other_log(self) -> None:
        self._log.warning("event_log_replaced", newest_sequence=self._inbox.newest_sequence())
        self._inbox.clear()
        self._unnamed.clear()
        self._shown.forget()
        self._acknowledgements.forget()
        self._screen.started_over(LostPosition.UNKNOWN)

    def _list_again(self) -> None:
        token = self._alert_client.token
        if token == self._refused_to:
            return
        self._refused_to = None
        try:
            if self._supervisors_owed:
                unsettled = self._alert_client.listed(UNSETTLED)
                self._show_alerts(one for one in unsettled if one.pending or one.escalated)
                self._supervisors_owed = False
            if self._at_hand_owed:
                self._show_alerts(self._alert_client.at_hand(day_began(self._now())))
                self._at_hand_owed = self._open_owed = False
            if self._open_owed:
                self._show_alerts(self._alert_client.listed(UNSETTLED))
                self._open_owed = False
            if self._unnamed and token:
                at_hand = self._alert_client.at_hand(day_began(self._now()))
                self._show_alerts(one for one in at_hand if one.alert_id in self._unnamed)
                self._unnamed.clear()
            if self._uncertain_owed:
                self._list_uncertain()
                self._uncertain_owed = False
        except grpc.RpcError as error:
            if error_reason(error) in SESSION_OVER:
                self._refused_to = token
            else:
                self._log.warning("listing_failed", code=error.code().name)

    def _list_uncertain(self) -> None:
        for alert_id in self._inbox.uncertain_alerts():
            try:
                alert = self._alert_client.alert(alert_id)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                # The server holds it no longer, so there is nothing left to show.
                self._log.warning("uncertain_alert_gone", alert_id=alert_id)
                self._inbox.settle(alert_id)
            else:
                self._show_alerts([alert])

    def _show_alerts(self, alerts: Iterable[Alert]) -> None:
        """Show alerts that arrived without an event; after a crash here they are sent again, as their events are.

        Some at once: the screen and the disk need as long for ten as for one.
        """
        left = iter(alerts)
        while some := tuple(islice(left, SHOWN_AT_ONCE)):
            for alert in some:
                self._screen.prepare(alert)
            self._screen.show(*(ShownAlert(one, self._now(), news=self._shown.news(one)) for one in some))
            self._inbox.settle(*(one.alert_id for one in some))
            self._note_names(*some)
            self._shown.note(*some)

    def _note_names(self, *alerts: Alert) -> None:
        self._unnamed -= {one.alert_id for one in alerts if one.named}
        self._unnamed |= {one.alert_id for one in alerts if not one.named}
