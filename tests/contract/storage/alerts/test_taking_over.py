"""Who left an alert keeps nobody from it: a supervisor takes it over; signing out or a disabled account frees it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudication
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.auth.refusals import RefusalTrail
from cekalwatch.server.auth.sessions import Device, Sessions
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.domain.presence import AgentPresence
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.store import KeptPassword
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, Counter, seat

E = AlertEventType


def code_of(step: object) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()  # type: ignore[operator]
    return caught.value.code


@pytest.fixture
def rina(counter: Counter) -> ActingPerson:
    """A second supervisor."""
    return counter.hire("rina", PersonRole.SUPERVISOR)


def disable(counter: Counter, who: ActingPerson) -> None:
    entry = AuditEntry(counter.clock.now(), Actor(ActorKind.COMMAND, "test"), Action.PERSON_CHANGED)
    counter.people.change(replace(who.person, disabled=True), entry)


@pytest.mark.both_databases
def test_a_supervisor_takes_over_from_the_holder_with_a_reason(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, ani: ActingPerson
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    assert code_of(lambda: counter.take_over(alert_id, ani)) is Code.PERSON_ROLE_NEEDED
    taken = counter.take_over(alert_id, siti)
    assert (taken.state, taken.handling.claim and taken.handling.claim.holder) == (
        AlertState.CLAIMED,
        siti.person.reference,
    )
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.TAKEN_OVER]
    assert (taken.handling.findings[-1].outcome, taken.handling.findings[-1].person) == (
        Outcome.TAKEN_OVER,
        siti.person.reference,
    )
    ((_, actor, details),) = counter.trail(Action.ALERT_TAKEN_OVER)
    assert (actor, '"reason":"HOLDER_AWAY"' in details) == (str(siti.actor), True)
    assert code_of(lambda: counter.judge(alert_id, budi)) is Code.ALERT_HELD
    assert code_of(lambda: counter.take_over(alert_id, siti)) is Code.ALERT_STATE_WRONG, "it is theirs"


def test_taking_over_what_has_changed_meanwhile_is_refused(counter: Counter, budi: ActingPerson, siti: ActingPerson):
    alert_id = counter.raise_alert()
    seen = counter.claim(alert_id, budi).version
    counter.judge(alert_id, budi)
    old = Adjudication(Outcome.TAKEN_OVER, Reason.HOLDER_AWAY, "", seen)
    assert code_of(lambda: counter.adjudicator.take_over(alert_id, siti, seat(siti), old)) is Code.ALERT_CHANGED


def test_a_supervisor_refers_where_no_officer_is_there_and_another_confirms(
    counter: Counter, siti: ActingPerson, rina: ActingPerson
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, siti)
    counter.judge(alert_id, siti)
    assert code_of(lambda: counter.confirm(alert_id, siti)) is Code.SAME_PERSON_TWICE
    assert counter.confirm(alert_id, rina).state is AlertState.CONFIRMED
    ((_, _, details),) = counter.trail(Action.ALERT_CONFIRMED)
    assert '"officer":"none there"' in details


def test_two_supervisors_confirm_nothing_while_an_officer_is_there(
    counter: Counter, siti: ActingPerson, rina: ActingPerson, budi: ActingPerson
):
    """A confirmation needs an officer and a supervisor (rule 6)."""
    alert_id = counter.raise_alert()
    counter.claim(alert_id, siti)
    counter.judge(alert_id, siti)
    counter.pcs["pc-budi"] = AgentPresence("batam-center", officer=True)
    assert code_of(lambda: counter.confirm(alert_id, rina)) is Code.OFFICER_THERE
    counter.take_over(alert_id, rina, Reason.ANOTHER_LOOK)
    counter.adjudicator.release(alert_id, rina, seat(rina))
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    assert counter.confirm(alert_id, rina).state is AlertState.CONFIRMED
    ((_, _, details),) = counter.trail(Action.ALERT_CONFIRMED)
    assert "none there" not in details


def test_an_officer_of_another_site_or_who_confirms_with_both_roles_is_no_hindrance(
    counter: Counter, siti: ActingPerson, rina: ActingPerson
):
    both = counter.hire("dewi", PersonRole.SUPERVISOR, PersonRole.OFFICER)
    here, there = counter.raise_alert("1"), counter.raise_alert("2")
    for alert_id in (here, there):
        counter.claim(alert_id, siti)
        counter.judge(alert_id, siti)
    counter.pcs["pc-far"] = AgentPresence("sekupang", officer=True)
    assert counter.confirm(there, rina).state is AlertState.CONFIRMED
    counter.pcs["pc-dewi"] = AgentPresence("batam-center", officer=True)
    assert counter.confirm(here, both).state is AlertState.CONFIRMED


@pytest.mark.both_databases
def test_the_look_of_an_officer_who_was_disabled_since_is_anothers(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    disable(counter, budi)
    assert code_of(lambda: counter.confirm(alert_id, siti)) is Code.OFFICER_DISABLED
    counter.take_over(alert_id, siti, Reason.ANOTHER_LOOK)
    counter.adjudicator.release(alert_id, siti, seat(siti))
    counter.claim(alert_id, ani)
    counter.judge(alert_id, ani)
    hit = counter.confirm(alert_id, siti)
    assert hit.state is AlertState.CONFIRMED
    assert hit.handling.officer == ani.person.reference


@pytest.mark.both_databases
def test_who_signs_out_holds_nothing_at_that_pc_any_more(counter: Counter, budi: ActingPerson, ani: ActingPerson):
    here, elsewhere, anothers = (counter.raise_alert(str(number)) for number in range(3))
    counter.claim(here, budi)
    counter.adjudicator.claim(elsewhere, budi, "pc-far")
    counter.claim(anothers, ani)
    counter.adjudicator.signed_out(budi.person, budi.actor, seat(budi))
    states = [counter.alerts.get(one).state for one in (here, elsewhere, anothers)]
    assert states == [AlertState.NEW, AlertState.CLAIMED, AlertState.CLAIMED]
    assert counter.events(here) == [E.RAISED, E.CLAIMED, E.RELEASED]
    assert [actor for _, actor, _ in counter.trail(Action.ALERT_RELEASED)] == [str(budi.actor)]
    counter.adjudicator.signed_out(budi.person, budi.actor, None)
    assert counter.alerts.get(elsewhere).state is AlertState.NEW, "on the server's own machine no device has a name"


def test_who_is_disabled_holds_nothing_any_more(counter: Counter, budi: ActingPerson, ani: ActingPerson):
    held, anothers = counter.raise_alert("1"), counter.raise_alert("2")
    counter.claim(held, budi)
    counter.claim(anothers, ani)
    assert counter.escalator.escalate() == 0
    disable(counter, budi)
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    assert [counter.alerts.get(one).state for one in (held, anothers)] == [AlertState.NEW, AlertState.CLAIMED]


@pytest.mark.both_databases
def test_whose_session_was_ended_or_revoked_holds_nothing_any_more(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson
):
    """At once, though nobody said so to whom the alert is: an administrator reset a password, a PC was stolen."""
    held = [counter.raise_alert(str(number)) for number in range(3)]
    for alert_id, who in zip(held, (budi, ani, siti), strict=True):
        counter.claim(alert_id, who)
    elsewhere = counter.sign_in(siti.person, "pc-hall")
    assert counter.escalator.escalate() == 0
    note = AuditEntry(counter.clock.now(), Actor(ActorKind.COMMAND, "test"), Action.PERSON_CHANGED)
    counter.people.set_password(budi.person.person_id, KeptPassword("x", must_change=True), note)
    counter.revoked |= {seat(ani), seat(siti)}
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [2, 0]
    states = [AlertState.NEW, AlertState.NEW, AlertState.CLAIMED]
    assert [counter.alerts.get(one).state for one in held] == states, "the last one is signed in elsewhere"
    counter.sessions.remove(elsewhere)
    assert counter.escalator.escalate() == 1


def test_a_session_whose_time_was_over_holds_nothing_once_a_call_was_refused(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    """The PC renews its claims a few times within a lease. No clock ends a claim by itself: that of a server may be
    wrong (N9)."""
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    sessions = Sessions(counter.sessions, RefusalTrail(counter.audit, clock), clock, SessionTerms())
    key, pc = f"{budi.person.sign_in_name}@{seat(budi)}", Device(budi.actor, seat(budi))
    clock.moment += SessionTerms().idle
    counter.escalator.escalate()
    assert counter.alerts.get(alert_id).state is AlertState.CLAIMED
    assert code_of(lambda: sessions.again(key, pc, used=True)) is Code.SESSION_ENDED
    counter.escalator.escalate()
    assert counter.alerts.get(alert_id).state is AlertState.NEW


def test_a_claim_of_a_session_that_ended_by_itself_lasts_a_lease_at_most(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    """Nobody at the PC may call any more."""
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.escalator.escalate()
    clock.advance(POLICY.lease)
    counter.escalator.escalate()
    assert counter.alerts.get(alert_id).state is AlertState.NEW
