"""The delivery with a real inbox and a real server: shown once, and never lost, wherever it dies."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.alerts import Alert, AlertEvent, AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.people import PersonRole, PersonSession
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.delivery.alert_delivery import Acknowledgements, AlertDelivery, Recall
from cekalwatch.notifier.delivery.inbox import Inbox
from cekalwatch.notifier.delivery.ringing import Station, rings
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.office.connection import Disconnected, LostPosition, Update
from cekalwatch.program.session_file import SessionFile
from cekalwatch.v1 import adjudication_pb2
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.notifier_alerts import BUDI, SITI, session_of
from tests.support.fakes.alert_server import EPOCH, NOBODY, AlertServer, EventLog, alert_message, attend

AGENT = "pc-1"


class Killed(BaseException):
    """Stands for the death of the process: nothing may catch it."""


class Paper:
    """A screen that keeps what it showed; survives the death of the program, as paper does."""

    def __init__(self) -> None:
        self.shown: list[ShownAlert] = []
        self.links: list[str] = []
        self.lost: list[LostPosition] = []
        self.dies = ""
        self.prepared: list[str] = []
        self.station = Station(AGENT, session=session_of(BUDI))

    @property
    def sequences(self) -> list[int]:
        return [shown.sequence for shown in self.shown if shown.sequence is not None]

    @property
    def rang(self) -> list[str]:
        return [shown.alert.alert_id for shown in self.shown if rings(shown, self.station)]

    @property
    def relisted(self) -> list[str]:
        return [shown.alert.alert_id for shown in self.shown if shown.relisted]

    def prepare(self, alert: Alert) -> None:
        self.prepared.append(alert.alert_id)
        if self.dies == "preparing":
            raise Killed

    def show(self, *shown: ShownAlert) -> None:
        if self.dies == "before showing":
            raise Killed
        self.shown.extend(shown)
        if self.dies == "after showing":
            raise Killed

    def connected(self, freshness: Freshness, waiting: int, readiness: Readiness | None = None) -> None:  # noqa: ARG002  # the protocol's
        self.links.append("stale" if freshness.stale else "fresh")

    def disconnected(self, ended: Disconnected) -> None:
        self.links.append(ended.cause)

    def started_over(self, lost: LostPosition) -> None:
        self.lost.append(lost)

    def passed_unusable(self, notice: UnusableNotice) -> None:
        self.links.append(f"{notice.passages} {notice.reason}")


class Run:
    """One run of the notifier's parts; its folder outlives it."""

    def __init__(
        self,
        folder: Path,
        address: str,
        paper: Paper,
        recall: Recall,
        start: Start,
        wanted: AlertFilter,
        session: SessionFile = NOBODY,
    ) -> None:
        self._stack = ExitStack()
        self.inbox = self._stack.enter_context(closing(Inbox(folder / "inbox.sqlite3")))
        client = self._stack.enter_context(closing(SubscriptionClient(Dialer(address, None), AGENT, wanted, session)))
        alert_client = self._stack.enter_context(
            closing(AlertClient(Calls(Dialer(address, None)), AGENT, AlertFilter(), session))
        )
        backoff = Backoff(first_s=0.01, most_s=0.05, random=random.Random(1))  # noqa: S311  # jitter
        subscription = Subscription(client, start, 30, backoff)
        self._stack.callback(subscription.stop)
        self._updates = subscription.updates()
        acknowledgements = self._stack.enter_context(Acknowledgements(client.acknowledge, lambda: 0.0))
        self._desk = AlertDelivery(
            alert_client, acknowledgements, self.inbox, paper, recall, lambda: EPOCH, subscription.person_came
        )

    def person_came(self, session: PersonSession) -> None:
        self._desk.person_came(session)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until(self, kind: type[Update]) -> None:
        """Take updates up to the next one of `kind`."""
        for update in self._updates:
            self._desk.take(update)
            if isinstance(update, kind):
                return

    def until_quiet(self) -> None:
        """Take updates until the server has nothing more to send."""
        self.until(KeepAlive)


class Notifier:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paper = Paper()

    def run(
        self,
        address: str,
        recall: Recall = Recall.UNCERTAIN,
        start: Start = Start.ACKNOWLEDGED,
        wanted: AlertFilter = AlertFilter(),  # noqa: B008  # frozen
        session: SessionFile = NOBODY,
    ) -> Run:
        self.paper.station = replace(self.paper.station, wanted=wanted)
        return Run(self.folder, address, self.paper, recall, start, wanted, session)


@pytest.fixture
def notifier(tmp_path: Path) -> Notifier:
    return Notifier(tmp_path)


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def server(log: EventLog) -> Iterator[AlertServer]:
    with AlertServer(log, keep_alive_s=0.05) as running:
        yield running


def test_events_are_shown_in_order_once_they_are_ready_and_acknowledged(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    raised = log.raise_alert()
    log.sight(raised.alert.alert_id, 0.8)
    with notifier.run(server.address) as run:
        run.until_quiet()
    first, second = notifier.paper.shown
    assert (first.sequence, first.event_type, second.sequence, second.event_type) == (
        1,
        AlertEventType.RAISED,
        2,
        AlertEventType.SIGHTED,
    )
    assert second.alert.score == pytest.approx(0.8)
    assert len(second.alert.sightings) == 2
    assert notifier.paper.prepared == [raised.alert.alert_id] * 2
    assert log.acknowledged[AGENT] == 2


def test_restart_shows_nothing_twice_even_when_the_server_forgot_the_position(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    log.raise_alert()
    with notifier.run(server.address) as run:
        run.until_quiet()
    log.raise_alert()
    log.acknowledged.clear()
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.sequences == [1, 2]
    assert notifier.paper.relisted == []


@pytest.mark.parametrize("moment", ["before showing", "after showing"])
def test_death_around_the_showing_lists_the_alert_again_and_never_its_sequence(
    notifier: Notifier, server: AlertServer, log: EventLog, moment: str
) -> None:
    alert_id = log.raise_alert().alert.alert_id
    notifier.paper.dies = moment
    with notifier.run(server.address) as run, pytest.raises(Killed):
        run.until_quiet()
    notifier.paper.dies = ""
    log.raise_alert()
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.relisted == [alert_id]
    assert notifier.paper.sequences == ([1, 2] if moment == "after showing" else [2])
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.relisted == [alert_id], "settled by the listing"


def test_death_before_the_acknowledgement_is_made_good_without_showing_again(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    log.raise_alert()
    server.failures["AcknowledgeAlerts"] = grpc.StatusCode.UNAVAILABLE
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert log.acknowledged == {}
    server.failures.clear()
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert log.acknowledged == {AGENT: 1}
    assert notifier.paper.sequences == [1]


def test_acknowledgement_that_failed_is_sent_with_the_next_sign_of_life(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    log.raise_alert()
    server.failures["AcknowledgeAlerts"] = grpc.StatusCode.UNAVAILABLE
    with notifier.run(server.address) as run:
        run.until_quiet()
        server.failures.clear()
        run.until_quiet()
        log.wait_until(lambda log: log.acknowledged == {AGENT: 1})


def test_alert_that_cannot_be_listed_again_now_is_listed_later(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    alert_id = log.raise_alert().alert.alert_id
    notifier.paper.dies = "before showing"
    with notifier.run(server.address) as run, pytest.raises(Killed):
        run.until_quiet()
    notifier.paper.dies = ""
    server.failures["GetAlert"] = grpc.StatusCode.UNAVAILABLE
    with notifier.run(server.address) as run:
        run.until_quiet()
        assert notifier.paper.shown == []
        log.wait_until(lambda log: log.acknowledged == {AGENT: 1})
    server.failures.clear()
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.relisted == [alert_id]


def test_uncertain_alert_that_the_server_no_longer_holds_is_settled(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    alert_id = log.raise_alert().alert.alert_id
    notifier.paper.dies = "before showing"
    with notifier.run(server.address) as run, pytest.raises(Killed):
        run.until_quiet()
    notifier.paper.dies = ""
    del log.alerts[alert_id]
    with notifier.run(server.address) as run:
        run.until_quiet()
        assert run.inbox.uncertain_alerts() == ()
    assert notifier.paper.shown == []


def test_an_alert_that_was_raised_elsewhere_rings_wherever_the_traveller_comes_to_each_time(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    alert_id = log.raise_alert(alert_message(counter="3")).alert.alert_id
    with notifier.run(server.address, wanted=AlertFilter(counters=frozenset({"5"}))) as run:
        run.until_quiet()
        assert notifier.paper.shown == []
        log.sight(alert_id, 0.7, counter="5")
        run.until(AlertEvent)
        assert notifier.paper.rang == [alert_id]
        log.sight(alert_id, 0.8, counter="5")
        run.until(AlertEvent)
        assert notifier.paper.rang == [alert_id] * 2, "a further passage at this counter"
        log.sight(alert_id, 0.8, counter="3")
        log.sight(alert_id, 0.9, counter="5", late=True)
        log.go_up(alert_id)
        for _ in range(3):
            run.until(AlertEvent)
        assert notifier.paper.rang == [alert_id] * 2
    with notifier.run(server.address, wanted=AlertFilter(counters=frozenset({"5"}))) as run:
        log.sight(alert_id, 0.9, counter="5")
        run.until_quiet()
    assert len(notifier.paper.shown) == 6
    assert notifier.paper.rang == [alert_id] * 3


def test_what_is_told_again_of_an_alert_that_came_from_elsewhere_is_not_shown_after_what_is_newer(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    alert_id = log.raise_alert(alert_message(counter="3")).alert.alert_id
    log.sight(alert_id, 0.6, counter="3")
    with notifier.run(server.address, wanted=AlertFilter(counters=frozenset({"5"}))) as run:
        run.until_quiet()
        log.sight(alert_id, 0.7, counter="5")
        run.until(AlertEvent)
    log.acknowledged[AGENT] = 0
    with notifier.run(server.address, wanted=AlertFilter(counters=frozenset({"5"}))) as run:
        run.until_quiet()
    assert notifier.paper.sequences == [3], "1 and 2 are of an alert of this counter by now"


def test_what_waited_for_a_pc_that_was_away_rings_newest_first_before_the_rest_and_again_after_a_restart(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    alerts = [log.raise_alert(alert_message(raised=EPOCH + timedelta(minutes=m))).alert for m in range(3)]
    log.waiting = [alerts[2], alerts[0]]
    alerts[1].state = adjudication_pb2.ALERT_STATE_CLOSED
    attend(alerts[1])
    with notifier.run(server.address) as run:
        run.until_quiet()
    keys = [alert.alert_id for alert in alerts]
    assert [shown.alert.alert_id for shown in notifier.paper.shown] == [keys[2], keys[0], *keys]
    assert notifier.paper.sequences == [1, 2, 3]
    assert notifier.paper.rang == [keys[2], keys[0]]
    with notifier.run(server.address) as run:  # told again: the server knows only what was acknowledged
        run.until_quiet()
    assert notifier.paper.rang == [keys[2], keys[0]] * 2


def test_a_restarted_pc_rings_for_what_waits_and_for_nothing_else(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    waits, claimed, referred = (log.raise_alert().alert.alert_id for _ in range(3))
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.rang == [waits, claimed, referred]
    log.alerts[claimed].state = adjudication_pb2.ALERT_STATE_CLAIMED
    log.alerts[claimed].handling.claim.expire_time.FromDatetime(EPOCH + timedelta(seconds=90))
    log.alerts[referred].state = adjudication_pb2.ALERT_STATE_REFERRED
    attend(log.alerts[claimed])
    attend(log.alerts[referred])
    with notifier.run(server.address, Recall.AT_HAND) as run:
        run.until_quiet()
    assert notifier.paper.rang == [waits, claimed, referred, waits]


def test_a_death_before_the_mark_rings_again_rather_than_never(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    alert_id = log.raise_alert().alert.alert_id
    notifier.paper.dies = "before showing"
    with notifier.run(server.address) as run, pytest.raises(Killed):
        run.until_quiet()
    notifier.paper.dies = ""
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.relisted == notifier.paper.rang == [alert_id]


def test_screen_that_begins_empty_lists_the_newest_alerts_newest_first(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    keys = [log.raise_alert(alert_message(raised=EPOCH + timedelta(minutes=m))).alert.alert_id for m in range(3)]
    log.acknowledged[AGENT] = 3
    with notifier.run(server.address, Recall.AT_HAND) as run:
        run.until_quiet()
        run.until_quiet()
    assert notifier.paper.relisted == keys[::-1]


def test_a_pc_that_connects_again_while_alerts_wait_lists_them_whatever_the_server_takes_for_shown(
    notifier: Notifier, log: EventLog
) -> None:
    """Somebody who can write the database moved the PC's position."""
    with AlertServer(log, keep_alive_s=0.05) as first, notifier.run(first.address, Recall.AT_HAND) as run:
        run.until_quiet()
        first.stop()
        alert_id = log.raise_alert().alert.alert_id
        log.acknowledged[AGENT] = log.head
        with AlertServer(log, first.port, keep_alive_s=0.05) as again:
            again.waiting_alerts = 1
            run.until(Subscribed)
            run.until_quiet()
    assert notifier.paper.rang == notifier.paper.relisted == [alert_id]


def test_an_open_alert_of_any_age_is_listed_at_the_start_however_many_are_settled_since(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    settled = adjudication_pb2.ALERT_STATE_CLEARED
    long_ago, today = EPOCH - timedelta(days=3), EPOCH + timedelta(minutes=1)
    referred = log.raise_alert(alert_message(raised=long_ago)).alert.alert_id
    log.alerts[referred].state = adjudication_pb2.ALERT_STATE_REFERRED
    for raised in (long_ago, *[today] * 120):
        log.alerts[log.raise_alert(alert_message(raised=raised)).alert.alert_id].state = settled
    log.acknowledged[AGENT] = log.head
    with notifier.run(server.address, Recall.AT_HAND) as run:
        run.until_quiet()
    assert notifier.paper.relisted[-1] == referred
    assert len(notifier.paper.relisted) == len(set(notifier.paper.relisted)) == 121


def test_a_supervisor_who_signs_in_is_rung_once_for_what_came_to_the_supervisors_before(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    referred, escalated, _ = (log.raise_alert(alert_message(counter="D1")).alert.alert_id for _ in range(3))
    log.alerts[referred].state = adjudication_pb2.ALERT_STATE_REFERRED
    log.go_up(escalated)
    supervisor = session_of(SITI, PersonRole.SUPERVISOR)
    with notifier.run(server.address, wanted=AlertFilter(counters=frozenset({"D2"}))) as run:
        run.until_quiet()
        run.person_came(session_of(BUDI))
        assert notifier.paper.shown == []
        notifier.paper.station = Station(AGENT, session=supervisor)
        server.failures["ListAlerts"] = grpc.StatusCode.UNAVAILABLE
        run.person_came(supervisor)
        server.failures.clear()
        run.until_quiet()
        assert sorted(notifier.paper.rang) == sorted([referred, escalated])
        run.person_came(supervisor)
    assert len(notifier.paper.rang) == 2


def test_what_came_while_nobody_was_signed_in_gets_its_names_after_the_sign_in_and_rings_once(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    log.sessions = {"a-token"}
    session = SessionFile(notifier.folder / "session")
    notifier.paper.station = Station(AGENT)
    with notifier.run(server.address, session=session) as run:
        run.until_quiet()
        alert_id = log.raise_alert().alert.alert_id
        log.sight(alert_id, 0.7)
        run.until(AlertEvent)
        run.until(AlertEvent)
        assert [one.alert.named for one in notifier.paper.shown] == [False, False]
        assert notifier.paper.rang == [alert_id, alert_id], "it rings for each passage"
        session.keep("a-token")
        notifier.paper.station = Station(AGENT, session=session_of(SITI, PersonRole.SUPERVISOR))
        run.person_came(session_of(SITI, PersonRole.SUPERVISOR))
        named = notifier.paper.shown[-1].alert
        assert (named.alert_id, named.subject.name, len(named.orders)) == (alert_id, "BUDI SANTOSO", 1)
        run.until_quiet()
        assert notifier.paper.rang == [alert_id, alert_id]
        log.raise_alert()
        run.until(AlertEvent)
        assert notifier.paper.shown[-1].alert.named


def test_a_death_while_an_alert_is_made_ready_shows_it_as_an_event_later(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    log.raise_alert()
    notifier.paper.dies = "preparing"
    with notifier.run(server.address) as run, pytest.raises(Killed):
        run.until_quiet()
    notifier.paper.dies = ""
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert (notifier.paper.sequences, notifier.paper.relisted) == ([1], [])


@pytest.mark.parametrize("events_of_new_log", [1, 2, 5])
def test_new_log_of_the_server_is_shown_from_its_start(notifier: Notifier, events_of_new_log: int) -> None:
    old = EventLog()
    for _ in range(2):
        old.raise_alert()
    with AlertServer(old, keep_alive_s=0.05) as server, notifier.run(server.address) as run:
        run.until_quiet()
    new = EventLog()
    for _ in range(events_of_new_log):
        new.raise_alert()
    with AlertServer(new, keep_alive_s=0.05) as server, notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.sequences == [1, 2, *range(1, events_of_new_log + 1)]
    assert notifier.paper.lost == [LostPosition.UNKNOWN]
    assert new.acknowledged == {AGENT: events_of_new_log}


def test_events_that_are_no_longer_held_are_told_and_the_rest_is_shown(
    notifier: Notifier, server: AlertServer, log: EventLog
) -> None:
    log.raise_alert()
    with notifier.run(server.address) as run:
        run.until_quiet()
    for _ in range(3):
        log.raise_alert()
    log.forget_events_up_to(3)
    with notifier.run(server.address) as run:
        run.until_quiet()
    assert notifier.paper.lost == [LostPosition.TOO_OLD]
    assert notifier.paper.sequences == [1, 4]


def test_stale_watchlist_reaches_the_screen(notifier: Notifier, server: AlertServer) -> None:
    with notifier.run(server.address) as run:
        run.until_quiet()
        server.freshness.stale = True
        run.until_quiet()
        run.until_quiet()
    assert notifier.paper.links[0] == "fresh"
    assert notifier.paper.links[-1] == "stale"
