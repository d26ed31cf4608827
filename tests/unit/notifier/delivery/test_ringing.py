"""For which alerts a PC rings: domain rules 1, 6 and 7."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.notifier.delivery.alert_cache import is_supervised, rings
from cekalwatch.office.alerts import News
from tests.support.builders.notifier_alerts import BUDI, SITI, held_by, judged_by, make_alert, make_shown, session_of
from tests.support.fakes.alert_server import EPOCH

NEW = make_alert()
CLAIMED = held_by(BUDI)
REFERRED = judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES)
UNDETERMINED = judged_by(BUDI, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
CONFIRMED = replace(REFERRED, state=AlertState.CONFIRMED)
CLEARED = judged_by(BUDI, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
CLOSED = replace(CLEARED, state=AlertState.CLOSED)
E = AlertEventType


def heard(alert: Alert, event: AlertEventType | None, news: News, *, supervised: bool = False) -> bool:
    sequence = 1 if event else None
    return rings(make_shown(alert, sequence=sequence, event=event, news=news), supervised=supervised)


@pytest.mark.parametrize(("alert", "event"), list(product((NEW, CLAIMED), (*E, None))))
def test_an_undecided_alert_rings_where_it_was_never_shown_whatever_brings_it(
    alert: Alert, event: AlertEventType | None
) -> None:
    assert heard(alert, event, News.FIRST)


@pytest.mark.parametrize("event", [E.RAISED, E.SIGHTED, E.CLAIMED, E.RELEASED, E.ESCALATED, None])
def test_an_officers_pc_that_has_shown_an_alert_does_not_ring_for_it_again(event: AlertEventType | None) -> None:
    assert not heard(NEW, event, News.CHANGED)
    assert not heard(NEW, event, News.SAME)


@pytest.mark.parametrize("alert", [REFERRED, UNDETERMINED, CONFIRMED], ids=lambda alert: alert.state)
def test_who_was_referred_or_confirmed_rings_at_the_next_counter(alert: Alert) -> None:
    assert heard(alert, E.SIGHTED, News.FIRST)
    assert not heard(alert, E.ADJUDICATED, News.FIRST), "nobody stands at this counter"
    assert not heard(alert, E.SIGHTED, News.CHANGED)


@pytest.mark.parametrize(("alert", "event"), list(product((CLEARED, CLOSED), (*E, None))))
def test_what_is_settled_never_rings(alert: Alert, event: AlertEventType | None) -> None:
    assert not heard(alert, event, News.FIRST, supervised=True)


@pytest.mark.parametrize("alert", [REFERRED, UNDETERMINED], ids=lambda alert: alert.state)
def test_a_referral_rings_at_the_supervisors_pc_and_again_whenever_it_goes_up(alert: Alert) -> None:
    assert heard(alert, E.ADJUDICATED, News.CALLED, supervised=True)
    assert heard(alert, E.ESCALATED, News.CALLED, supervised=True)
    assert heard(NEW, E.ESCALATED, News.CALLED, supervised=True)
    assert heard(NEW, E.RELEASED, News.CALLED, supervised=True), "a later event tells of it first"
    assert not heard(NEW, E.ESCALATED, News.CALLED)
    assert heard(alert, None, News.FIRST, supervised=True), "it waited while the PC was off"
    assert not heard(alert, E.ESCALATED, News.SAME, supervised=True), "it rang as it stands"
    assert not heard(alert, E.FOLLOWED_UP, News.CHANGED, supervised=True)


@pytest.mark.parametrize(("alert", "event"), list(product((NEW, CLAIMED, REFERRED), (*E, None))))
def test_an_alert_whose_orders_have_ended_is_silent(alert: Alert, event: AlertEventType | None) -> None:
    ended = replace(alert, orders_ended_at=EPOCH)
    assert not any(heard(ended, event, news, supervised=True) for news in News)


def test_an_order_in_force_again_rings_again() -> None:
    assert heard(NEW, E.ORDERS_RESUMED, News.CHANGED)
    assert heard(REFERRED, E.ORDERS_RESUMED, News.CHANGED, supervised=True)
    assert not heard(REFERRED, E.ORDERS_RESUMED, News.CHANGED)


def test_the_next_candidate_after_a_referral_rings_at_the_counter_that_showed_the_alert_before() -> None:
    next_one = replace(REFERRED, state=AlertState.NEW, version=4)
    assert heard(next_one, E.CLEARED, News.CHANGED)
    assert heard(next_one, E.CLEARED, News.CHANGED, supervised=True)
    assert not heard(next_one, E.CLEARED, News.SAME)
    assert not heard(CLEARED, E.CLEARED, News.CHANGED)


def test_a_supervisor_is_who_has_signed_in_or_else_whoever_watches_the_whole_site() -> None:
    supervisor, officer = session_of(SITI, PersonRole.SUPERVISOR), session_of(BUDI)
    assert is_supervised(supervisor, ("3",))
    assert not is_supervised(officer, ())
    assert is_supervised(None, ())
    assert not is_supervised(None, ("3",))
