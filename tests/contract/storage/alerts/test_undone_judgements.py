"""Ten seconds to undo a judgement: nothing that it leads to happens before they are over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import UNDO_FOR, AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import capture, match
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter, seat

E = AlertEventType
NOT_SAME = (Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
SHORT = timedelta(seconds=1)


def undo(counter: Counter, alert_id: UUID, who: ActingPerson, subject_id: str = "S-1") -> Alert:
    return counter.adjudicator.undo(alert_id, who, seat(who), subject_id)


def refused(counter: Counter, alert_id: UUID, who: ActingPerson, subject_id: str = "S-1") -> Code:
    with pytest.raises(CekalwatchError) as caught:
        undo(counter, alert_id, who, subject_id)
    return caught.value.code


def judged(counter: Counter, who: ActingPerson, *found: Outcome | Reason) -> UUID:
    alert_id = counter.raise_alert(str(counter.sightings))
    counter.claim(alert_id, who)
    counter.judge(alert_id, who, *found)  # type: ignore[arg-type]
    return alert_id


@pytest.mark.both_databases
def test_what_was_cleared_by_mistake_is_open_again_as_it_was(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = judged(counter, budi, *NOT_SAME)
    before = counter.details.get(alert_id).whole
    assert before.undo_until == clock.now() + UNDO_FOR
    clock.advance(UNDO_FOR)
    counter.sweeper(RetentionPolicy(cleared_images=timedelta(hours=1))).sweep_images()
    again = undo(counter, alert_id, budi)

    assert (again.state, again.handling.claim and again.handling.claim.holder) == (
        *(AlertState.CLAIMED, budi.person.reference),
    )
    assert again.version == before.version + 1, "nobody else's step of what was cleared counts"
    assert again.probe_capture_id, "its picture is kept"
    assert [(one.ruled_out, one.disproved) for one in again.candidates] == [(False, False)]
    shown = counter.details.get(alert_id).whole
    assert (shown.clearing, shown.undo_until, shown.handling.officer) == (None, None, None)
    assert counter.events(alert_id)[-1] is E.UNDONE
    ((_, actor, told),) = counter.trail(Action.ALERT_UNDONE)
    assert actor == f"person:{budi.actor.key}"
    assert json.loads(told).items() >= {"undone": "NOT_SAME_PERSON", "candidate": "S-1"}.items()
    assert len(counter.trail(Action.ALERT_ADJUDICATED)) == 1, "what was undone stays in the audit trail"

    assert counter.judge(alert_id, budi).state is AlertState.REFERRED
    assert counter.details.get(alert_id).whole.handling.officer.person_id == str(budi.person.person_id)  # type: ignore[union-attr]


def test_a_passage_after_an_undone_clearing_joins_the_open_alert_and_is_shown(counter: Counter, budi: ActingPerson):
    alert_id = judged(counter, budi, *NOT_SAME)
    version = undo(counter, alert_id, budi).version
    assert counter.raise_alert("another", window=timedelta(hours=1)) == alert_id
    assert counter.version(alert_id) == version + 1


@pytest.mark.both_databases
def test_of_several_candidates_the_one_that_was_ruled_out_is_asked_about_again(counter: Counter, budi: ActingPerson):
    counter.watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"), [])
    now = counter.clock.now()
    event = counter.alerts.record(match(capture(at=now), others={"S-2": 0.61}), timedelta(0), now)
    assert event is not None
    counter.claim(event.alert_id, budi)
    assert counter.judge(event.alert_id, budi, *NOT_SAME).subject_id == "S-2"
    assert refused(counter, event.alert_id, budi, "S-2") is Code.ALERT_STATE_WRONG, "that one is not judged yet"
    again = undo(counter, event.alert_id, budi)
    assert (again.subject_id, again.state) == ("S-1", AlertState.CLAIMED)
    assert not any(one.ruled_out for one in again.candidates)
    assert refused(counter, event.alert_id, budi) is Code.ALERT_STATE_WRONG, "an undoing that is sent twice"


@pytest.mark.both_databases
def test_only_the_same_person_undoes_within_ten_seconds_and_before_anything_else_happened(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    alert_id = judged(counter, budi)
    assert refused(counter, alert_id, ani) is Code.ALERT_STATE_WRONG
    dewi = counter.hire("dewi", PersonRole.AUDITOR)
    assert refused(counter, alert_id, dewi) is Code.PERSON_ROLE_NEEDED
    counter.confirm(alert_id, siti)
    assert refused(counter, alert_id, budi) is Code.ALERT_STATE_WRONG, "two people found it"

    late = judged(counter, budi, *NOT_SAME)
    clock.advance(UNDO_FOR + SHORT)
    assert refused(counter, late, budi) is Code.ALERT_STATE_WRONG
    closed = judged(counter, budi, *NOT_SAME)
    counter.adjudicator.close(closed, ani, counter.version(closed))
    assert refused(counter, closed, budi) is Code.ALERT_STATE_WRONG
    taken = judged(counter, budi)
    counter.take_over(taken, siti)
    assert refused(counter, taken, budi) is Code.ALERT_HELD


def test_two_people_are_still_two_after_an_undone_judgement(counter: Counter, budi: ActingPerson, siti: ActingPerson):
    alert_id = judged(counter, siti)
    undo(counter, alert_id, siti)
    counter.adjudicator.release(alert_id, siti, seat(siti))
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    hit = counter.confirm(alert_id, siti)
    assert hit.state is AlertState.CONFIRMED, "what she had undone is no judgement of hers"
    other = judged(counter, budi)
    undo(counter, other, budi)
    with pytest.raises(CekalwatchError) as caught:
        counter.confirm(other, siti)
    assert caught.value.code is Code.ALERT_STATE_WRONG, "nobody has judged it"


@pytest.mark.both_databases
def test_supervisors_are_told_once_the_ten_seconds_are_over_whoever_dies(
    counter: Counter, database: Database, budi: ActingPerson, clock: FixedClock
):
    alert_id = judged(counter, budi)
    clock.advance(UNDO_FOR - SHORT)
    assert counter.escalator.escalate() == 0
    assert counter.details.get(alert_id).before_look.undo_until is not None, "no screen rings for it yet"

    # The server dies, and the PC as well: the judgement stands, and another server tells of it.
    other = Counter(database, clock)
    clock.advance(SHORT)
    assert other.escalator.escalate() == 1
    assert other.events(alert_id)[-1] is E.ESCALATED
    handling = other.alerts.get(alert_id).handling
    assert (handling.state, handling.escalation) == (AlertState.REFERRED, Escalation.COUNTER)
    assert other.details.get(alert_id).before_look.undo_until is None
    assert refused(other, alert_id, budi) is Code.ALERT_STATE_WRONG, "they have been told"

    clock.advance(other.policy.to_settle - UNDO_FOR - SHORT)
    assert other.escalator.escalate() == 0
    clock.advance(SHORT)
    assert other.escalator.escalate() == 1, "as long after the judgement as before"


def test_supervisors_are_not_told_of_what_was_undone(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = judged(counter, budi, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
    undo(counter, alert_id, budi)
    counter.escalator.escalate()
    clock.advance(UNDO_FOR + SHORT)
    assert counter.escalator.escalate() == 0
    assert E.ESCALATED not in counter.events(alert_id)


def test_an_order_that_is_in_force_again_is_told_at_once_and_not_again_ten_seconds_later(
    counter: Counter, budi: ActingPerson, clock: FixedClock
):
    handling = counter.alerts.get(judged(counter, budi)).handling
    later = clock.now() + timedelta(minutes=1)
    ended = replace(handling, escalated_at=None).with_orders(clock.now(), in_force=False)
    again = ended.with_orders(later, in_force=True)
    assert (ended.undoable, again.undoable) == (None, None)
    assert again.escalated_at == later
