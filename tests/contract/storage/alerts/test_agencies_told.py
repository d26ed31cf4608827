"""Every agency with an order is told of a hit before it is closed, and of the release when its orders have ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import POLICY, Counter, contact

KPK = "Komisi Pemberantasan Korupsi"


def list_orders(counter: Counter, *agencies: str, revoked_at: datetime | None = None) -> None:
    for number, agency in enumerate(agencies, start=1):
        kept = order(f"O-{number}", requesting_agency=agency, revoked_at=revoked_at, decree_number=f"KEP-{number}")
        counter.watchlist.put(subject(), kept)


@pytest.fixture
def hit(counter: Counter, budi: ActingPerson, siti: ActingPerson) -> UUID:
    """A hit with the orders of two agencies."""
    list_orders(counter, "Kejaksaan Agung", KPK)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.confirm(alert_id, siti)
    return alert_id


def owed(counter: Counter, alert_id: UUID) -> set[str]:
    return set(counter.details.get(alert_id).whole.agencies_owed)


def tell(counter: Counter, alert_id: UUID, who: ActingPerson, agency: str) -> None:
    counter.adjudicator.follow_up(alert_id, who, replace(contact(who), agency=agency), counter.version(alert_id))


def refused(counter: Counter, alert_id: UUID, who: ActingPerson) -> tuple[Code, set[str]]:
    with pytest.raises(CekalwatchError) as caught:
        counter.adjudicator.close(alert_id, who, counter.version(alert_id))
    return caught.value.code, set(caught.value.told.get("agencies", "").split(", "))


@pytest.mark.both_databases
def test_a_hit_of_two_agencies_is_not_closed_after_one_was_told(
    counter: Counter, hit: UUID, budi: ActingPerson, siti: ActingPerson
) -> None:
    assert owed(counter, hit) == {"Kejaksaan Agung", KPK}
    assert refused(counter, hit, siti) == (Code.FOLLOW_UP_MISSING, {"Kejaksaan Agung", KPK})
    tell(counter, hit, budi, "KEJAKSAAN AGUNG RI")
    assert owed(counter, hit) == {KPK}
    assert refused(counter, hit, siti) == (Code.FOLLOW_UP_MISSING, {KPK})
    tell(counter, hit, budi, "K.P.K.")
    assert owed(counter, hit) == set()
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED


def test_an_agency_whose_order_came_later_is_owed_too(counter: Counter, hit: UUID, budi: ActingPerson) -> None:
    tell(counter, hit, budi, "Kejaksaan Agung")
    tell(counter, hit, budi, KPK)
    list_orders(counter, "Kejaksaan Agung", KPK, "Badan Narkotika Nasional")
    assert owed(counter, hit) == {"Badan Narkotika Nasional"}


def test_an_agency_whose_order_alone_has_ended_is_owed_word_before_the_hit_is_closed(
    counter: Counter, hit: UUID, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
) -> None:
    tell(counter, hit, budi, "Kejaksaan Agung")
    tell(counter, hit, budi, KPK)
    tell(counter, hit, budi, "Polri")  # which has no order
    counter.watchlist.put(subject(), order("O-2", requesting_agency=KPK, revoked_at=clock.now()))
    assert owed(counter, hit) == {KPK}
    assert refused(counter, hit, siti) == (Code.FOLLOW_UP_MISSING, {KPK})
    tell(counter, hit, budi, "K.P.K.")
    assert [one.release for one in counter.alerts.get(hit).handling.follow_ups] == [False, False, False, True]
    assert owed(counter, hit) == set()
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED


def test_only_who_was_told_of_a_hit_is_told_of_the_release(
    counter: Counter, hit: UUID, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
) -> None:
    tell(counter, hit, budi, "Kejaksaan Agung")
    list_orders(counter, "Kejaksaan Agung", KPK, revoked_at=clock.now())
    counter.order_watch.look()
    assert owed(counter, hit) == {"Kejaksaan Agung"}
    assert refused(counter, hit, siti) == (Code.FOLLOW_UP_MISSING, {"Kejaksaan Agung"})
    tell(counter, hit, siti, "kejaksaan agung")
    assert [one.release for one in counter.alerts.get(hit).handling.follow_ups] == [False, True]
    assert owed(counter, hit) == set()
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED


def test_whoever_was_told_of_a_release_is_told_again_once_the_order_is_back(
    counter: Counter, hit: UUID, budi: ActingPerson, clock: FixedClock
) -> None:
    tell(counter, hit, budi, "Kejaksaan Agung")
    list_orders(counter, "Kejaksaan Agung", KPK, revoked_at=clock.now())
    counter.order_watch.look()
    tell(counter, hit, budi, "Kejaksaan Agung")
    list_orders(counter, "Kejaksaan Agung", KPK)
    counter.order_watch.look()
    assert owed(counter, hit) == {"Kejaksaan Agung", KPK}


def test_a_hit_whose_orders_ended_before_anybody_was_told_can_be_closed(
    counter: Counter, hit: UUID, siti: ActingPerson, clock: FixedClock
) -> None:
    list_orders(counter, "Kejaksaan Agung", KPK, revoked_at=clock.now())
    counter.order_watch.look()
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED


def test_nobody_is_owed_before_an_alert_is_a_hit(counter: Counter) -> None:
    list_orders(counter, "Kejaksaan Agung", KPK)
    assert owed(counter, counter.raise_alert()) == set()


@pytest.mark.both_databases
def test_a_hit_escalates_until_every_agency_was_told(
    counter: Counter, hit: UUID, budi: ActingPerson, clock: FixedClock
) -> None:
    clock.advance(POLICY.to_settle - timedelta(seconds=1))
    assert counter.escalator.escalate() == 0
    clock.advance(timedelta(seconds=1))
    assert [counter.escalator.escalate(), counter.escalator.escalate()] == [1, 0]
    assert counter.alerts.get(hit).handling.escalation is Escalation.SUPERVISOR
    tell(counter, hit, budi, "Kejaksaan Agung")
    clock.advance(POLICY.again)
    assert counter.escalator.escalate() == 1
    tell(counter, hit, budi, KPK)
    clock.advance(POLICY.again)
    assert counter.escalator.escalate() == 0
    assert counter.events(hit).count(AlertEventType.ESCALATED) == 2


@pytest.mark.parametrize("agency", ["-", " RI "])
def test_a_hit_whose_order_names_no_agency_escalates_like_any_other(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock, agency: str
) -> None:
    list_orders(counter, agency)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.confirm(alert_id, siti)
    assert owed(counter, alert_id) == {agency}
    assert refused(counter, alert_id, siti)[0] is Code.FOLLOW_UP_MISSING
    clock.advance(POLICY.to_settle)
    assert counter.escalator.escalate() == 1
    tell(counter, alert_id, budi, agency.strip())
    clock.advance(POLICY.again)
    assert (owed(counter, alert_id), counter.escalator.escalate()) == (set(), 0)


def test_a_hit_whose_orders_have_ended_does_not_escalate(
    counter: Counter, hit: UUID, budi: ActingPerson, clock: FixedClock
) -> None:
    tell(counter, hit, budi, KPK)
    list_orders(counter, "Kejaksaan Agung", KPK, revoked_at=clock.now())
    counter.order_watch.look()
    clock.advance(POLICY.to_settle)
    assert counter.escalator.escalate() == 0
