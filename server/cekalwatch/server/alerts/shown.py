"""An alert as it is told to those who may see it: the domain's alert, with names of people and subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from cekalwatch.contract.values import alerts as shown
from cekalwatch.contract.values import handling as shown_steps
from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.orders.ban_order import JudgedOrder


def shown_alert(
    alert: Alert,
    subject: Subject,
    orders: Sequence[JudgedOrder],
    names: Mapping[str, str],
    lookalikes: Mapping[str, Sequence[shown.JudgedLookalike]],
    people: Mapping[UUID, str],
) -> shown.Alert:
    """Return an alert with the subject that it asks about, and their orders that alert.

    `names` and `lookalikes` are those of candidates, by the subject's key; `people` are the names of those who work on
    it: people who were deleted are missing.
    """
    return shown.Alert(
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
            shown.Candidate(
                one.subject_id,
                names.get(one.subject_id, ""),
                one.score,
                one.ruled_out,
                tuple(lookalikes.get(one.subject_id, ())),
            )
            for one in alert.candidates
        ),
        sightings=tuple(
            shown.Sighting(str(one.capture_id), one.captured_at, one.camera, one.score, one.fused_crops)
            for one in alert.sightings
        ),
        model_version=alert.model_version,
        handling=shown_handling(alert.handling, people),
        late=alert.late,
        orders_ended_at=alert.handling.orders_ended_at,
        probe_capture_id=str(alert.probe_capture_id or ""),
    )


def shown_handling(handling: Handling, people: Mapping[UUID, str]) -> shown_steps.Handling:
    """Return what people have done with an alert; `people` gives their names."""

    def person(person_id: UUID) -> PersonReference:
        return PersonReference(str(person_id), people.get(person_id, ""))

    claim = handling.claim
    return shown_steps.Handling(
        claim=shown_steps.Claim(person(claim.holder.person_id), claim.holder.agent, claim.until) if claim else None,
        findings=tuple(
            shown_steps.Finding(one.outcome, one.reason, one.note, person(one.by), one.at, one.subject_id)
            for one in handling.findings
        ),
        reference=handling.reference,
        follow_ups=tuple(
            shown_steps.FollowUp(one.agency, one.contact, one.result, one.contacted_at, person(one.by), one.at)
            for one in handling.follow_ups
        ),
        escalation=handling.escalation,
        unclaimed_since=handling.waits_since if handling.state is AlertState.NEW else None,
        escalated_at=handling.escalated_at,
        escalations=handling.escalations,
    )
