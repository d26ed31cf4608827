"""An alert as people and other servers see it, and read back from what another server told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from cekalwatch.contract.values import adjudication as steps
from cekalwatch.contract.values import alerts as values
from cekalwatch.contract.values.adjudication import AlertState, FirstLook
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import JudgedLookalike
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.exercises import ExerciseRecord
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import Alert, Sighting
from cekalwatch.server.domain.alerts.handling import Claim, Handling, Holder
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.ban_order import JudgedOrder

T = TypeVar("T")


def shown_alert(
    alert: Alert,
    subject: Subject,
    orders: Sequence[JudgedOrder],
    names: Mapping[str, str],
    lookalikes: Mapping[str, Sequence[JudgedLookalike]],
    people: Mapping[UUID, str],
    agencies_owed: tuple[str, ...] = (),
    asked_key: str = "",
    *,
    exercise_record: ExerciseRecord | None = None,
    asks_looks: bool = False,
) -> ShownAlert:
    """Return an alert with the subject about whom it asks, and the subject's orders that alert.

    `names` and `lookalikes` are those of candidates, by the subject's key. `people` has the names of the people who
    work on it, without deleted people. `exercise_record`: that of who judged an exercise. `asks_looks`: who may judge
    it has to look at the faces first.
    """
    return ShownAlert(
        alert_id=str(alert.alert_id),
        state=alert.state,
        version=alert.version,
        subject=subject,
        orders=tuple(one.shown for one in orders),
        camera=alert.camera,
        captured_at=alert.captured_at,
        raised_at=alert.raised_at,
        score=alert.score,
        threshold=alert.threshold,
        candidates=tuple(
            values.Candidate(
                one.subject_id,
                one.score,
                names.get(one.subject_id, ""),
                one.ruled_out,
                tuple(lookalikes.get(one.subject_id, ())),
                one.model_version,
            )
            for one in alert.candidates
        ),
        sightings=tuple(_shown_sighting(one, alert) for one in alert.sightings),
        model_version=alert.model_version,
        handling=shown_handling(alert.handling, people),
        late=alert.late,
        orders_ended_at=alert.handling.orders_ended_at,
        probe_capture_id=str(alert.probe_capture_id or ""),
        current=_shown_sighting(alert.current, alert) if alert.current else None,
        agencies_owed=agencies_owed,
        first_look=FirstLook.TAKEN if asks_looks else None,
        asked_key=asked_key,
        exercise=alert.exercise,
        undo_until=alert.handling.undoable.at + steps.UNDO_FOR if alert.handling.undoable else None,
        exercise_record=exercise_record,
    )


def shown_handling(handling: Handling, people: Mapping[UUID, str]) -> steps.Handling:
    """Return the steps that people took with an alert; `people` has their names."""

    def person(person_id: UUID) -> PersonReference:
        return PersonReference(str(person_id), people.get(person_id, ""))

    claim = handling.claim
    return steps.Handling(
        claim=steps.Claim(person(claim.holder.person_id), claim.holder.agent, claim.until) if claim else None,
        findings=tuple(
            steps.Finding(one.outcome, one.reason, one.note, person(one.by), one.at, one.subject_id)
            for one in handling.findings
        ),
        reference=handling.reference,
        follow_ups=tuple(
            steps.FollowUp(one.agency, one.contact, one.result, one.contacted_at, person(one.by), one.at, one.release)
            for one in handling.follow_ups
        ),
        escalation=handling.escalation,
        unclaimed_since=handling.waits_since if handling.state is AlertState.NEW else None,
        escalated_at=handling.escalated_at,
        escalations=handling.escalations,
        looks=tuple(
            steps.Look(one.outcome, person(one.by), one.at, one.version, one.subject_id) for one in handling.looks
        ),
    )


def alert_of(told: ShownAlert) -> Alert:
    """Return the domain's form of another server's alert, whose keys and enums are checked already.

    Raises REASON_INVALID or NOTE_INVALID where people found or wrote what they may not.
    """
    orders = tuple(one.order_id for one in told.orders)
    camera, sightings = _camera(told.camera), tuple(map(_sighting, told.sightings))
    return Alert(
        alert_id=UUID(told.alert_id),
        version=told.version,
        subject_id=told.subject.subject_id,
        camera=camera,
        captured_at=told.captured_at,
        last_seen_at=max((told.captured_at, *(one.captured_at for one in sightings))),
        threshold=told.threshold,
        candidates=tuple(
            Candidate(
                one.subject_id,
                one.score,
                orders if one.subject_id == told.subject.subject_id else (),
                one.ruled_out,
                model_version=one.model_version,
            )
            for one in told.candidates
        ),
        model_version=told.model_version,
        handling=_handling(told),
        late=told.late,
        sightings=sightings,
        current=_sighting(told.current) if told.current else None,
        cameras=frozenset((camera, *(one.camera for one in sightings))),
        probe_capture_id=UUID(told.probe_capture_id) if told.probe_capture_id else None,
    )


def _handling(told: ShownAlert) -> Handling:
    handling = told.handling
    claim = handling.claim
    return Handling(
        raised_at=told.raised_at,
        state=known(told.state),
        stands_since=handling.unclaimed_since,
        claim=Claim(Holder(UUID(claim.holder.person_id), claim.agent_id), claim.expires_at) if claim else None,
        findings=tuple(
            Finding(
                known(one.outcome),
                known(one.reason),
                one.note,
                UUID(one.person.person_id),
                one.found_at,
                one.subject_id,
            )
            for one in handling.findings
        ),
        reference=handling.reference,
        follow_ups=tuple(
            FollowUp(
                one.agency,
                one.contact,
                one.result,
                one.contacted_at,
                UUID(known(one.person).person_id),
                known(one.recorded_at),
                one.release,
            )
            for one in handling.follow_ups
        ),
        escalation=handling.escalation,
        escalated_at=handling.escalated_at,
        escalations=handling.escalations,
        orders_ended_at=told.orders_ended_at,
    )


def _shown_sighting(one: Sighting, alert: Alert) -> values.Sighting:
    return values.Sighting(
        str(one.capture_id),
        one.captured_at,
        one.camera,
        one.score,
        one.fused_crops,
        one.passage,
        one.late,
        "" if one.model_version == alert.model_version else one.model_version,
    )


def _sighting(told: values.Sighting) -> Sighting:
    return Sighting(
        UUID(told.capture_id),
        told.captured_at,
        _camera(told.camera),
        told.score,
        told.fused_crops,
        told.passage,
        told.late,
        told.model_version,
    )


def _camera(told: CameraReference) -> Camera:
    return Camera(told.camera_id, told.site, told.counter, known(told.direction))


def known(found: T | None) -> T:
    """Return the value; raises ValueError when only a newer server knows it, or it is missing."""
    if found is None:
        raise ValueError("a part that is not known")
    return found
