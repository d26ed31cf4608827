"""Cekal Online cannot be reached: two people confirm without its reference number, and nothing is forgotten of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Clearing, Escalation, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudication
from cekalwatch.server.alerts.reports import shift_report
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, REFERENCE, Counter, contact

E = AlertEventType


def code_of(step: object) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()  # type: ignore[operator]
    return caught.value.code


@pytest.fixture
def hit(counter: Counter, budi: ActingPerson, siti: ActingPerson) -> UUID:
    """A hit whose reference is owed."""
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.confirm_provisionally(alert_id, siti)
    return alert_id


def enter(counter: Counter, alert_id: UUID, who: ActingPerson, reference: str = REFERENCE) -> AlertState:
    return counter.adjudicator.enter_reference(alert_id, who, reference, "", counter.version(alert_id)).state


def owed(counter: Counter) -> list[UUID]:
    found = counter.alerts.list_alerts(AlertFilter(), None, 10, AlertSearch(reference_owed=True))
    return [one.alert_id for one in found]


@pytest.mark.both_databases
def test_a_provisional_hit_owes_its_reference_until_it_is_entered(
    counter: Counter, hit: UUID, siti: ActingPerson, clock: FixedClock
):
    assert counter.alerts.get(hit).handling.reference_owed_since == clock.now()
    assert owed(counter) == [hit]
    counter.adjudicator.follow_up(hit, siti, contact(siti), counter.version(hit))
    assert code_of(lambda: counter.adjudicator.close(hit, siti, counter.version(hit))) is Code.REFERENCE_OWED
    assert code_of(lambda: enter(counter, hit, siti, "?")) is Code.REFERENCE_INVALID
    assert code_of(lambda: enter(counter, hit, siti, "")) is Code.REFERENCE_INVALID
    clock.advance(timedelta(hours=72))
    assert enter(counter, hit, siti) is AlertState.CONFIRMED
    assert counter.alerts.get(hit).handling.reference_owed_since is None
    assert (owed(counter), counter.alerts.get(hit).handling.reference) == ([], REFERENCE)
    assert code_of(lambda: enter(counter, hit, siti)) is Code.ALERT_STATE_WRONG, "once"
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED
    assert counter.events(hit)[-4:] == [E.CONFIRMED, E.FOLLOWED_UP, E.REFERENCE_ENTERED, E.CLOSED]
    assert len(counter.trail(Action.ALERT_REFERENCE_ENTERED)) == 1


@pytest.mark.both_databases
def test_a_provisional_hit_is_taken_back_with_its_reason(counter: Counter, hit: UUID, siti: ActingPerson):
    cleared = counter.clear(hit, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
    assert (cleared.state, counter.events(hit)[-1], owed(counter)) == (AlertState.CLEARED, E.TAKEN_BACK, [])
    ((_, actor, details),) = counter.trail(Action.ALERT_TAKEN_BACK)
    assert (actor, '"reason":"NOT_LISTED_IN_CEKAL_ONLINE"' in details) == (str(siti.actor), True)
    shown = counter.details.get(hit).whole
    assert (shown.hit, shown.handling.clearing) == (False, Clearing.NOT_LISTED)
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED
    assert not counter.details.get(hit).whole.hit


def test_officers_neither_enter_it_nor_take_it_back(counter: Counter, hit: UUID, ani: ActingPerson):
    assert code_of(lambda: enter(counter, hit, ani)) is Code.PERSON_ROLE_NEEDED
    assert code_of(lambda: counter.clear(hit, ani, Reason.NOT_LISTED_IN_CEKAL_ONLINE)) is Code.PERSON_ROLE_NEEDED


def test_a_hit_with_a_reference_is_not_taken_back(counter: Counter, hit: UUID, siti: ActingPerson):
    enter(counter, hit, siti)
    assert code_of(lambda: counter.clear(hit, siti)) is Code.ALERT_STATE_WRONG


def test_a_provisional_confirmation_needs_two_people_and_no_number(counter: Counter, budi: ActingPerson):
    both = counter.hire("both", PersonRole.OFFICER, PersonRole.SUPERVISOR)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, both)
    counter.judge(alert_id, both)
    assert code_of(lambda: counter.confirm_provisionally(alert_id, both)) is Code.SAME_PERSON_TWICE
    assert code_of(lambda: counter.confirm_provisionally(alert_id, budi)) is Code.PERSON_ROLE_NEEDED
    down = Adjudication(Outcome.CONFIRMED, Reason.CENTRAL_SYSTEM_DOWN, "", counter.version(alert_id))
    siti = counter.hire("siti-2", PersonRole.SUPERVISOR)
    assert code_of(lambda: counter.adjudicator.confirm(alert_id, siti, REFERENCE, down)) is Code.REFERENCE_INVALID
    assert code_of(lambda: counter.confirm(alert_id, siti, reference="")) is Code.REFERENCE_INVALID


@pytest.mark.both_databases
def test_what_is_owed_goes_to_the_supervisors_again_and_again_until_it_is_settled(
    counter: Counter, hit: UUID, siti: ActingPerson, clock: FixedClock
):
    clock.advance(POLICY.to_settle)
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    assert counter.alerts.get(hit).handling.escalation is Escalation.SUPERVISOR
    for _ in range(3):
        clock.advance(POLICY.owed_again)
        assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    counter.adjudicator.follow_up(hit, siti, contact(siti), counter.version(hit))
    enter(counter, hit, siti)
    clock.advance(timedelta(days=1))
    assert counter.escalator.escalate() == 0


def test_what_is_owed_is_not_forgotten_when_the_order_ends(counter: Counter, hit: UUID, clock: FixedClock):
    clock.moment += timedelta(days=200)
    assert counter.order_watch.look() == 1
    counter.escalator.escalate()
    assert counter.alerts.get(hit).handling.escalation is Escalation.SUPERVISOR
    assert owed(counter) == [hit]


def test_a_shift_counts_provisional_hits_apart(
    counter: Counter, hit: UUID, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    other, taken_back = counter.raise_alert("2"), counter.raise_alert("3")
    for alert_id in (other, taken_back):
        counter.claim(alert_id, budi)
        counter.judge(alert_id, budi)
    counter.confirm(other, siti)
    counter.confirm_provisionally(taken_back, siti)
    counter.clear(taken_back, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)

    def report() -> tuple[int, int, int, int]:
        day = timedelta(days=1)
        found = shift_report(counter.handling.raised_between("batam-center", clock.now() - day, clock.now() + day))
        assert found.raised == found.cleared + found.confirmed + found.provisional + found.open
        return found.confirmed, found.provisional, found.cleared, found.false_alerts

    assert report() == (1, 1, 1, 1)
    enter(counter, hit, siti)
    assert report() == (2, 0, 1, 1)


def test_the_pictures_of_a_hit_that_was_taken_back_go_as_those_of_other_cleared_alerts(
    counter: Counter, hit: UUID, siti: ActingPerson, clock: FixedClock
):
    clock.advance(timedelta(days=2))
    counter.sweeper().sweep_images()
    assert counter.alerts.probe(hit), "the hit stands"
    counter.clear(hit, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
    clock.advance(timedelta(hours=23))
    counter.sweeper().sweep_images()
    assert not counter.alerts.probe(hit)
