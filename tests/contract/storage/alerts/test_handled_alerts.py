"""What handled alerts mean for later sightings, searches, images and reports of shifts, on every kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.contract.values.reports import Tally
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.alerts.reports import shift_report
from cekalwatch.server.alerts.retention import ImageReport
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.builders.alerts import ARRIVAL, NOON, capture, match
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter

E = AlertEventType


@pytest.mark.both_databases
def test_alerts_are_found_by_where_they_stand_and_when_they_were_raised(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    old = counter.raise_alert("1", "S-1")
    clock.advance(timedelta(hours=1))
    since = clock.now()
    young = counter.raise_alert("2", "S-2")
    counter.claim(young, budi)
    third = counter.raise_alert("3", "S-3")

    def found(
        *states: AlertState,
        raised_from: datetime | None = None,
        handled_by: frozenset[UUID] | None = None,
        **wanted: Any,
    ) -> list[UUID]:
        search = AlertSearch(frozenset(states), raised_from, **wanted)
        return [one.alert_id for one in counter.alerts.list_alerts(AlertFilter(), None, 10, search, handled_by)]

    assert found(AlertState.NEW) == [third, old]
    assert found(AlertState.CLAIMED, AlertState.CLOSED) == [young]
    assert found(raised_from=since) == [third, young]
    assert found(AlertState.NEW, raised_from=since) == [third]
    assert found(raised_before=since) == [old]
    assert found(subject_id="S-2") == [young]
    assert found(counter="D1") == [third, young, old]
    assert found(counter="D9") == []
    me = budi.person.person_id
    assert found(handled_by=frozenset({me})) == [young]
    counter.judge(young, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    assert found(handled_by=frozenset({me})) == [young], "no longer claimed, and judged"
    assert found(handled_by=frozenset({uuid4()})) == []
    assert found(handled_by=frozenset()) == []
    assert found(subject_id="S-3", handled_by=frozenset({me})) == []


@pytest.mark.both_databases
def test_images_of_cleared_alerts_go_within_a_day_and_of_hits_later(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    keeping = RetentionPolicy()
    assert keeping.cleared_images < timedelta(hours=24)
    sweeper = counter.sweeper(keeping)
    cleared, referred, hit, fresh = (counter.raise_alert(str(number), f"S-{number}") for number in range(1, 5))
    counter.list_subject("S-2")
    counter.list_subject("S-3")
    for alert_id in (cleared, referred, hit):
        counter.claim(alert_id, budi)
    counter.judge(cleared, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    counter.adjudicator.close(cleared, budi, counter.version(cleared))
    counter.judge(hit, budi, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
    assert sweeper.sweep_images() == ImageReport(0, 0)
    clock.advance(keeping.cleared_images)
    assert sweeper.sweep_images() == ImageReport(1, 0)
    assert counter.alerts.probe(cleared) == b""
    assert counter.alerts.get(cleared).probe_capture_id == ""
    assert all(map(counter.alerts.probe, (referred, hit, fresh)))
    assert sweeper.sweep_images() == ImageReport(0, 0)
    assert [details for _, _, details in counter.trail(Action.RETENTION_SWEPT)] == [
        '{"cleared_images":1,"confirmed_images":0}'
    ]


def test_a_crop_that_comes_after_the_clearing_is_counted_and_not_kept(counter: Counter, budi: ActingPerson):
    alert_id = counter.raise_alert("1")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    late = match(capture(passage="1", quality=0.99, jpeg=b"a better one"))
    event = counter.alerts.record(late, timedelta(0), NOON)
    assert event is not None
    assert (event.alert_id, event.type) == (alert_id, E.SIGHTED)
    assert counter.alerts.probe(alert_id) == b"probe"


def test_an_alert_is_late_while_its_newest_sighting_is(counter: Counter):
    first = counter.alerts.record(match(capture(passage="1")), timedelta(minutes=10), NOON)
    assert first is not None
    assert not counter.alerts.get(first.alert_id).late
    for late, passage in ((True, "2"), (False, "3")):
        found = replace(match(capture(passage=passage)), late=late)
        assert counter.alerts.record(found, timedelta(minutes=10), NOON) is not None
        assert counter.alerts.get(first.alert_id).late is late


def test_a_shift_is_counted_as_its_alerts_stand_now(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    start = clock.now()
    false, hit, waits = (counter.raise_alert(str(number)) for number in range(3))
    arrival = counter.alerts.record(match(capture(camera=ARRIVAL), subject="S-9"), timedelta(0), clock.now())
    assert arrival is not None
    clock.advance(timedelta(seconds=10))
    counter.claim(false, budi)
    clock.advance(timedelta(seconds=10))
    counter.judge(false, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    counter.claim(hit, budi)
    clock.advance(timedelta(seconds=20))
    counter.judge(hit, budi)
    counter.confirm(hit, siti)
    counter.claim(arrival.alert_id, budi)
    counter.judge(arrival.alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    clock.advance(timedelta(seconds=60))
    counter.escalator.escalate()
    end = clock.now()
    counter.raise_alert("after the shift", "S-8")
    report = shift_report(counter.handling.raised_between("batam-center", start, end))
    assert (report.raised, report.cleared, report.confirmed, report.open, report.escalated) == (4, 2, 1, 1, 1)
    assert (report.median_claim_s, report.median_decision_s) == (20.0, 40.0)
    assert report.cameras == (Tally("arr-1", 1, 0), Tally("dep-1", 1, 1))
    assert report.lists == (Tally("CEGAH", 1, 1), Tally("TANGKAL", 1, 0))
    assert counter.alerts.get(waits).state is AlertState.NEW
    assert shift_report(counter.handling.raised_between("sekupang", start, end)).raised == 0


def test_who_had_left_or_whose_order_had_ended_is_no_false_alert_of_a_shift(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    start = clock.now()
    gone, ended, other = (counter.raise_alert(str(number)) for number in range(3))
    for alert_id in (gone, ended):
        counter.claim(alert_id, budi)
        counter.judge(alert_id, budi, Outcome.CANNOT_DETERMINE, Reason.TRAVELLER_GONE)
    counter.clear(gone, siti, Reason.TRAVELLER_GONE)
    counter.claim(other, budi)
    counter.judge(other, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    with pytest.raises(CekalwatchError, match=Code.ORDER_IN_FORCE):
        counter.clear(ended, siti, Reason.ORDER_ENDED)
    counter.watchlist.put(subject(), order(revoked_at=clock.now()))
    counter.order_watch.look()
    counter.clear(ended, siti, Reason.ORDER_ENDED)
    report = shift_report(counter.handling.raised_between("batam-center", start, clock.now() + timedelta(seconds=1)))
    assert (report.cleared, report.false_alerts, report.open) == (3, 1, 0)
    assert report.cameras == (Tally("dep-1", 1, 0),)
