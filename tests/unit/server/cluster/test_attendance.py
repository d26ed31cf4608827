"""Which counters have a PC that would ring, and which PCs have gone, by elapsed time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.contract.values.adjudication import Escalation
from cekalwatch.contract.values.alarms import AlarmKind, acknowledges
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.server.cluster.attendance import AWAY_AFTER_S, STALE_AFTER_S, STARTS_WITHIN_S, Attendance
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.presence import AgentPresence
from cekalwatch.server.health.alarms.counters import CounterAlarms
from tests.support.builders.alerts import ARRIVAL, DEPARTURE, ELSEWHERE
from tests.support.builders.watchlist import FixedClock

D1, A1 = DEPARTURE, ARRIVAL
D2 = replace(DEPARTURE, camera_id="dep-2", counter="D2")
CAMERAS = (D1, D2, A1, ELSEWHERE)
AT_BATAM = AgentPresence("batam-center")
SUPERVISORS = replace(AT_BATAM, supervises=True)


def at(*counters: str, site: str = "batam-center") -> AgentPresence:
    return AgentPresence(site, frozenset(counters))


class Office:
    """PCs that come and go, and the server that looks each second."""

    def __init__(self, **pcs: AgentPresence) -> None:
        self.pcs = dict(pcs)
        self.clock = FixedClock()
        self.attendance = Attendance(CAMERAS, lambda: WholePresence((), {}, {}, dict(self.pcs)), self.clock)
        self.attendance.look()

    def goes_on(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(timedelta(seconds=1))
            self.attendance.look()

    @property
    def without_pc(self) -> set[str]:
        found = CounterAlarms(self.attendance).look()
        assert found is not None
        assert {fault.kind for fault in found.conditions} <= {AlarmKind.COUNTER_WITHOUT_PC}
        assert all(found.judged(*fault.key) for fault in found.conditions)
        assert not found.judged(AlarmKind.CAMERA_DOWN, "dep-1")
        return {fault.about for fault in found.conditions}


def test_a_counter_whose_pc_never_came_is_told_once_pcs_had_time_to_come() -> None:
    office = Office(d1=at("D1", "A1"), s=SUPERVISORS)
    office.goes_on(STARTS_WITHIN_S - 1)
    assert office.without_pc == set()
    office.goes_on(1)
    assert office.without_pc == {"batam-center/D2", "sekupang/D1"}
    office.pcs["d2"] = at("D2")
    office.goes_on(1)
    assert office.without_pc == {"sekupang/D1"}


def test_a_start_ends_no_problem_of_a_counter_of_which_it_knows_nothing_yet() -> None:
    office = Office(d1=at("D1"))
    found = CounterAlarms(office.attendance).look()
    assert found is not None
    assert found.judged(AlarmKind.COUNTER_WITHOUT_PC, "batam-center/D1")
    assert not found.judged(AlarmKind.COUNTER_WITHOUT_PC, "batam-center/D2")
    assert found.judged(AlarmKind.COUNTER_WITHOUT_PC, "batam-center/removed")
    assert office.attendance.attended == {D1.camera_id}


def test_a_pc_that_goes_may_come_back_before_it_counts_as_away() -> None:
    office, held_for = Office(d1=at("D1", "D2", "A1"), s=at("D1", site="sekupang")), timedelta(seconds=20)
    office.goes_on(20)
    gone = office.pcs.pop("d1")
    office.goes_on(AWAY_AFTER_S - 1)
    assert (office.without_pc, office.attendance.is_gone("d1", held_for)) == (set(), False)
    office.pcs["d1"] = gone
    office.goes_on(AWAY_AFTER_S)
    assert office.without_pc == set()
    del office.pcs["d1"]
    office.goes_on(AWAY_AFTER_S)
    assert office.without_pc == {"batam-center/D1", "batam-center/D2", "batam-center/A1"}
    assert office.attendance.is_gone("d1", held_for)
    assert not office.attendance.is_gone("d1", timedelta(0)), "it was away already"
    assert not office.attendance.is_gone("console", held_for), "it never subscribed"


def test_a_pc_without_counters_is_one_for_all_until_a_supervisor_signs_in_there() -> None:
    office = Office(all=AgentPresence())
    office.goes_on(20)
    assert office.without_pc == set()
    office.pcs["all"] = AgentPresence(supervises=True)
    office.goes_on(AWAY_AFTER_S)
    assert office.without_pc == {"batam-center/D1", "batam-center/D2", "batam-center/A1", "sekupang/D1"}


def test_a_supervisor_who_signs_in_at_a_counter_attends_it() -> None:
    office = Office(d1=replace(at("D1"), supervises=True))
    office.goes_on(20)
    assert "batam-center/D1" not in office.without_pc


def test_a_pc_that_watches_one_direction_attends_no_other() -> None:
    office = Office(a1=replace(at("A1"), direction=Direction.DEPARTURE))
    office.goes_on(20)
    assert "batam-center/A1" in office.without_pc


@pytest.mark.parametrize(
    ("others", "place"),
    [
        ({"s": SUPERVISORS}, Escalation.SUPERVISOR),
        ({"d2": replace(at("D2"), supervises=True)}, Escalation.SUPERVISOR),
        ({"d2": at("D2")}, Escalation.SITE),
        ({"s": replace(SUPERVISORS, site="sekupang")}, Escalation.SITE),
        ({"d1": at("D1")}, Escalation.COUNTER),
    ],
)
def test_an_alert_of_a_counter_without_a_pc_belongs_to_the_next_place(
    others: dict[str, AgentPresence], place: Escalation
) -> None:
    office = Office(**others)
    office.goes_on(20)
    assert office.attendance.next_place(D1.place) is place


def test_a_server_that_has_not_looked_for_a_while_knows_nothing_and_begins_anew() -> None:
    office = Office()
    office.goes_on(20)
    assert office.without_pc
    office.clock.advance(timedelta(seconds=STALE_AFTER_S + 1))
    assert office.attendance.unattended is None
    assert CounterAlarms(office.attendance).look() is None
    assert office.attendance.next_place(D1.place) is Escalation.COUNTER
    office.goes_on(1)
    assert office.without_pc == set()


def test_supervisors_see_it() -> None:
    assert acknowledges(AlarmKind.COUNTER_WITHOUT_PC) == CONFIRMS
