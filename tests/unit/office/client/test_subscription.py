"""The subscription against a real server: it resumes, reconnects, and tells what happened."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.alerts import Alert, AlertEvent, AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.office.client import subscription
from cekalwatch.office.client.subscription import (
    RETRYABLE_CODES,
    Start,
    Subscription,
    SubscriptionClient,
)
from cekalwatch.office.connection import Cause, Disconnected, LostPosition, StartedOver, Update
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.session_file import SessionFile
from cekalwatch.v1 import camera_pb2
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer, ServerChoice
from tests.support.builders.notifier_alerts import FRESH
from tests.support.fakes.alert_server import NOBODY, AlertServer, EventLog, alert_message

AGENT = "pc-1"


class Watcher:
    """Reads one subscription's updates."""

    def __init__(self, subscription: Subscription, client: SubscriptionClient) -> None:
        self.subscription = subscription
        self.client = client
        self.updates = subscription.updates()

    def next_of(self, *kinds: type[Update]) -> Update:
        return next(update for update in self.updates if isinstance(update, kinds))

    def sequences(self, count: int) -> list[int]:
        events = (update for update in self.updates if isinstance(update, AlertEvent))
        return [next(events).sequence for _ in range(count)]


class Watch:
    """Makes watchers, and closes their channels."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self,
        address: str | ServerChoice,
        start: Start = Start.ACKNOWLEDGED,
        *,
        silence_timeout_s: float = 30,
        wanted: AlertFilter = AlertFilter(),  # noqa: B008  # frozen
        session: SessionFile = NOBODY,
    ) -> Watcher:
        client = self._stack.enter_context(closing(SubscriptionClient(Dialer(address, None), AGENT, wanted, session)))
        backoff = Backoff(first_s=0.01, most_s=0.05, random=random.Random(1))  # noqa: S311  # jitter
        subscription = Subscription(client, start, silence_timeout_s, backoff)
        self._stack.callback(subscription.stop)
        return Watcher(subscription, client)


@pytest.fixture
def watch() -> Iterator[Watch]:
    with ExitStack() as stack:
        yield Watch(stack)


def test_an_agent_goes_on_after_its_position(watch: Watch) -> None:
    log = EventLog(acknowledged={AGENT: 2})
    for _ in range(3):
        log.raise_alert()
    with AlertServer(log) as server:
        assert watch(server.address).sequences(1) == [3]


def test_what_no_server_of_ours_can_say_ends_the_connection_and_not_the_program(watch: Watch) -> None:
    """An alert at an impossible time; fuzzing found it."""
    log = EventLog()
    bad = log.raise_alert()
    bad.alert.capture_time.nanos = 2_000_000_000
    with AlertServer(log) as server:
        watcher = watch(server.address)
        lost = watcher.next_of(Disconnected)
        assert isinstance(lost, Disconnected)
        assert lost.cause is Cause.FAILED
        bad.alert.capture_time.nanos = 0
        assert watcher.sequences(1) == [1]


def test_history_takes_somebody_who_signed_in(watch: Watch) -> None:
    log = EventLog(acknowledged={AGENT: 2}, sessions=set())
    log.raise_alert()
    log.raise_alert()
    with AlertServer(log) as server, pytest.raises(ProgramError, match="Sign in first"):
        next(watch(server.address, Start.BEGINNING).updates)


def test_when_who_asked_for_history_has_gone_it_goes_on_with_what_is_new(watch: Watch, tmp_path: Path) -> None:
    session = SessionFile(tmp_path / "session")
    session.keep("a-token")
    log = EventLog(acknowledged={AGENT: 3}, sessions={"a-token"})
    for _ in range(3):
        log.raise_alert()
    with AlertServer(log) as server:
        watcher = watch(server.address, Start.BEGINNING, session=session)
        assert watcher.sequences(3) == [1, 2, 3]
    for _ in range(3):
        log.raise_alert()
    log.sessions, log.acknowledged[AGENT] = set(), 5
    with AlertServer(log, server.port):
        assert watcher.sequences(1) == [6]


def test_who_signs_in_is_told_names_from_then_on_and_the_pc_rings_without_them_after_the_session(
    watch: Watch, tmp_path: Path
) -> None:
    session = SessionFile(tmp_path / "session")
    log = EventLog(sessions={"a-token"})
    with AlertServer(log) as server:
        watcher = watch(server.address, session=session)
        watcher.next_of(Subscribed)

        def raised() -> Alert:
            log.raise_alert()
            (update,) = (watcher.next_of(AlertEvent, Disconnected),)
            assert isinstance(update, AlertEvent), "nothing tells an officer that the line was away"
            log.acknowledged[AGENT] = update.sequence
            return update.alert

        assert (raised().named, watcher.client.person_changed) == (False, False)
        session.keep("a-token")
        watcher.subscription.person_came()
        watcher.next_of(Subscribed)
        assert raised().subject.name == "BUDI SANTOSO"
        with log.changed:
            log.sessions = set()
        watcher.next_of(Subscribed)
        assert not raised().named, "also with a token that the server refuses"
        assert not watcher.client.person_changed
        log.sessions = {"another"}
        session.keep("another")
        again = watcher.next_of(Subscribed, Disconnected)
        assert isinstance(again, Subscribed), "a sign-in by a command is noticed with the next message"
        assert raised().named


@pytest.mark.parametrize("reason", ["PERSON_ROLE_NEEDED", "PASSWORD_CHANGE_NEEDED", "PERSON_SITE_NOT_ALLOWED"])
def test_somebody_who_may_not_see_alerts_keeps_the_pc_from_none(watch: Watch, tmp_path: Path, reason: str) -> None:
    session = SessionFile(tmp_path / "session")
    session.keep("a-token")
    with AlertServer(EventLog()) as server:
        server.refusals["SubscribeAlerts"] = reason, {}
        watcher = watch(server.address, session=session)
        server.with_token_only = True
        assert isinstance(next(watcher.updates), Subscribed)


def test_from_now_leaves_out_the_past_even_when_the_connection_breaks_before_the_first_event(watch: Watch) -> None:
    log = EventLog()
    log.raise_alert()
    with AlertServer(log) as server:
        watcher = watch(server.address, Start.NOW)
        watcher.next_of(Subscribed)
    log.raise_alert()
    with AlertServer(log, server.port):
        assert watcher.sequences(1) == [2]


def test_from_start_goes_on_after_a_break_where_it_was(watch: Watch) -> None:
    log = EventLog()
    log.raise_alert()
    log.raise_alert()
    log.acknowledged[AGENT] = 2
    with AlertServer(log) as server:
        watcher = watch(server.address, Start.BEGINNING)
        assert watcher.sequences(2) == [1, 2]
    log.raise_alert()
    log.raise_alert()
    log.acknowledged[AGENT] = 4
    with AlertServer(log, server.port):
        assert watcher.next_of(Subscribed) == Subscribed(2, 4, FRESH, readiness=Readiness())
        assert watcher.sequences(2) == [3, 4]


def test_filter_reaches_the_server(watch: Watch) -> None:
    log = EventLog()
    log.raise_alert(alert_message(counter="3"))
    log.raise_alert(alert_message(counter="4", direction=camera_pb2.DIRECTION_ARRIVAL))
    log.raise_alert(alert_message(counter="5", direction=camera_pb2.DIRECTION_ARRIVAL))
    log.raise_alert(alert_message(counter="5", site="sekupang", direction=camera_pb2.DIRECTION_ARRIVAL))
    log.raise_alert(alert_message(counter="6", direction=camera_pb2.DIRECTION_ARRIVAL))
    wanted = AlertFilter("batam-center", frozenset({"3", "5", "6"}), Direction.ARRIVAL)
    with AlertServer(log) as server:
        assert watch(server.address, wanted=wanted).sequences(2) == [3, 5]


def test_server_that_stops_and_comes_back_is_noticed_and_nothing_is_lost(watch: Watch) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        watcher = watch(server.address)
        log.raise_alert()
        assert watcher.sequences(1) == [1]
        watcher.client.acknowledge(1)
    assert isinstance(watcher.next_of(Disconnected), Disconnected)
    log.raise_alert()
    with AlertServer(log, server.port):
        assert watcher.sequences(1) == [2]


def test_server_that_is_not_there_is_tried_again(watch: Watch) -> None:
    with AlertServer(EventLog()) as server:
        pass
    watcher = watch(server.address)
    assert [next(watcher.updates) for _ in range(3)] == [Disconnected(Cause.UNREACHABLE)] * 3


def test_a_server_that_says_how_often_it_sends_is_given_up_after_three_periods(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was believed for as long as the settings say, 30 s, and screens said CONNECTED."""
    monkeypatch.setattr(subscription, "MIN_SILENCE_S", 0.0)
    with AlertServer(EventLog(), keep_alive_s=0.05) as server:
        assert server.readiness is not None
        server.readiness.repeat_period.FromMilliseconds(200)
        watcher = watch(server.address, silence_timeout_s=3600.0)
        watcher.next_of(KeepAlive)
        server.mute = True
        begun_s = time.monotonic()
        assert watcher.next_of(Disconnected) == Disconnected(Cause.SILENT)
        assert time.monotonic() - begun_s < 60


def test_keep_alives_bring_the_freshness_of_the_watchlist(watch: Watch) -> None:
    with AlertServer(EventLog(), keep_alive_s=0.01) as server:
        watcher = watch(server.address)
        fresh = watcher.next_of(KeepAlive)
        server.freshness.stale = True
        stale = next(update for update in watcher.updates if isinstance(update, KeepAlive) and update.freshness.stale)
    assert isinstance(fresh, KeepAlive)
    assert not fresh.freshness.stale
    assert isinstance(stale, KeepAlive)
    assert stale.freshness.stale


def test_silent_server_is_given_up_and_dialled_again(watch: Watch) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        server.mute = True
        watcher = watch(server.address, silence_timeout_s=0.3)
        assert watcher.next_of(Disconnected) == Disconnected(Cause.SILENT)
        server.mute = False
        log.raise_alert()
        assert watcher.sequences(1) == [1]
        assert len(server.subscriptions) > 1


@pytest.mark.parametrize("lost", LostPosition)
def test_refused_position_begins_from_the_start(watch: Watch, lost: LostPosition) -> None:
    log = EventLog(acknowledged={AGENT: 1 if lost is LostPosition.TOO_OLD else 9})
    for _ in range(4):
        log.raise_alert()
    log.forget_events_up_to(2)
    with AlertServer(log) as server:
        watcher = watch(server.address)
        assert watcher.next_of(Subscribed, StartedOver) == StartedOver(lost)
        assert watcher.sequences(2) == [3, 4]


def test_log_that_was_replaced_during_a_break_is_read_from_its_own_start(watch: Watch) -> None:
    log = EventLog()
    log.raise_alert()
    with AlertServer(log) as server:
        watcher = watch(server.address)
        assert watcher.sequences(1) == [1]
    replaced = EventLog()
    for _ in range(3):
        replaced.raise_alert()
    with AlertServer(replaced, server.port):
        assert watcher.sequences(3) == [1, 2, 3]


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code in RETRYABLE_CODES])
def test_passing_failure_is_tried_again(watch: Watch, code: grpc.StatusCode) -> None:
    log = EventLog()
    log.raise_alert()
    with AlertServer(log) as server:
        server.failures["SubscribeAlerts"] = code
        watcher = watch(server.address)
        assert isinstance(next(watcher.updates), Disconnected)
        server.failures.clear()
        assert watcher.sequences(1) == [1]


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in RETRYABLE_CODES | {grpc.StatusCode.OK}]
)
def test_refusal_that_a_person_must_mend_is_told_and_tried_again(
    watch: Watch, code: grpc.StatusCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "REFUSED_PAUSE_S", 0.01)
    with AlertServer(EventLog()) as server:
        server.failures["SubscribeAlerts"] = code
        watcher = watch(server.address)
        first = next(watcher.updates)
        assert isinstance(first, Disconnected)
        assert (first.cause, first.refusal and first.refusal.code) == (Cause.REFUSED, code.name)
        server.failures.clear()
        server.refusals["SubscribeAlerts"] = ("COUNTER_UNKNOWN", {"counters": "Z9", "known": "D1"})
        refused = watcher.next_of(Disconnected)
        assert isinstance(refused, Disconnected)
        assert refused.refusal
        assert refused.refusal.code == "COUNTER_UNKNOWN"
        assert refused.refusal.details["counters"] == "Z9"
        server.refusals.clear()
        watcher.next_of(Subscribed)


def test_stop_ends_the_updates_at_once(watch: Watch) -> None:
    with AlertServer(EventLog(), keep_alive_s=60) as server:
        watcher = watch(server.address)
        watcher.next_of(Subscribed)
        watcher.subscription.stop()
        assert list(watcher.updates) == []
        stopped_before = watch(server.address)
        stopped_before.subscription.stop()
        assert list(stopped_before.updates) == []


def two_servers(log: EventLog) -> tuple[ServerChoice, AlertServer, AlertServer]:
    """Two servers of one log, the first one that the agent tries before the other."""
    known = {one.address: one for one in (AlertServer(log), AlertServer(log))}
    choice = ServerChoice(known, AGENT)
    first, second = (known[address] for address in choice.addresses)
    return choice, first, second


def test_the_next_server_is_gone_to_without_a_word_about_the_first(watch: Watch) -> None:
    log = EventLog()
    choice, first, second = two_servers(log)
    with first, second:
        watcher = watch(choice)
        watcher.next_of(Subscribed)
        log.raise_alert()
        assert watcher.sequences(1) == [1]
        log.acknowledged[AGENT] = 1
        first.stop()
        log.raise_alert()
        seen: list[Update] = []
        while not (seen and isinstance(seen[-1], AlertEvent)):
            seen.append(next(watcher.updates))
        assert {type(update) for update in seen} <= {Subscribed, KeepAlive, AlertEvent}
        assert len(second.subscriptions) == 1


def test_an_agent_is_told_when_no_server_is_left_and_goes_on_when_one_comes_back(watch: Watch) -> None:
    log = EventLog()
    choice, first, second = two_servers(log)
    with first, second:
        watcher = watch(choice)
        watcher.next_of(Subscribed)
    assert watcher.next_of(Disconnected) == Disconnected(Cause.UNREACHABLE)
    with AlertServer(log, first.port):
        watcher.next_of(Subscribed)


def test_a_stream_goes_along_when_another_call_has_lost_the_server(watch: Watch) -> None:
    log = EventLog()
    choice, first, second = two_servers(log)
    with first, second:
        watcher = watch(choice)
        watcher.next_of(Subscribed)
        choice.lost(first.address)
        watcher.next_of(Subscribed)
        assert len(second.subscriptions) == 1
