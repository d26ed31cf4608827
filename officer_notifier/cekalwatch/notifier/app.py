"""Opens what every screen of the notifier needs, and brings alerts to it: the one place where these parts meet."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

import structlog

from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.notifier.delivery.alert_delivery import Acknowledgements, AlertDelivery, Recall, Screen
from cekalwatch.notifier.delivery.inbox import Inbox
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.alarm_client import AlarmClient, AlarmSubscription
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.platform.session import STOP_SIGNALS, session_messages
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.traces import TRACES
from cekalwatch.wire.calls import Calls

log = structlog.get_logger()


class AlarmScreen(Protocol):
    """The screen of a person, or the output for a program."""

    def alarms(self, present: Alarms) -> None:
        """Show the present alarms; all others are over."""


class AlarmDelivery(BackgroundThread):
    """Brings alarms onto a screen for the time of the block, in a thread of its own."""

    def __init__(self, subscription: AlarmSubscription, screen: AlarmScreen) -> None:
        super().__init__("troubles")
        self._subscription = subscription
        self._screen = screen

    def _wake(self) -> None:
        self._subscription.stop()

    def _round(self) -> bool:
        try:
            for present in self._subscription.updates():
                self._screen.alarms(present)
        except ProgramError as error:  # the screen is gone; the delivery of alerts fails in the same way
            log.warning("troubles_not_shown", error=str(error))
        return False


class NotifierScreen(Screen, AlarmScreen, Protocol):
    """A screen of alerts and alarms."""


@dataclass(frozen=True)
class Notifier:
    """The parts that do not depend on the screen."""

    alert_client: AlertClient
    sessions: SessionClient
    subscription: Subscription
    acknowledgements: Acknowledgements
    inbox: Inbox
    alarms: AlarmSubscription
    alarm_client: AlarmClient
    zone: tzinfo

    def delivery(self, screen: NotifierScreen, recall: Recall) -> AlertDelivery:
        now, reopen = (lambda: datetime.now(self.zone)), self.subscription.person_came
        return AlertDelivery(self.alert_client, self.acknowledgements, self.inbox, screen, recall, now, reopen)

    def deliver(self, delivery: AlertDelivery, screen: NotifierScreen) -> None:
        """Bring alerts and alarms to `screen` until the subscription is stopped.

        Raises ProgramError when alerts cannot come any more.
        """
        with AlarmDelivery(self.alarms, screen), self.acknowledgements:
            for update in self.subscription.updates():
                delivery.take(update)


@contextmanager
def opened(settings: NotifierSettings, start: Start, *, rings: bool = True) -> Iterator[Notifier]:
    """Open the parts; at the end of the block, close them.

    `rings`: whether a person at the counter hears of alerts by this program, so that it counts as the counter's PC.
    """
    with ExitStack() as stack:
        stack.enter_context(TRACES.exporting(settings.traces, "cekalwatch-notifier", settings.agent_id))
        inbox = stack.enter_context(closing(Inbox(settings.inbox_path)))
        session = SessionFile(settings.session_path)
        agent_id, wanted = settings.agent_id, settings.wanted
        dialer = settings.dialer()  # its choice of servers is shared: what one part finds out serves all
        calls = stack.enter_context(closing(Calls(dialer)))
        client = SubscriptionClient(dialer, agent_id, wanted, session, rings_nowhere=not rings)
        stack.callback(client.close)
        alert_client = AlertClient(calls, agent_id, wanted, session)
        yield Notifier(
            alert_client,
            SessionClient(dialer, session),
            Subscription(client, start, settings.silence_timeout_seconds),
            Acknowledgements(client.acknowledge),
            inbox,
            AlarmSubscription(dialer.another(), wanted.site, settings.silence_timeout_seconds),
            AlarmClient(calls, wanted.site, session),
            settings.zone,
        )


@contextmanager
def stopped_by_signals(stop: Callable[[], object], locked: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Call `stop` on the first signal or message of the system that is to end the program, before the end of the block.

    Not on a second one: it may come while the first is being handled, and would wait for a lock that `stop` holds.
    `locked` is called whenever the session is locked, where the system says so. Both may come in another thread.
    """
    once = iter([stop])

    def handle(*_: object) -> None:
        for wanted in once:
            wanted()

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        with session_messages(handle, locked):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
