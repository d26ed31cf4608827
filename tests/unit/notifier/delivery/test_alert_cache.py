"""The alerts that a screen keeps, whichever way and order they come in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from tests.support.builders.notifier_alerts import BUDI, held_by, make_alert, make_shown
from tests.support.fakes.alert_server import EPOCH


def test_an_event_that_was_overtaken_by_a_steps_answer_changes_nothing() -> None:
    book = AlertCache()
    new = make_alert()
    book.take(make_shown(new))
    claimed = held_by(BUDI, new)
    assert book.renew(claimed)
    told = book.take(make_shown(new, event=AlertEventType.RAISED, new=True))
    assert (told.alert, told.event_type, told.news) == (claimed, AlertEventType.RAISED, frozenset(new.asks))
    assert book.renew(new) is None
    kept = book.find(new.alert_id)
    assert kept
    assert kept.alert.state is AlertState.CLAIMED


def test_officers_see_first_a_hit_whose_ground_to_hold_the_traveller_is_gone() -> None:
    book = AlertCache()
    held = replace(make_alert("held", minutes=2), state=AlertState.CONFIRMED, orders_ended_at=EPOCH)
    for alert in (make_alert("old"), held, replace(make_alert("ended"), alert_id="ended", orders_ended_at=EPOCH)):
        book.take(make_shown(alert))
    assert [one.alert.subject.name for one in book.most_urgent_first()] == ["held", "old", "ended"]
    assert book.ended_count == 2


def test_officers_see_escalated_alerts_first_and_the_longest_waiting_before_newer_ones() -> None:
    book = AlertCache()
    old, new, escalated = make_alert("old"), make_alert("new", minutes=1), make_alert("up", minutes=2)
    escalated = replace(escalated, handling=replace(escalated.handling, escalation=Escalation.SUPERVISOR))
    done = replace(make_alert("done", minutes=3), state=AlertState.CLEARED)
    for alert in (new, done, old, escalated):
        book.take(make_shown(alert))
    assert [one.alert.subject.name for one in book.most_urgent_first()] == ["up", "old", "new"]
    assert [one.alert.subject.name for one in book.newest_first()] == ["done", "up", "new", "old"]
    assert book.open_count == 3


def test_when_it_is_full_finished_alerts_leave_before_open_ones() -> None:
    book = AlertCache(most=3)
    finished = replace(make_alert("finished", minutes=9), state=AlertState.CLOSED)
    for alert in (make_alert("0"), finished, make_alert("1", minutes=1), make_alert("2", minutes=2)):
        book.take(make_shown(alert))
    assert [one.alert.subject.name for one in book.newest_first()] == ["2", "1", "0"]
    book.take(make_shown(make_alert("3", minutes=3)))
    assert [one.alert.subject.name for one in book.newest_first()] == ["3", "2", "1"]


def test_an_alert_raised_again_is_new_again() -> None:
    book = AlertCache()
    alert = make_alert()
    book.take(make_shown(alert))
    later = EPOCH + timedelta(hours=1)
    again = book.take(make_shown(replace(alert, version=2), sequence=9, notified_at=later))
    assert again.notified_at == later
