"""For which alerts a PC rings: domain rules 1, 6 and 7."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from cekalwatch.contract.values.adjudication import UNDO_FOR, AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import Alert, AlertFilter, Sighting
from cekalwatch.contract.values.people import PersonReference, PersonRole, PersonSession
from cekalwatch.notifier.delivery.ringing import EVERYWHERE, ShownVersions, Station, rings
from cekalwatch.office.alerts import News, ShownAlert
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

ELSEWHERE = Station("pc-9", session=session_of(PersonReference("0197a1b2-0000-7000-8000-00000000000a", "Ani")))
"""A PC of an officer who has nothing to do with these alerts; it watches every counter."""
SUPERVISORS = Station("pc-s", session=session_of(SITI, PersonRole.SUPERVISOR))


def at(counter: str, agent_id: str = "", who: PersonSession | None = None) -> Station:
    return Station(agent_id or f"pc-{counter}", AlertFilter(counters=frozenset({counter})), who)


def heard(alert: Alert, event: AlertEventType | None, news: News, station: Station = ELSEWHERE) -> bool:
    sequence = 1 if event else None
    return rings(make_shown(alert, sequence=sequence, event=event, news=news), station)


class Screen:
    """A PC that shows versions of an alert one after another."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.versions = ShownVersions()

    def rings(self, alert: Alert, event: AlertEventType | None = None, capture: str = "") -> bool:
        shown = ShownAlert(alert, EPOCH, 1 if event else None, event, self.versions.appearance(alert, event, capture))
        self.versions.note(alert, event=event, capture_id=capture)
        return rings(shown, self.station)


def passed(alert: Alert, counter: str, *, passage: str = "", late: bool = False) -> Alert:
    """Return the alert after the traveller passed a counter once more."""
    camera = replace(alert.camera, counter=counter, camera_id=f"cam-{counter}")
    number = len(alert.sightings) + 1
    key = passage or f"cam-{counter}/run/{number}"
    moment = EPOCH + timedelta(seconds=number)
    sighting = Sighting(f"c-{number}", moment, camera, 0.6, 1, key, late)
    return replace(
        alert,
        version=alert.version + (not passage),
        sightings=(*alert.sightings, sighting),
        current=alert.current if late else sighting,
        late=late,
    )


@pytest.mark.parametrize("event", [*E, None])
def test_an_alert_that_waits_rings_where_it_was_not_shown_whatever_brings_it(event: AlertEventType | None) -> None:
    assert heard(NEW, event, News.FIRST)


@pytest.mark.parametrize("event", [*E, None])
def test_what_somebody_deals_with_rings_only_with_its_traveller(event: AlertEventType | None) -> None:
    assert heard(CLAIMED, event, News.FIRST) is (event in {E.RAISED, E.SIGHTED})


@pytest.mark.parametrize("event", [E.CANDIDATE_LAPSED, E.ESCALATED, None])
def test_an_officers_pc_that_has_shown_an_alert_does_not_ring_for_what_others_do(event: AlertEventType | None) -> None:
    screen = Screen(at("3"))
    assert screen.rings(NEW, E.RAISED)
    assert not screen.rings(replace(NEW, version=2), event)
    assert not screen.rings(replace(NEW, version=2), event)


def test_each_live_passage_rings_at_its_counter_also_where_the_alert_was_shown() -> None:
    first, second = Screen(at("D1")), Screen(at("D2"))
    alert = passed(replace(NEW, sightings=()), "D1")
    assert first.rings(alert, E.RAISED)
    there = passed(alert, "D2")
    assert not first.rings(there, E.SIGHTED)
    assert second.rings(there, E.SIGHTED)
    again = passed(there, "D2")
    assert second.rings(again, E.SIGHTED), "N3: this PC had shown it"
    assert not second.rings(passed(again, "D2", passage=again.sightings[-1].passage), E.SIGHTED), "a further crop"
    back = passed(again, "D1")
    assert first.rings(back, E.SIGHTED)
    assert not second.rings(back, E.SIGHTED)


def test_what_comes_late_rings_nowhere_again() -> None:
    screen = Screen(at("D1"))
    alert = passed(NEW, "D1")
    assert screen.rings(alert, E.RAISED)
    late = passed(alert, "D1", late=True)
    assert not screen.rings(late, E.SIGHTED)
    live = passed(late, "D1", passage=late.sightings[-1].passage)
    assert screen.rings(live, E.SIGHTED), "the first live crop of that passage"


def test_a_passage_is_heard_whatever_tells_of_it_first() -> None:
    screen = Screen(at("D1"))
    assert screen.rings(NEW, E.RAISED)
    both = passed(passed(NEW, "D1"), "D2")
    assert screen.rings(both, E.ESCALATED), "the events of both were read together"
    assert not screen.rings(both, E.SIGHTED)


def test_an_event_that_a_listing_has_overtaken_is_silent() -> None:
    screen = Screen(at("3"))
    assert not screen.rings(replace(held_by(BUDI, NEW), version=5))
    assert not screen.rings(replace(NEW, version=3), E.RELEASED)
    assert not screen.rings(passed(NEW, "3"), E.SIGHTED)
    assert screen.rings(replace(NEW, version=6), E.RELEASED)


def test_a_passage_rings_unless_somebody_there_deals_with_the_alert() -> None:
    claimed = held_by(BUDI, passed(NEW, "D1"), "pc-D1")
    holder, other, beside = Screen(at("D1")), Screen(at("D2")), Screen(at("D1", "pc-D1-b"))
    for screen in (holder, other, beside):
        screen.rings(claimed, E.CLAIMED)
    at_d1 = passed(claimed, "D1")
    assert not holder.rings(at_d1, E.SIGHTED)
    assert beside.rings(at_d1, E.SIGHTED)
    at_d2 = passed(at_d1, "D2")
    assert other.rings(at_d2, E.SIGHTED), "its holder sits elsewhere"
    assert other.rings(passed(at_d2, "D2"), E.SIGHTED)


@pytest.mark.parametrize("alert", [REFERRED, UNDETERMINED, CONFIRMED], ids=lambda alert: alert.state)
def test_who_was_referred_or_confirmed_rings_wherever_they_come_to(alert: Alert) -> None:
    assert heard(alert, E.SIGHTED, News.FIRST)
    assert not heard(alert, E.ADJUDICATED, News.FIRST), "nobody stands at this counter"
    assert not heard(alert, None, News.FIRST), "it does not wait for an officer"
    judge, other = Screen(at("D1", who=session_of(BUDI))), Screen(at("D2"))
    for screen in (judge, other):
        screen.rings(alert, E.ADJUDICATED)
    assert not judge.rings(passed(alert, "D1"), E.SIGHTED), "who judged it sees to it"
    assert other.rings(passed(alert, "D2"), E.SIGHTED)


@pytest.mark.parametrize("alert", [CLAIMED, REFERRED, CONFIRMED], ids=lambda alert: alert.state)
@pytest.mark.parametrize("first", [E.CLAIMED, None], ids=["event", "listing"])
def test_who_came_while_the_pc_began_anew_rings_with_the_event_of_it(
    alert: Alert, first: AlertEventType | None
) -> None:
    there = passed(passed(alert, "D1"), "D2")
    came = there.sightings[-1].capture_id
    screen = Screen(at("D2"))
    assert not screen.rings(there, first), "what tells of it first says nothing of the traveller"
    earlier = replace(there, version=there.version - 1)
    assert not screen.rings(earlier, E.SIGHTED, there.sightings[-2].capture_id), "that was elsewhere"
    assert screen.rings(there, E.SIGHTED, came)
    assert not screen.rings(there, E.SIGHTED, came), "it is told twice"
    assert Screen(at("D2")).rings(there, E.SIGHTED, came)
    waits = Screen(at("D2"))
    assert waits.rings(replace(there, state=AlertState.NEW), first)
    assert not waits.rings(replace(there, state=AlertState.NEW), E.SIGHTED, came), "it rang as it waited"


@pytest.mark.parametrize(("alert", "event"), list(product((CLEARED, CLOSED), (*E, None))))
def test_what_is_settled_never_rings(alert: Alert, event: AlertEventType | None) -> None:
    assert not heard(alert, event, News.FIRST, SUPERVISORS)


@pytest.mark.parametrize("alert", [REFERRED, UNDETERMINED], ids=lambda alert: alert.state)
def test_a_referral_rings_at_the_supervisors_pc_and_again_whenever_it_goes_up(alert: Alert) -> None:
    screen = Screen(SUPERVISORS)
    assert screen.rings(NEW, E.RAISED)
    assert screen.rings(alert, E.ADJUDICATED)
    up = replace(alert, handling=replace(alert.handling, escalations=1))
    assert screen.rings(up, E.ESCALATED)
    assert not screen.rings(up, E.ESCALATED), "it rang as it stands"
    assert not screen.rings(replace(up, version=4), E.FOLLOWED_UP)
    up_again = replace(up, version=4, handling=replace(up.handling, escalations=2))
    assert screen.rings(up_again, E.FOLLOWED_UP), "a later event tells of it first"
    assert Screen(SUPERVISORS).rings(alert), "it waited while the PC was off"
    officers = Screen(at("3"))
    assert officers.rings(NEW, E.RAISED)
    assert not officers.rings(up, E.ESCALATED)


@pytest.mark.parametrize("alert", [REFERRED, UNDETERMINED], ids=lambda alert: alert.state)
def test_a_judgement_rings_at_the_supervisors_pc_once_it_cannot_be_undone(alert: Alert) -> None:
    screen, later, began = Screen(SUPERVISORS), Screen(SUPERVISORS), Screen(SUPERVISORS)
    screen.rings(NEW, E.RAISED)
    undoable = replace(alert, undo_until=EPOCH + UNDO_FOR)
    told = replace(alert, handling=replace(alert.handling, escalations=1))
    assert not screen.rings(undoable, E.ADJUDICATED)
    assert not began.rings(undoable), "that PC began within the ten seconds"
    undoing = replace(alert.handling.findings[0], outcome=Outcome.UNDONE)
    claimed = replace(CLAIMED, version=alert.version + 1, handling=replace(CLAIMED.handling, findings=(undoing,)))
    assert not Screen(SUPERVISORS).rings(claimed, E.UNDONE)
    for one in (screen, began):
        assert one.rings(told, E.ESCALATED)
    later.rings(NEW, E.RAISED)
    assert later.rings(told, E.ADJUDICATED), "both events are read together"
    assert not later.rings(told, E.ESCALATED)


def test_a_hit_that_goes_up_since_an_agency_must_be_told_rings_at_the_supervisors_pc() -> None:
    supervisors, officers = Screen(SUPERVISORS), Screen(at("3"))
    for screen in (supervisors, officers):
        screen.rings(CONFIRMED, E.CONFIRMED)
    up = replace(CONFIRMED, handling=replace(CONFIRMED.handling, escalations=1), agencies_owed=("KPK",))
    assert supervisors.rings(up, E.ESCALATED)
    assert not supervisors.rings(up, E.ESCALATED)
    assert not officers.rings(up, E.ESCALATED)


def test_a_passage_rings_at_the_supervisors_pc_too_unless_the_alert_was_taken_up_at_that_counter() -> None:
    alert = passed(replace(NEW, sightings=()), "D1")
    screen = Screen(SUPERVISORS)
    assert screen.rings(alert, E.RAISED)
    alert = passed(alert, "D1")
    assert screen.rings(alert, E.SIGHTED), "N3: nobody deals with it"
    claimed = held_by(BUDI, alert, "pc-D1")
    assert not screen.rings(claimed, E.CLAIMED)
    claimed = passed(claimed, "D1")
    assert not screen.rings(claimed, E.SIGHTED), "somebody there deals with it"
    for _ in range(2):
        claimed = passed(claimed, "D2")
        assert screen.rings(claimed, E.SIGHTED)


@pytest.mark.parametrize("station", [at("3"), SUPERVISORS, ELSEWHERE], ids=lambda one: one.agent_id)
def test_a_released_alert_rings_again_at_once(station: Station) -> None:
    screen = Screen(station)
    assert screen.rings(NEW, E.RAISED)
    assert not screen.rings(held_by(BUDI, NEW, "pc-1"), E.CLAIMED)
    assert screen.rings(replace(NEW, version=3), E.RELEASED)
    assert not screen.rings(replace(NEW, version=3), E.RELEASED), "it is told twice"


@pytest.mark.parametrize("event", [E.CLAIMED, E.TAKEN_OVER])
def test_an_alert_that_was_claimed_and_released_since_rings_again(event: AlertEventType) -> None:
    """A PC whose line was away hears of both at once, each with the alert as it is now."""
    screen = Screen(at("3"))
    assert screen.rings(NEW, E.RAISED)
    assert screen.rings(replace(NEW, version=3), event)
    assert not screen.rings(replace(NEW, version=3), E.RELEASED)


def test_a_released_alert_rings_once_also_where_its_events_were_read_together() -> None:
    screen, released = Screen(at("3")), replace(NEW, version=3)
    assert screen.rings(NEW, E.RAISED)
    assert [screen.rings(released, one) for one in (E.SIGHTED, E.CLAIMED, E.RELEASED)] == [False, True, False]
    listed = Screen(at("3"))
    assert listed.rings(released)
    assert not listed.rings(released, E.RELEASED), "it rang as it waited"


@pytest.mark.parametrize(("alert", "event"), list(product((NEW, CLAIMED, REFERRED), (*E, None))))
def test_an_alert_whose_orders_have_ended_is_silent(alert: Alert, event: AlertEventType | None) -> None:
    ended = replace(alert, orders_ended_at=EPOCH)
    assert not any(heard(ended, event, news, SUPERVISORS) for news in News)


def test_an_order_in_force_again_rings_again() -> None:
    assert heard(NEW, E.ORDERS_RESUMED, News.CHANGED)
    assert heard(REFERRED, E.ORDERS_RESUMED, News.CHANGED, SUPERVISORS)
    assert not heard(REFERRED, E.ORDERS_RESUMED, News.CHANGED, at("D9"))


def test_the_next_candidate_after_a_referral_rings_at_the_counter_that_showed_the_alert_before() -> None:
    next_one = replace(REFERRED, state=AlertState.NEW, version=4)
    assert heard(next_one, E.CLEARED, News.CHANGED, at("D9"))
    assert heard(next_one, E.CLEARED, News.CHANGED, SUPERVISORS)
    assert not heard(next_one, E.CLEARED, News.SAME)
    assert not heard(CLEARED, E.CLEARED, News.CHANGED)


def test_a_supervisor_is_who_has_signed_in_or_else_whoever_watches_the_whole_site() -> None:
    supervisor, officer = session_of(SITI, PersonRole.SUPERVISOR), session_of(BUDI)
    assert at("3", who=supervisor).supervised
    assert not Station("pc-1", EVERYWHERE, officer).supervised
    assert Station("pc-1").supervised
    assert not at("3").supervised


def test_a_hit_that_comes_to_the_supervisors_again_rings_there() -> None:
    assert heard(CONFIRMED, E.ESCALATED, News.CALLED, SUPERVISORS)
    assert not heard(CONFIRMED, E.ESCALATED, News.CALLED)
