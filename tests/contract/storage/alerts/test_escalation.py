"""What goes up by itself because nobody takes it, on every kind of database: once a step, however many servers look."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.vocabulary.adjudication import AlertEventType, AlertState, Escalation
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, Counter

E = AlertEventType


def test_an_alert_that_nobody_takes_goes_up_once_a_step(counter: Counter, clock: FixedClock):
    alert_id = counter.raise_alert()
    clock.advance(POLICY.to_supervisor - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    clock.advance(timedelta(seconds=1))
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR
    clock.advance(POLICY.to_supervisor)
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    clock.advance(timedelta(days=3))
    assert counter.escalator.escalate() == 0
    assert counter.events(alert_id) == [E.RAISED, E.ESCALATED, E.ESCALATED]
    levels = [details.split('"level":')[1] for _, _, details in counter.trail(Action.ALERT_ESCALATED)]
    assert [level.split(",")[0] for level in levels] == ['"SUPERVISOR"', '"SITE"']


def test_a_claim_that_runs_out_is_given_back_and_goes_up_when_it_is_not_taken(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(POLICY.lease - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    clock.advance(timedelta(seconds=1))
    assert counter.escalator.escalate() == 1
    assert counter.alerts.get(alert_id).state is AlertState.NEW
    clock.advance(POLICY.to_supervisor)
    counter.escalator.escalate()
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.RELEASED, E.ESCALATED]


def test_servers_that_look_at_once_do_nothing_twice(counter: Counter, budi: ActingPerson, clock: FixedClock):
    waiting = [counter.raise_alert(str(number)) for number in range(5)]
    held = counter.raise_alert("held")
    counter.claim(held, budi)
    clock.advance(POLICY.lease)
    start = Barrier(3)

    def look(_: int) -> int:
        start.wait()
        return counter.escalator.escalate()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(look, range(3))) == 6
    assert {tuple(counter.events(alert_id)) for alert_id in waiting} == {(E.RAISED, E.ESCALATED)}
    assert counter.events(held) == [E.RAISED, E.CLAIMED, E.RELEASED]
