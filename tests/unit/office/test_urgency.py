"""One order and one set of colours for all lists of alerts."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from cekalwatch.contract.values.adjudication import AlertState, Escalation
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.office.urgency import Tone, Urgency, most_urgent_first
from tests.support.builders.notifier_alerts import BUDI, held_by, make_alert
from tests.support.fakes.alert_server import EPOCH


def in_state(state: AlertState, *, ended: bool = False) -> Alert:
    return replace(make_alert(), state=state, orders_ended_at=EPOCH if ended else None)


STANDINGS = {
    Urgency.GROUND_GONE: (in_state(AlertState.CONFIRMED, ended=True), Tone.ALARM),
    Urgency.WAITING: (make_alert(), Tone.ALARM),
    Urgency.HIT: (in_state(AlertState.CONFIRMED), Tone.ALARM),
    Urgency.PENDING: (in_state(AlertState.REFERRED), Tone.BUSY),
    Urgency.CLAIMED: (held_by(BUDI), Tone.BUSY),
    Urgency.LAPSED: (in_state(AlertState.NEW, ended=True), Tone.CALM),
    Urgency.DONE: (in_state(AlertState.CLEARED), Tone.CALM),
}


def test_the_order_and_the_colours_are_these() -> None:
    assert list(STANDINGS) == sorted(Urgency)
    assert {Urgency.of(alert): (alert, Urgency.of(alert).tone) for alert, _ in STANDINGS.values()} == STANDINGS


@pytest.mark.parametrize("state", [AlertState.NEW, AlertState.REFERRED, AlertState.CANNOT_DETERMINE])
def test_a_hit_that_waits_is_above_a_lapsed_order_however_far_that_escalated(state: AlertState) -> None:
    lapsed = in_state(state, ended=True)
    lapsed = replace(lapsed, handling=replace(lapsed.handling, escalation=Escalation.SITE))
    hit = replace(in_state(AlertState.CONFIRMED), raised_at=make_alert(minutes=60).raised_at)
    assert sorted((lapsed, hit), key=most_urgent_first) == [hit, lapsed]


def test_of_the_same_urgency_the_furthest_escalated_comes_first_and_then_the_oldest() -> None:
    old, new, up = make_alert("old"), make_alert("new", minutes=1), make_alert("up", minutes=2)
    up = replace(up, handling=replace(up.handling, escalation=Escalation.SUPERVISOR))
    for some in permutations((old, new, up)):
        assert sorted(some, key=most_urgent_first) == [up, old, new]
