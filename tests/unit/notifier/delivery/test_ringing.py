"""What rings at a PC of what the server says that asks for somebody.

`contract/storage/alerts/test_ringing.py` has the whole rule, from the server to the bell.
"""

from __future__ import annotations

from dataclasses import replace

from cekalwatch.contract.values.adjudication import AlertState, Escalation
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.notifier.delivery.ringing import EVERYWHERE, ShownAsks, Station, rings
from tests.support.builders.notifier_alerts import BUDI, SITI, held_by, make_alert, make_shown, session_of

NEW = make_alert()
COUNTER = Station("pc-3", AlertFilter(counters=frozenset({"3"})))
ELSEWHERE = Station("pc-9", AlertFilter(counters=frozenset({"9"})))
SUPERVISORS = Station("pc-s", session=session_of(SITI, PersonRole.SUPERVISOR))


def test_a_supervisor_is_who_has_signed_in_or_else_whoever_watches_the_whole_site() -> None:
    assert replace(COUNTER, session=SUPERVISORS.session).supervised
    assert not Station("pc-1", EVERYWHERE, session_of(BUDI)).supervised
    assert Station("pc-1").supervised
    assert not COUNTER.supervised


def test_a_passage_rings_once_at_its_counter_and_at_supervisors() -> None:
    shown = make_shown(NEW, new=True)
    assert [rings(shown, one) for one in (COUNTER, SUPERVISORS, ELSEWHERE)] == [True, True, False]
    assert not rings(make_shown(NEW), COUNTER)


def test_an_announcement_rings_at_supervisors_and_everywhere_once_it_is_for_the_site() -> None:
    called = replace(held_by(BUDI, NEW), state=AlertState.NEW, call="1")
    site = replace(called, handling=replace(called.handling, escalation=Escalation.SITE))
    held = replace(site, state=AlertState.CLAIMED)
    heard = [
        [rings(make_shown(alert, new=True), one) for one in (SUPERVISORS, ELSEWHERE)] for alert in (called, site, held)
    ]
    assert heard == [[True, False], [True, True], [True, False]]


def test_nothing_asks_twice_nor_in_a_version_that_a_later_one_has_overtaken() -> None:
    shown = ShownAsks()
    assert shown.news(NEW) == frozenset(NEW.asks)
    shown.note(held_by(BUDI, NEW))
    assert not shown.news(NEW)
    shown.note(replace(NEW, version=3))
    assert not shown.news(replace(NEW, version=4))
    shown.forget()
    assert shown.news(NEW)


def test_of_a_server_of_an_earlier_release_what_waits_rings_where_it_was_seen() -> None:
    old = replace(NEW, sightings=tuple(replace(one, ask="", passage="") for one in NEW.sightings), current=None)
    assert [rings(make_shown(old, new=True), one) for one in (COUNTER, ELSEWHERE)] == [True, False]
    assert not rings(make_shown(held_by(BUDI, old), new=True), COUNTER)
