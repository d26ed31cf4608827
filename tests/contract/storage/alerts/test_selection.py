"""A list of alerts selects what the stream selects, page by page, on every kind of database."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.domain.checkpoints import Camera
from tests.support.builders.alerts import capture, match
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, Counter

pytestmark = pytest.mark.both_databases

D1 = Camera("dep-1", "batam-center", "D1", Direction.DEPARTURE)
D2 = Camera("dep-2", "batam-center", "D2", Direction.DEPARTURE)
A1 = Camera("arr-1", "batam-center", "A1", Direction.ARRIVAL)
FERRY = Camera("sek-1", "sekupang", "D1", Direction.DEPARTURE)

FILTERS = st.builds(
    AlertFilter,
    site=st.sampled_from(["", "batam-center", "sekupang", "nowhere"]),
    counters=st.frozensets(st.sampled_from(["D1", "D2", "A1", "D9"])),
    direction=st.sampled_from([None, *Direction]),
    supervises=st.booleans(),
)


def see(counter: Counter, subject: str, *cameras: Camera, crops: int = 1) -> UUID:
    """Let a traveller pass cameras in one passage, with so many crops at each."""
    alert_id = None
    for number in range(len(cameras) * crops):
        camera = cameras[number // crops]
        seen = capture(camera=camera, passage=f"{subject}/{camera.camera_id}", at=counter.clock.now())
        event = counter.alerts.record(match(seen, subject=subject), timedelta(minutes=10), counter.clock.now())
        assert event is not None
        assert alert_id in (None, event.alert_id)
        alert_id = event.alert_id
    assert alert_id is not None
    return alert_id


def refer(counter: Counter, alert_id: UUID, who: ActingPerson, outcome: Outcome, reason: Reason) -> None:
    counter.claim(alert_id, who)
    counter.judge(alert_id, who, outcome, reason)


@pytest.fixture
def busy(counter: Counter, budi: ActingPerson, clock: FixedClock) -> Counter:
    """A day with alerts at one and at several counters, in all that can become of them."""
    for subject in ("S-1", "S-2", "S-3", "S-4", "S-5"):
        counter.list_subject(subject)
    see(counter, "S-1", D1)
    clock.advance(2 * POLICY.to_supervisor)
    counter.escalator.escalate()
    see(counter, "S-2", D1, D2)
    clock.advance(POLICY.to_supervisor)
    counter.escalator.escalate()
    see(counter, "S-3", D1)
    # More crops at the second counter than a message names.
    see(counter, "S-4", D1, D2, crops=25)
    see(counter, "S-5", A1)
    see(counter, "S-6", FERRY)
    refer(counter, see(counter, "S-1", D2), budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    refer(counter, see(counter, "S-7", A1), budi, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
    return counter


@pytest.mark.slow
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=FILTERS, page=st.integers(1, 4))
def test_a_list_has_what_the_stream_sends_whatever_the_page(busy: Counter, wanted: AlertFilter, page: int):
    everything = busy.alerts.list_alerts(AlertFilter(), None, 100)
    listed, before = [], None
    while found := busy.alerts.list_alerts(wanted, before, page):
        assert len(found) <= page
        listed += found
        before = found[-1].alert_id
    assert listed == [alert for alert in everything if alert.wanted_by(wanted)]


def test_a_list_of_a_counter_has_what_was_seen_there_later_and_what_went_to_the_whole_site(busy: Counter):
    at_d2 = busy.alerts.list_alerts(AlertFilter("batam-center", frozenset({"D2"})), None, 100)
    assert {alert.subject_id for alert in at_d2} == {"S-1", "S-2", "S-4"}
    at_d1 = busy.alerts.list_alerts(AlertFilter("batam-center", frozenset({"D1"})), None, 100)
    assert {alert.subject_id for alert in at_d1} == {"S-1", "S-2", "S-3", "S-4"}, "the oldest crops count as well"


def test_a_supervisors_list_of_a_counter_has_what_went_to_the_supervisors_elsewhere(busy: Counter):
    wanted = AlertFilter("batam-center", frozenset({"D9"}), supervises=True)
    found = {alert.subject_id for alert in busy.alerts.list_alerts(wanted, None, 100)}
    assert found == {"S-1", "S-2", "S-7"}, "two that nobody took, and one that could not be determined"
