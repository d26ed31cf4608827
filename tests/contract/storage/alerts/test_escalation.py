"""What goes up by itself because nobody takes it, on every kind of database: once a step, however many servers look."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from cekalwatch.contract.values.adjudication import UNDO_FOR, AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.presence import AgentPresence
from tests.support.builders.alerts import DEPARTURE, capture, match
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, Counter, contact

E = AlertEventType


@pytest.mark.both_databases
def test_an_alert_that_nobody_takes_goes_up_once_a_step(counter: Counter, clock: FixedClock):
    alert_id = counter.raise_alert()
    clock.advance(POLICY.to_supervisor - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    clock.advance(timedelta(seconds=1))
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR
    clock.advance(POLICY.to_supervisor)
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    clock.advance(POLICY.again - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    assert counter.events(alert_id) == [E.RAISED, E.ESCALATED, E.ESCALATED]
    levels = [details.split('"level":')[1] for _, _, details in counter.trail(Action.ALERT_ESCALATED)]
    assert [level.split(",")[0] for level in levels] == ['"SUPERVISOR"', '"SITE"']


def test_an_alert_that_reached_the_whole_site_is_announced_again_until_somebody_takes_it(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    clock.advance(2 * POLICY.to_supervisor)
    assert counter.escalator.escalate() == 1
    for times in (2, 3):
        clock.advance(POLICY.again)
        assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
        assert counter.alerts.get(alert_id).handling.escalations == times
    counter.claim(alert_id, budi)
    clock.advance(timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    assert counter.events(alert_id) == [E.RAISED, E.ESCALATED, E.ESCALATED, E.ESCALATED, E.CLAIMED]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(Outcome.REFERRED, Reason.FACE_AGREES), (Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)],
)
def test_what_nobody_settles_goes_to_the_supervisors_again_and_again_on_whatever_server(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock, outcome: Outcome, reason: Reason
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, outcome, reason)
    clock.advance(UNDO_FOR)
    assert counter.escalator.escalate() == 1, "they are told of it once it cannot be undone"
    clock.advance(POLICY.to_settle - UNDO_FOR - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    clock.advance(timedelta(seconds=1))
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    restarted = Counter(counter.database, clock, keys=counter.keys)
    assert restarted.escalator.escalate() == 0, "it remembers what was announced"
    clock.advance(POLICY.again)
    assert [restarted.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    handling = counter.alerts.get(alert_id).handling
    assert (handling.escalation, handling.escalations, handling.escalated_at) == (Escalation.SUPERVISOR, 3, clock.now())
    if outcome is Outcome.REFERRED:
        counter.confirm(alert_id, siti)
        counter.adjudicator.follow_up(alert_id, budi, contact(budi), counter.version(alert_id))
    else:
        counter.clear(alert_id, siti)
    clock.advance(timedelta(days=3))
    assert counter.escalator.escalate() == 0


def test_a_supervisor_who_judges_while_it_is_announced_again_is_not_refused(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    seen = counter.alerts.get(alert_id).version
    clock.advance(POLICY.to_settle)
    assert counter.escalator.escalate() == 1
    assert counter.confirm(alert_id, siti, version=seen).state is AlertState.CONFIRMED


def test_a_claim_that_runs_out_is_given_back_and_goes_up_at_once(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    assert counter.escalator.escalate() == 0
    clock.advance(POLICY.lease - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    clock.advance(timedelta(seconds=1))
    assert counter.escalator.escalate() == 1
    assert counter.alerts.get(alert_id).state is AlertState.NEW
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.RELEASED, E.ESCALATED]


@pytest.mark.both_databases
def test_servers_that_look_at_once_do_nothing_twice(counter: Counter, budi: ActingPerson, clock: FixedClock):
    waiting = [counter.raise_alert(str(number)) for number in range(5)]
    held = counter.raise_alert("held")
    counter.claim(held, budi)
    assert counter.escalator.escalate() == 0
    clock.advance(POLICY.lease)
    start = Barrier(3)

    def look(_: int) -> int:
        start.wait()
        return counter.escalator.escalate()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(look, range(3))) == 6
    assert {tuple(counter.events(alert_id)) for alert_id in waiting} == {(E.RAISED, E.ESCALATED)}
    assert counter.events(held) == [E.RAISED, E.CLAIMED, E.RELEASED, E.ESCALATED]


def looks(counter: Counter, clock: FixedClock, seconds: int) -> int:
    """Let the server look each second, and return how many steps it took."""
    taken = 0
    for _ in range(seconds):
        clock.advance(timedelta(seconds=1))
        taken += counter.escalator.escalate()
    return taken


def test_an_alert_of_a_counter_without_a_pc_goes_to_the_supervisors_at_once(counter: Counter, clock: FixedClock):
    counter.pcs = {"pc-d2": AgentPresence(counters=frozenset({"D2"})), "pc-s": AgentPresence(supervises=True)}
    assert looks(counter, clock, 11) == 0
    alert_id = counter.raise_alert()
    assert counter.escalator.escalate() == 1, "N20: it waited for a minute"
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR
    assert looks(counter, clock, 40) == 0
    del counter.pcs["pc-s"]
    assert looks(counter, clock, 1) == 1
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SITE, "no supervisor is there either"
    assert counter.events(alert_id) == [E.RAISED, E.ESCALATED, E.ESCALATED]


def test_an_alert_whose_traveller_comes_to_a_counter_without_a_pc_goes_to_the_supervisors(
    counter: Counter, clock: FixedClock
):
    counter.pcs = {"pc-d1": AgentPresence(counters=frozenset({"D1"})), "pc-s": AgentPresence(supervises=True)}
    assert looks(counter, clock, 11) == 0
    alert_id = counter.raise_alert()
    assert looks(counter, clock, 5) == 0
    there = capture(camera=replace(DEPARTURE, camera_id="dep-2", counter="D2"), at=clock.now())
    counter.alerts.record(match(there), timedelta(minutes=10), clock.now())
    assert counter.escalator.escalate() == 1
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR


def test_the_claim_of_a_pc_that_died_ends_once_the_pc_had_time_to_come_back(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, clock: FixedClock
):
    counter.pcs["pc-budi"] = AgentPresence()
    assert looks(counter, clock, 1) == 0
    died, lives = counter.raise_alert("1"), counter.raise_alert("2")
    counter.claim(died, budi)
    counter.claim(lives, ani)  # from a console in a browser, which is no PC
    assert looks(counter, clock, 20) == 0
    del counter.pcs["pc-budi"]
    assert looks(counter, clock, 4) == 0
    assert looks(counter, clock, 1) == 1, "N3: it was silent for a lease"
    assert counter.alerts.get(died).state is AlertState.NEW
    assert counter.alerts.get(lives).state is AlertState.CLAIMED
    assert counter.events(died)[:3] == [E.RAISED, E.CLAIMED, E.RELEASED]


def test_a_claim_by_command_at_a_pc_whose_console_has_ended_stands_for_a_lease(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    counter.pcs["pc-budi"] = AgentPresence()
    alert_id = counter.raise_alert()
    assert looks(counter, clock, 1) == 0
    del counter.pcs["pc-budi"]
    assert looks(counter, clock, 6) == 0
    counter.claim(alert_id, budi)
    assert looks(counter, clock, 10) == 0
    counter.claim(alert_id, budi)  # renewed
    assert looks(counter, clock, 10) == 0
    clock.advance(POLICY.lease - timedelta(seconds=10))
    assert looks(counter, clock, 1) == 1
    assert counter.events(alert_id)[:3] == [E.RAISED, E.CLAIMED, E.RELEASED]
