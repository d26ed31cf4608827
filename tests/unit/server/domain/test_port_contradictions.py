"""What a later report of a port may say of an alert, and what of an earlier report it may not change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from cekalwatch.contract.values.adjudication import AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.alerts import Sighting
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS, Alert
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.ports import contradictions, later
from tests.support.builders.alerts import DEPARTURE, ELSEWHERE, NOON
from tests.support.builders.ports import BUDI, port_alert

LATER = NOON + timedelta(minutes=1)
STRANGER = PersonReference(str(uuid4()))
FIRST = Sighting(str(uuid4()), NOON, ELSEWHERE.place, 0.7, 3)
SECOND = Sighting(str(uuid4()), LATER, ELSEWHERE.place, 0.9, 3)
REFERRED = Finding(Outcome.REFERRED, Reason.FACE_AGREES, "", BUDI, NOON, "S-1")
NOT_SAME = Finding(Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS, "", BUDI, LATER, "S-1")
TOLD = FollowUp("BNN", "by telephone", "they come", NOON, BUDI, NOON)
HELD = replace(
    port_alert(),
    version=2,
    candidates=(Candidate("S-1", 0.7, order_ids=("O-1",)), Candidate("S-2", 0.6)),
    sightings=(FIRST,),
    handling=Handling(
        raised_at=NOON,
        state=AlertState.REFERRED,
        findings=(REFERRED,),
        follow_ups=(TOLD,),
        escalation=Escalation.SUPERVISOR,
    ),
)


def handled(of: Alert = HELD, **changes: object) -> Alert:
    return replace(of, handling=replace(of.handling, **changes))  # type: ignore[arg-type]


def with_score(score: float, of: Alert = HELD) -> Alert:
    return replace(of, candidates=(replace(of.candidates[0], score=score), *of.candidates[1:]))


CLEARED = handled(state=AlertState.CLEARED, findings=(REFERRED, NOT_SAME))
UNDONE = Finding(Outcome.UNDONE, Reason.ANOTHER_LOOK, "", BUDI, LATER, "S-1")
OPEN_AGAIN = handled(CLEARED, state=AlertState.CLAIMED, findings=(REFERRED, NOT_SAME, UNDONE))
LATE = replace(UNDONE, found_at=LATER + timedelta(seconds=11))
SEEN_AGAIN = replace(HELD, sightings=(FIRST, SECOND))
UNJUDGED = handled(state=AlertState.CLAIMED, findings=())
"""As it was before it was referred: it may still ask about another candidate."""
BETWEEN = replace(CLEARED, handling=replace(CLEARED.handling, state=AlertState.CLAIMED))
RULED_OUT = (replace(HELD.candidates[0], ruled_out=True), HELD.candidates[1])
SEEN_LIVE = replace(HELD, current=FIRST)
FULL = replace(HELD, sightings=tuple(replace(FIRST, capture_id=str(uuid4())) for _ in range(MAX_SIGHTINGS)))


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (HELD, HELD),
        (HELD, replace(HELD, version=3)),
        (UNJUDGED, replace(UNJUDGED, subject_id="S-2")),
        (HELD, replace(BETWEEN, candidates=RULED_OUT, subject_id="S-2")),
        (replace(HELD, candidates=RULED_OUT), SEEN_AGAIN),
        (replace(CLEARED, candidates=RULED_OUT), OPEN_AGAIN),
        (HELD, SEEN_LIVE),
        (SEEN_LIVE, replace(SEEN_AGAIN, current=SECOND, late=True)),
        (HELD, CLEARED),
        (CLEARED, replace(CLEARED, handling=replace(CLEARED.handling, state=AlertState.CLOSED))),
        (HELD, handled(follow_ups=(TOLD, TOLD), reference="R-1", escalations=3)),
        (HELD, SEEN_AGAIN),
        (HELD, with_score(0.9, SEEN_AGAIN)),
        (HELD, replace(SEEN_AGAIN, candidates=(*HELD.candidates, Candidate("S-3", 0.6)))),
        (HELD, replace(SEEN_AGAIN, model_version="model-2", threshold=0.4)),
        (FULL, replace(FULL, sightings=(*FULL.sightings[1:], SECOND))),
        (FULL, with_score(0.8, FULL)),
        (CLEARED, OPEN_AGAIN),
    ],
)
def test_an_alert_that_goes_on_contradicts_nothing(held: Alert, told: Alert) -> None:
    assert contradictions(held, told) == ()


@pytest.mark.parametrize(
    ("held", "told", "facts"),
    [
        (HELD, replace(HELD, camera=DEPARTURE.place), {"camera"}),
        (HELD, replace(HELD, captured_at=LATER), {"capture_time"}),
        (HELD, handled(raised_at=LATER), {"raised_time"}),
        (HELD, replace(HELD, version=1), {"version"}),
        (
            HELD,
            replace(HELD, candidates=(Candidate("S-9", 0.7, order_ids=("O-1",)),), subject_id="S-9"),
            {"candidates", "subject"},
        ),
        (HELD, replace(HELD, candidates=(*HELD.candidates, Candidate("S-3", 0.6))), {"candidates"}),
        (HELD, replace(HELD, candidates=(Candidate("S-1", 0.7, order_ids=("O-2",)), HELD.candidates[1])), {"orders"}),
        (HELD, replace(HELD, subject_id="S-2"), {"subject"}),
        (CLEARED, replace(CLEARED, subject_id="S-2"), {"subject"}),
        (HELD, replace(HELD, candidates=RULED_OUT), {"candidates"}),
        (replace(HELD, candidates=RULED_OUT), HELD, {"candidates"}),
        (SEEN_LIVE, replace(HELD, current=replace(FIRST, camera=DEPARTURE.place)), {"sightings"}),
        (SEEN_LIVE, replace(HELD, current=SECOND), {"sightings"}),
        (SEEN_LIVE, replace(HELD, current=None), {"sightings"}),
        (HELD, replace(HELD, late=True), {"sightings"}),
        (HELD, with_score(0.2), {"score"}),
        (HELD, with_score(0.9), {"score"}),
        (HELD, with_score(0.2, SEEN_AGAIN), {"score"}),
        (HELD, replace(HELD, threshold=0.9), {"threshold"}),
        (HELD, replace(HELD, model_version="model-2"), {"score", "threshold"}),
        (HELD, replace(HELD, sightings=()), {"sightings"}),
        (HELD, replace(HELD, sightings=(SECOND,)), {"sightings"}),
        (HELD, replace(HELD, sightings=(replace(FIRST, score=0.1),)), {"sightings"}),
        (HELD, replace(HELD, sightings=(replace(FIRST, camera=DEPARTURE.place),)), {"sightings"}),
        (HELD, handled(findings=()), {"findings"}),
        (CLEARED, handled(OPEN_AGAIN, findings=(REFERRED, NOT_SAME)), {"state"}),
        (CLEARED, handled(OPEN_AGAIN, findings=(REFERRED, NOT_SAME, LATE)), {"state"}),
        (CLEARED, handled(OPEN_AGAIN, findings=(REFERRED, NOT_SAME, replace(UNDONE, person=STRANGER))), {"state"}),
        (HELD, handled(findings=(NOT_SAME,)), {"findings"}),
        (HELD, handled(follow_ups=()), {"follow_ups"}),
        (handled(reference="R-1"), handled(reference="R-2"), {"reference"}),
        (handled(reference="R-1"), handled(reference=""), {"reference"}),
        (HELD, handled(escalation=Escalation.COUNTER), {"escalation"}),
        (HELD, handled(state=AlertState.CLEARED), {"state"}),
        (HELD, handled(state=AlertState.CLOSED), {"state"}),
        (CLEARED, handled(CLEARED, state=AlertState.NEW), {"state"}),
        (CLEARED, handled(CLEARED, state=AlertState.CONFIRMED, findings=(REFERRED, NOT_SAME, REFERRED)), {"state"}),
        (handled(state=AlertState.CONFIRMED), handled(state=AlertState.CLEARED), {"state"}),
    ],
)
def test_what_an_earlier_report_said_stays(held: Alert, told: Alert, facts: set[str]) -> None:
    assert set(contradictions(held, told)) == facts


@pytest.mark.parametrize("found", [AlertState.CLEARED, AlertState.CLOSED])
def test_a_hit_ends_by_a_finding_or_by_being_closed(found: AlertState) -> None:
    hit = handled(state=AlertState.CONFIRMED)
    assert contradictions(hit, handled(state=found, findings=(REFERRED, NOT_SAME))) == ()


def test_orders_with_which_a_candidate_alerted_stay_while_another_is_asked_about() -> None:
    """A report has the orders of the candidate that it asks about, and of no other."""
    of_second = (Candidate("S-1", 0.7), Candidate("S-2", 0.6, order_ids=("O-5",)))
    other = later(UNJUDGED, replace(UNJUDGED, subject_id="S-2", candidates=of_second))
    assert (other.orders_of("S-1"), other.orders_of("S-2")) == (("O-1",), ("O-5",))
    back = replace(UNJUDGED, candidates=(Candidate("S-1", 0.7, order_ids=("O-9",)), Candidate("S-2", 0.6)))
    assert contradictions(other, back) == ("orders",)
