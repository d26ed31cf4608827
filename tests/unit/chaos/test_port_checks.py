"""What the centre has of the port's events and the port of the centre's list, held against each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from benchmarks.chaos.checks import lists, reports
from benchmarks.chaos.checks.lists import ListedPerson
from benchmarks.chaos.evidence import Evidence, LoggedEvent, StoredAlert
from benchmarks.chaos.reported import Reported, ReportedEvent
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from tests.support.builders.watchlist import order, subject

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
KINDS = ("RAISED", "CLAIMED", "ADJUDICATED")


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def port() -> Evidence:
    """One alert of the port, which was claimed and referred."""
    events = [
        LoggedEvent(number, kind, at(number), "A", "c1" if kind == "RAISED" else "")
        for number, kind in enumerate(KINDS, 1)
    ]
    return Evidence((), (), events, {"A": StoredAlert("A", "REFERRED", 3, frozenset({"S-1"}))}, {}, {}, (), {})


def reported() -> Reported:
    """All of it, a minute later."""
    events = [ReportedEvent(1, event, at(60 + event.sequence)) for event in port().events]
    return Reported(events, port().alerts)


def with_event(known: Reported, place: int, event: ReportedEvent) -> Reported:
    return replace(known, events=[*known.events[:place], event, *known.events[place + 1 :]])


def test_what_was_reported_is_whole() -> None:
    assert reports.missing(port(), reported()) == []
    assert reports.wrong(port(), reported()) == []


def test_what_the_centre_does_not_have_is_missing_and_not_wrong() -> None:
    behind = Reported(reported().events[:2], {"A": replace(port().alerts["A"], version=2, state="CLAIMED")})
    event, alert = reports.missing(port(), behind)
    assert "event 3 (ADJUDICATED of A)" in event
    assert "the centre has version 2 of the port's alert A, version 3" in alert
    assert reports.wrong(port(), behind) == []


def test_an_alert_of_which_the_centre_has_nothing_is_missing() -> None:
    assert any("has nothing of" in found for found in reports.missing(port(), Reported(reported().events, {})))


def test_an_event_that_came_twice_is_found() -> None:
    again = replace(reported().events[1], event=replace(port().events[1], sequence=4))
    found = reports.wrong(port(), replace(reported(), events=[*reported().events, again]))
    assert any("2 times" in one for one in found)


def test_an_event_that_is_another_at_the_port_is_found() -> None:
    other = replace(reported().events[1], event=replace(port().events[1], type="RELEASED"))
    (found,) = reports.wrong(port(), with_event(reported(), 1, other))
    assert "RELEASED" in found
    assert "CLAIMED" in found


def test_events_that_came_in_another_order_are_found() -> None:
    late = replace(reported().events[0], reported_at=at(90))
    (found,) = reports.wrong(port(), with_event(reported(), 0, late))
    assert found == "the port's event 2 was at the centre before 1"


def test_a_log_that_began_anew_is_found() -> None:
    (found,) = reports.wrong(port(), with_event(reported(), 2, replace(reported().events[2], log=2)))
    assert "of a log 2" in found


def test_an_alert_that_stands_otherwise_or_nowhere_is_found() -> None:
    cleared = replace(port().alerts["A"], state="CLEARED")
    assert reports.wrong(port(), replace(reported(), alerts={"A": cleared})) != []
    assert reports.wrong(port(), replace(reported(), alerts={"A": replace(cleared, version=4)})) != []
    assert reports.wrong(port(), replace(reported(), alerts={**reported().alerts, "B": cleared})) != []


def test_lists_are_alike_but_for_what_no_longer_stands() -> None:
    withdrawn = replace(order(order_id="O-0"), withdrawn_at=BEGIN)
    both = ListedPerson.of(SubjectFile(subject(), (order(),), ()))
    assert both == ListedPerson.of(SubjectFile(subject(), (order(), withdrawn), ()))
    assert lists.differences({"S-1": both}, {"S-1": both}) == []


def test_who_is_on_one_list_only_or_not_alike_is_found() -> None:
    one = ListedPerson.of(SubjectFile(subject(), (order(),), ()))
    longer = ListedPerson.of(SubjectFile(subject(), (replace(order(), valid_until=date(2200, 1, 1)),), ()))
    assert lists.differences({"S-1": one}, {}) == ["S-1 is on the list of the centre, and not of the port"]
    assert lists.differences({}, {"S-1": one}) == ["S-1 is on the list of the port, and not of the centre"]
    assert lists.differences({"S-1": one}, {"S-1": longer}) == ["S-1 is not on both lists alike"]
    assert lists.differences({"S-1": one}, {"S-1": replace(one, photographs=frozenset({"0"}))}) != []
