"""Who rings for whom, from the server's record to the bell (rules 6 and 7): for each live passage of an open alert it
rang at its counter, or somebody there deals with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import Escalation, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.notifier.delivery.ringing import ShownAsks, Station, rings
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.server.alerts.adjudication import ActingPerson
from tests.support.builders.alerts import DEPARTURE, capture, match
from tests.support.builders.notifier_alerts import SITI, session_of
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter, contact, seat

CAMERAS = {"D1": DEPARTURE, "D2": replace(DEPARTURE, camera_id="dep-2", counter="D2")}
WINDOW = timedelta(minutes=10)
TO_D1, TO_D2 = ({name} for name in CAMERAS)
SUPERVISORS = {"supervisors"}
ALL = TO_D1 | TO_D2 | SUPERVISORS


class Site:
    """A counter each for budi and ani, a supervisor's PC, and one at which nobody works, which watches D9."""

    def __init__(self, counter: Counter, clock: FixedClock) -> None:
        self.counter, self.clock, self.alert_id = counter, clock, UUID(int=0)
        self.stations = {
            "D1": Station("pc-budi", AlertFilter(counters=frozenset({"D1"}))),
            "D2": Station("pc-ani", AlertFilter(counters=frozenset({"D2"}))),
            "D9": Station("pc-9", AlertFilter(counters=frozenset({"D9"}))),
            "supervisors": Station("pc-siti", session=session_of(SITI, PersonRole.SUPERVISOR)),
        }
        self.shown = {name: ShownAsks() for name in self.stations}

    def passes(self, at: str, passage: str, *, late: bool = False) -> set[str]:
        """Let the traveller pass, and return which PCs ring."""
        self.clock.advance(timedelta(seconds=1))
        seen = capture(camera=CAMERAS[at], passage=passage, at=self.clock.now())
        event = self.counter.alerts.record(match(seen, late=late), WINDOW, self.clock.now())
        assert event is not None
        self.alert_id = event.alert_id
        return self.ring()

    def ring(self) -> set[str]:
        """Show the alert as it is, and return which PCs ring; each shows it before its people have looked."""
        alert = self.counter.details.get(self.alert_id).before_look
        news = {name: shown.news(alert) for name, shown in self.shown.items()}
        for shown in self.shown.values():
            shown.note(alert)
        told = {name: ShownAlert(alert, alert.raised_at, news=one) for name, one in news.items()}
        return {name for name, one in told.items() if rings(one, self.stations[name])}

    def later(self, **time: float) -> set[str]:
        self.clock.advance(timedelta(**time))
        self.counter.escalator.escalate()
        return self.ring()

    def judge(self, who: ActingPerson, *found: Outcome | Reason) -> set[str]:
        self.counter.judge(self.alert_id, who, *found)  # type: ignore[arg-type]
        return self.ring()

    def claim(self, who: ActingPerson) -> set[str]:
        self.counter.claim(self.alert_id, who)
        return self.ring()

    def undo(self, who: ActingPerson) -> set[str]:
        self.counter.adjudicator.undo(self.alert_id, who, seat(who), "S-1")
        return self.ring()

    def release(self, who: ActingPerson) -> set[str]:
        self.counter.adjudicator.release(self.alert_id, who, seat(who))
        return self.ring()

    def restart(self, name: str) -> None:
        self.shown[name] = ShownAsks()


@pytest.fixture
def site(counter: Counter, clock: FixedClock) -> Site:
    return Site(counter, clock)


NOT_SAME = (Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
GONE = (Outcome.CANNOT_DETERMINE, Reason.TRAVELLER_GONE)


def test_each_live_passage_rings_once_at_its_counter_also_where_the_alert_was_shown(site: Site):
    assert site.passes("D1", "1") == TO_D1 | SUPERVISORS
    assert site.passes("D1", "1") == set(), "a further crop"
    assert site.passes("D2", "2") == TO_D2 | SUPERVISORS
    assert site.passes("D2", "3") == TO_D2 | SUPERVISORS
    assert site.passes("D1", "4", late=True) == set()
    assert site.passes("D1", "4") == TO_D1 | SUPERVISORS, "the first live crop of that passage"


def test_an_alert_of_which_all_came_late_rings_once_where_it_was_seen(site: Site):
    assert site.passes("D1", "1", late=True) == TO_D1 | SUPERVISORS
    assert site.passes("D1", "2", late=True) == set()
    assert site.passes("D1", "2") == TO_D1 | SUPERVISORS


def test_a_passage_rings_unless_somebody_there_holds_the_alert(site: Site, budi: ActingPerson):
    site.passes("D1", "1")
    assert site.claim(budi) == set()
    assert site.passes("D1", "2") == set()
    assert site.passes("D2", "3") == TO_D2 | SUPERVISORS
    site.restart("D2")
    assert site.ring() == TO_D2, "nobody deals with who came since the claim"


def test_a_released_alert_rings_again_also_where_nobody_heard_that_it_was_claimed(site: Site, budi: ActingPerson):
    site.passes("D1", "1")
    site.counter.claim(site.alert_id, budi)
    assert site.release(budi) == TO_D1 | SUPERVISORS
    assert site.ring() == set()


@pytest.mark.parametrize("found", [GONE, (Outcome.REFERRED, Reason.FACE_AGREES)], ids=lambda one: one[0])
def test_somebody_who_was_judged_and_passes_again_rings_at_the_same_counter_too(
    site: Site, budi: ActingPerson, found: tuple[Outcome, Reason]
):
    site.passes("D1", "1")
    site.claim(budi)
    assert site.judge(budi, *found) == set()
    assert site.later(seconds=11) == SUPERVISORS
    for minutes in (5, 4):
        site.clock.advance(timedelta(minutes=minutes))
        assert site.passes("D1", f"after {minutes}") == TO_D1 | SUPERVISORS
    site.restart("D1")
    assert site.ring() == TO_D1


def test_a_hit_that_passes_again_rings_where_it_comes_to(site: Site, budi: ActingPerson, siti: ActingPerson):
    site.passes("D1", "1")
    site.claim(budi)
    site.judge(budi)
    site.counter.confirm(site.alert_id, siti)
    assert site.ring() == set()
    assert site.passes("D2", "2") == TO_D2 | SUPERVISORS
    assert site.later(minutes=11) == SUPERVISORS, "an agency must be told"
    site.restart("supervisors")
    assert site.ring() == SUPERVISORS
    site.counter.adjudicator.follow_up(site.alert_id, siti, contact(siti), site.counter.version(site.alert_id))
    assert site.ring() == set()


def test_an_undone_judgement_rings_wherever_the_traveller_was_seen_since(site: Site, budi: ActingPerson):
    site.passes("D1", "1")
    site.claim(budi)
    site.judge(budi, *NOT_SAME)
    assert site.passes("D2", "2") == set(), "it joined the cleared alert"
    assert site.undo(budi) == TO_D2 | SUPERVISORS
    assert site.passes("D2", "2") == set()
    assert site.release(budi) == ALL


def test_nothing_rings_for_a_judgement_that_is_undone_and_nobody_passed(site: Site, budi: ActingPerson):
    site.passes("D1", "1")
    site.claim(budi)
    site.judge(budi)
    assert site.undo(budi) == set()
    assert site.later(seconds=11) == set()


def test_who_passes_between_the_end_of_one_order_and_the_begin_of_the_next_rings_once_that_is_in_force(
    site: Site, clock: FixedClock, budi: ActingPerson
):
    site.passes("D1", "1")
    site.claim(budi)
    site.counter.watchlist.put(subject(), order(revoked_at=clock.now()), [])
    site.counter.order_watch.look()
    assert site.passes("D2", "2") == set()
    site.counter.list_subject()
    site.counter.order_watch.look()
    assert site.ring() == TO_D2 | SUPERVISORS


def test_what_is_announced_to_the_site_rings_at_every_pc_again_and_again_until_somebody_claims(
    site: Site, budi: ActingPerson
):
    site.passes("D1", "1")
    assert site.later(seconds=61) == SUPERVISORS
    everybody = ALL | {"D9"}
    assert site.later(seconds=60) == everybody
    assert site.counter.alerts.get(site.alert_id).handling.escalation is Escalation.SITE
    assert [site.later(minutes=5) for _ in range(3)] == [everybody] * 3
    assert site.claim(budi) == set()
    site.restart("supervisors")
    assert site.ring() == set(), "somebody has dealt with it since"


@pytest.mark.parametrize("settle", [
    lambda site, budi: site.judge(budi, *NOT_SAME),
    lambda site, _: site.counter.watchlist.put(subject(), order(revoked_at=site.clock.now()), []),
], ids=["cleared", "orders ended"])  # fmt: skip
def test_what_is_settled_or_has_no_order_is_silent(
    site: Site, budi: ActingPerson, settle: Callable[[Site, ActingPerson], object]
):
    site.passes("D1", "1")
    site.claim(budi)
    settle(site, budi)
    site.counter.order_watch.look()
    for name in site.stations:
        site.restart(name)
    assert (site.ring(), site.passes("D2", "2"), site.later(minutes=20)) == (set(), set(), set())
