"""Claims are leases of elapsed time, and what waits goes up, whatever the clocks of servers say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation
from cekalwatch.server.alerts.adjudication import ActingPerson
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, Counter, seat

E = AlertEventType
SECOND = timedelta(seconds=1)
AHEAD = timedelta(hours=6)


def lets_pass(clock: FixedClock, counter: Counter, time: timedelta) -> None:
    """Let time pass, while the server looks again and again."""
    counter.escalator.escalate()
    while time > timedelta():
        step = min(time, 10 * SECOND)
        clock.advance(step)
        counter.escalator.escalate()
        time -= step


def test_a_claim_that_was_given_while_the_clock_was_ahead_ends_a_lease_later(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    clock.moment += AHEAD
    counter.claim(alert_id, budi)
    clock.moment -= AHEAD
    lets_pass(clock, counter, POLICY.lease + SECOND)
    assert counter.alerts.get(alert_id).state is AlertState.NEW
    assert counter.claim(alert_id, ani).state is AlertState.CLAIMED


def test_a_claim_that_is_renewed_outlives_every_jump_of_the_clock(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    for jump in (AHEAD, -2 * AHEAD, AHEAD, timedelta()):
        clock.moment += jump
        lets_pass(clock, counter, POLICY.lease / 3)
        counter.claim(alert_id, budi)
    assert E.RELEASED not in counter.events(alert_id)


@pytest.mark.both_databases
@pytest.mark.parametrize("ahead", [timedelta(seconds=100), timedelta(seconds=-100)])
def test_a_server_whose_clock_differs_ends_nobodys_lease(
    counter: Counter, budi: ActingPerson, clock: FixedClock, ahead: timedelta
):
    """The claims are given and renewed by one server, and another one, the leader, watches them."""
    other_clock = FixedClock(clock.moment + ahead)
    leader = Counter(counter.database, other_clock, keys=counter.keys)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    for _ in range(4 * POLICY.lease // (30 * SECOND)):
        clock.advance(30 * SECOND)
        lets_pass(other_clock, leader, 30 * SECOND)
        counter.claim(alert_id, budi)
    assert not {E.RELEASED, E.CLAIMED} & set(counter.events(alert_id)[2:]), "it does not flap"
    lets_pass(other_clock, leader, POLICY.lease + SECOND)
    assert counter.events(alert_id)[-2:].count(E.RELEASED) == 1, "the PC has died"


def test_after_a_restart_a_lease_lasts_one_lease_more_at_most(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    lets_pass(clock, counter, POLICY.lease - SECOND)
    restarted = Counter(counter.database, clock, keys=counter.keys)
    restarted.escalator.escalate()
    lets_pass(clock, restarted, POLICY.lease - SECOND)
    assert counter.alerts.get(alert_id).state is AlertState.CLAIMED, "it has not watched a lease long itself"
    lets_pass(clock, restarted, SECOND)
    assert counter.alerts.get(alert_id).state is AlertState.NEW


def test_claiming_and_releasing_does_not_stop_escalation(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = counter.raise_alert()
    for _ in range(3):
        lets_pass(clock, counter, POLICY.to_supervisor / 4)
        counter.claim(alert_id, budi)
        lets_pass(clock, counter, SECOND)
        counter.adjudicator.release(alert_id, budi, seat(budi))
    lets_pass(clock, counter, POLICY.to_supervisor / 4)
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR


def test_holding_it_in_turns_goes_to_the_supervisors_as_well(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = counter.raise_alert()
    for _ in range(POLICY.to_settle // timedelta(minutes=1)):
        counter.claim(alert_id, budi)
        lets_pass(clock, counter, timedelta(minutes=1) - SECOND)
        counter.adjudicator.release(alert_id, budi, seat(budi))
        clock.advance(SECOND)
        counter.claim(alert_id, budi)
    counter.escalator.escalate()
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD])
def test_what_waits_goes_up_in_its_time_when_the_clock_jumps(counter: Counter, clock: FixedClock, ahead: timedelta):
    alert_id = counter.raise_alert()
    counter.escalator.escalate()
    clock.moment += ahead
    lets_pass(clock, counter, POLICY.to_supervisor)
    assert counter.alerts.get(alert_id).handling.escalation >= Escalation.SUPERVISOR
    lets_pass(clock, counter, POLICY.to_supervisor)
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SITE
    before = counter.alerts.get(alert_id).handling.escalations
    for _ in range(2):
        lets_pass(clock, counter, POLICY.again)
    assert 1 <= counter.alerts.get(alert_id).handling.escalations - before <= 3, "as often as with a right clock"
