"""An alert that nobody settled says when no order of it is in force any more, on every kind of database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.orders.law_table import SHIPPED, Law, LawTable
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.audit import deleted
from tests.support.builders.watchlist import WIB, FixedClock, order, subject
from tests.support.scenarios.adjudication import POLICY, Counter, contact

E = AlertEventType


def revoke(counter: Counter, at: datetime | None) -> None:
    counter.watchlist.put(subject(), order(revoked_at=at), [])


def code_of(step: Callable[[], object]) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()
    return caught.value.code


def ended(counter: Counter, alert_id: UUID) -> bool:
    return counter.alerts.get(alert_id).handling.orders_ended_at is not None


def test_an_order_that_is_revoked_ends_every_open_alert_at_the_next_look_and_stops_their_escalation(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    new, held, referred, cleared = (counter.raise_alert(str(number)) for number in range(4))
    for alert_id in (held, referred, cleared):
        counter.claim(alert_id, budi)
    counter.judge(referred, budi)
    counter.judge(cleared, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    assert counter.order_watch.look() == 0
    announced = counter.announced
    revoke(counter, clock.now())
    assert [counter.order_watch.look(), counter.order_watch.look()] == [3, 0]
    assert counter.announced == announced + 1
    assert [ended(counter, one) for one in (new, held, referred, cleared)] == [True, True, True, False]
    assert counter.events(new) == [E.RAISED, E.ORDERS_ENDED]
    assert len(counter.trail(Action.ALERT_ORDERS_ENDED)) == 3
    counter.escalator.escalate()
    clock.advance(timedelta(hours=3))
    counter.escalator.escalate()
    assert counter.events(new) == [E.RAISED, E.ORDERS_ENDED]
    assert counter.events(held) == [E.RAISED, E.CLAIMED, E.ORDERS_ENDED, E.RELEASED], "only the claim runs out"
    assert counter.events(referred)[-1] is E.ORDERS_ENDED


def test_an_order_ends_by_the_checkpoints_clock_and_no_change_of_the_list(counter: Counter, clock: FixedClock):
    today = clock.now().astimezone(WIB).date()
    counter.list_subject(until=today)
    alert_id = counter.raise_alert()
    midnight = datetime.combine(today + timedelta(days=1), time(), WIB)
    clock.advance(midnight - clock.now() - timedelta(seconds=1))
    assert counter.order_watch.look() == 0
    clock.advance(timedelta(seconds=1))
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    assert ended(counter, alert_id)


def test_another_law_ends_an_order_and_lets_it_go_on_at_the_next_look(counter: Counter):
    """Its change counts no subject, and no alert changes by it."""
    alert_id = counter.raise_alert()
    counter.order_watch.look()
    shorter = [replace(row, term_months=1) for row in SHIPPED.rows]
    for law, has_ended in ((Law(LawTable(tuple(shorter))), True), (Law(), False)):
        counter.checkpoints.law = law
        assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
        assert ended(counter, alert_id) is has_ended


def test_a_revocation_that_is_dated_ahead_ends_the_alert_at_its_moment(counter: Counter, clock: FixedClock):
    alert_id = counter.raise_alert()
    revoke(counter, clock.now() + timedelta(minutes=5))
    clock.advance(timedelta(minutes=4, seconds=59))
    assert counter.order_watch.look() == 0
    clock.advance(timedelta(seconds=1))
    assert counter.order_watch.look() == 1
    assert ended(counter, alert_id)


def test_a_subject_who_left_the_list_ends_its_alerts(counter: Counter):
    alert_id = counter.raise_alert()
    counter.watchlist.delete_subject("S-1", deleted)
    assert counter.order_watch.look() == 1
    assert ended(counter, alert_id)


def test_an_alert_whose_orders_ended_can_only_be_cleared(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    new, held, unclear = (counter.raise_alert(str(number)) for number in range(3))
    counter.claim(held, budi)
    counter.claim(unclear, budi)
    counter.judge(unclear, budi, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
    seen = counter.version(held)
    revoke(counter, clock.now())
    counter.order_watch.look()
    assert code_of(lambda: counter.claim(new, budi)) is Code.ORDER_NOT_IN_FORCE
    assert code_of(lambda: counter.judge(held, budi)) is Code.ORDER_NOT_IN_FORCE
    assert code_of(lambda: counter.confirm(unclear, siti)) is Code.ORDER_NOT_IN_FORCE
    assert code_of(lambda: counter.clear(held, ani)) is Code.ALERT_HELD
    assert code_of(lambda: counter.clear(unclear, budi)) is Code.PERSON_ROLE_NEEDED
    assert counter.version(held) > seen, "whoever judges has to see it first"
    for alert_id, who in ((new, ani), (held, budi), (unclear, siti)):
        assert counter.clear(alert_id, who).state is AlertState.CLEARED
        assert counter.events(alert_id)[-1] is E.CLEARED


def test_an_order_in_force_again_lets_the_alert_go_on_and_refuses_what_was_judged_before(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    revoke(counter, clock.now())
    counter.order_watch.look()
    stale = counter.version(alert_id)
    clock.advance(timedelta(hours=1))
    revoke(counter, None)
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    assert not ended(counter, alert_id)
    assert counter.version(alert_id) > stale
    assert counter.escalator.escalate() == 0, "it waits from now on"
    clock.advance(POLICY.to_supervisor)
    assert counter.escalator.escalate() == 1
    assert counter.events(alert_id) == [E.RAISED, E.ORDERS_ENDED, E.ORDERS_RESUMED, E.ESCALATED]
    counter.claim(alert_id, budi)
    assert counter.judge(alert_id, budi).state is AlertState.REFERRED


def test_an_extension_stands_in_for_the_order_that_it_extends(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    counter.watchlist.put(subject(), order(valid_from=date(2025, 9, 2), valid_until=date(2026, 3, 1)), [])
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    extension = order(
        "O-2",
        valid_from=date(2026, 3, 2),
        valid_until=date(2026, 8, 31),
        received_on=date(2026, 2, 20),
        extends_order_id="O-1",
    )
    counter.watchlist.put(subject(), extension, [])
    clock.advance(timedelta(days=2))
    assert counter.order_watch.look() == 0
    assert {one.order_id for one in counter.details.get(alert_id).whole.orders} == {"O-1", "O-2"}
    assert counter.confirm(alert_id, siti).state is AlertState.CONFIRMED


def two_candidates(counter: Counter) -> UUID:
    """Raise an alert about one person who is listed under two keys; the order of the better one can be revoked."""
    both = match(capture(), others={"S-2": 0.6})
    counter.watchlist.put(subject("S-2"), order("O-S-2", subject_id="S-2"), [])
    event = counter.alerts.record(both, timedelta(0), counter.clock.now())
    assert event is not None
    return event.alert_id


def test_who_holds_an_alert_is_asked_about_the_candidate_whose_order_goes_on(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    alert_id = two_candidates(counter)
    seen = counter.claim(alert_id, budi).version
    revoke(counter, clock.now())
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    alert = counter.alerts.get(alert_id)
    assert (alert.subject_id, alert.state, alert.version) == ("S-2", AlertState.CLAIMED, seen + 1)
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.CANDIDATE_LAPSED]
    assert len(counter.trail(Action.ALERT_CANDIDATE_LAPSED)) == 1
    assert counter.judge(alert_id, budi).state is AlertState.REFERRED
    assert counter.confirm(alert_id, siti).state is AlertState.CONFIRMED


def test_further_crops_do_not_bring_the_question_back_to_who_has_no_order(counter: Counter, clock: FixedClock):
    alert_id = two_candidates(counter)
    revoke(counter, clock.now())
    counter.order_watch.look()
    version = counter.version(alert_id)
    own = (Candidate("S-2", 0.6, order_ids=("O-S-2",)),)
    crop = replace(match(capture(at=NOON + timedelta(seconds=1))), candidates=own)
    counter.alerts.record(crop, timedelta(0), counter.clock.now())
    assert counter.order_watch.look() == 0
    alert = counter.alerts.get(alert_id)
    assert (alert.subject_id, alert.version) == ("S-2", version)


def test_a_referral_speaks_of_who_was_judged_until_it_is_cleared(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = two_candidates(counter)
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    seen = counter.version(alert_id)
    revoke(counter, clock.now())
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    alert = counter.alerts.get(alert_id)
    assert (alert.subject_id, alert.version, ended(counter, alert_id)) == ("S-1", seen + 1, False)
    assert counter.events(alert_id)[-1] is E.CANDIDATE_LAPSED, "every screen says that the ground is gone"
    counter.list_subject()
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    assert (counter.events(alert_id)[-1], counter.version(alert_id)) == (E.ORDERS_RESUMED, seen + 2)
    cleared = counter.clear(alert_id, budi)
    assert (cleared.subject_id, cleared.state) == ("S-2", AlertState.NEW)


def test_who_has_no_order_is_left_for_the_end_and_can_be_cleared(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    alert_id = two_candidates(counter)
    counter.claim(alert_id, budi)
    revoke(counter, clock.now())
    counter.order_watch.look()
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    assert counter.order_watch.look() == 1
    assert ended(counter, alert_id)
    assert counter.clear(alert_id, budi).state is AlertState.CLEARED


@pytest.mark.both_databases
def test_servers_that_look_at_once_say_it_once(counter: Counter, clock: FixedClock):
    alert_id = counter.raise_alert()
    other = Counter(counter.database, clock, keys=counter.keys)
    revoke(counter, NOON)
    assert counter.order_watch.look() + other.order_watch.look() == 1
    assert counter.events(alert_id) == [E.RAISED, E.ORDERS_ENDED]


def confirmed(counter: Counter, budi: ActingPerson, siti: ActingPerson) -> UUID:
    """A hit: an officer referred it, and a supervisor found it in Cekal Online."""
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.confirm(alert_id, siti)
    return alert_id


def test_a_hit_says_at_once_that_its_order_was_revoked_and_can_be_followed_up_and_closed(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    hit = confirmed(counter, budi, siti)
    assert counter.order_watch.look() == 0
    seen = counter.version(hit)
    revoke(counter, clock.now())
    assert [counter.order_watch.look(), counter.order_watch.look()] == [1, 0]
    assert counter.events(hit)[-1] is E.ORDERS_ENDED
    assert (ended(counter, hit), counter.alerts.get(hit).state) == (True, AlertState.CONFIRMED)
    assert code_of(lambda: counter.adjudicator.follow_up(hit, budi, contact(budi), seen)) is Code.ALERT_CHANGED
    counter.adjudicator.follow_up(hit, budi, contact(budi), counter.version(hit))
    assert counter.adjudicator.close(hit, siti, counter.version(hit)).state is AlertState.CLOSED


def test_a_hit_goes_on_once_its_order_is_in_force_again(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    hit = confirmed(counter, budi, siti)
    revoke(counter, clock.now())
    counter.order_watch.look()
    clock.advance(timedelta(minutes=1))
    revoke(counter, None)
    assert counter.order_watch.look() == 1
    assert counter.events(hit)[-2:] == [E.ORDERS_ENDED, E.ORDERS_RESUMED]
    assert not ended(counter, hit)


def test_a_hit_ends_with_the_orders_of_whom_it_confirmed_whoever_else_was_asked_about(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    counter.watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"))
    event = counter.alerts.record(match(capture(), subject="S-1", others={"S-2": 0.5}), timedelta(0), clock.now())
    assert event is not None
    counter.claim(event.alert_id, budi)
    counter.judge(event.alert_id, budi)
    counter.confirm(event.alert_id, siti)
    revoke(counter, clock.now())
    assert counter.order_watch.look() == 1
    assert ended(counter, event.alert_id)


NIK = "2171000000000001"


def under_another_key(counter: Counter, order_id: str = "O-9") -> None:
    """The same person, whose key in the source is another one now, has an order under that."""
    counter.watchlist.put(subject("S-9", nik=NIK), order(order_id, subject_id="S-9"))


def test_an_order_that_lives_on_under_another_key_of_the_person_has_not_ended(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    counter.watchlist.put(subject(nik=NIK), order())
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    under_another_key(counter)
    counter.watchlist.put(subject(nik=NIK), order(withdrawn_at=clock.now()))
    assert counter.order_watch.look() == 0
    shown = counter.details.get(alert_id).whole
    assert [(one.order_id, one.status) for one in shown.orders] == [
        ("O-1", OrderStatus.REVOKED),
        ("O-9", OrderStatus.ACTIVE),
    ]
    counter.confirm(alert_id, siti)
    counter.watchlist.put(subject("S-9", nik=NIK), order("O-9", subject_id="S-9", revoked_at=clock.now()))
    assert counter.order_watch.look() == 1
    assert ended(counter, alert_id), "now nothing is left"


def test_an_order_that_comes_under_another_key_of_the_person_lets_the_alert_go_on(counter: Counter, clock: FixedClock):
    counter.watchlist.put(subject(nik=NIK), order())
    alert_id = counter.raise_alert()
    counter.watchlist.put(subject(nik=NIK), order(withdrawn_at=clock.now()))
    assert counter.order_watch.look() == 1
    under_another_key(counter)
    assert counter.order_watch.look() == 1
    assert not ended(counter, alert_id)


@pytest.mark.parametrize("nik", [NIK, ""])
def test_an_order_that_moved_to_another_key_goes_on_there(counter: Counter, nik: str):
    counter.watchlist.put(subject(nik=nik), order())
    alert_id = counter.raise_alert()
    counter.watchlist.put(subject("S-9", nik=nik), order(subject_id="S-9"))
    assert counter.order_watch.look() == 0
    shown = counter.details.get(alert_id).whole
    assert [(one.order_id, one.subject_id, one.status) for one in shown.orders] == [("O-1", "S-9", OrderStatus.ACTIVE)]


def test_an_order_that_moved_to_somebody_else_has_ended_for_the_first(counter: Counter):
    counter.watchlist.put(subject(nik=NIK), order())
    alert_id = counter.raise_alert()
    counter.watchlist.put(subject("S-9", nik="2171000000000002"), order(subject_id="S-9"))
    assert counter.order_watch.look() == 1
    assert ended(counter, alert_id)
