"""An alert as it is told to those who may see it: the domain's alert, with names of people and subjects."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from cekalwatch.contract.values import handling as shown
from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.domain.alerts.handling import Handling


def shown_handling(handling: Handling, people: Mapping[UUID, str]) -> shown.Handling:
    """Return what people have done with an alert; `people` gives their names."""

    def person(person_id: UUID) -> PersonReference:
        return PersonReference(str(person_id), people.get(person_id, ""))

    claim = handling.claim
    return shown.Handling(
        claim=shown.Claim(person(claim.holder.person_id), claim.holder.agent, claim.until) if claim else None,
        findings=tuple(
            shown.Finding(one.outcome, one.reason, one.note, person(one.by), one.at, one.subject_id)
            for one in handling.findings
        ),
        reference=handling.reference,
        follow_ups=tuple(
            shown.FollowUp(one.agency, one.contact, one.result, one.contacted_at, person(one.by), one.at)
            for one in handling.follow_ups
        ),
        escalation=handling.escalation,
        unclaimed_since=handling.waits_since if handling.state is AlertState.NEW else None,
        escalated_at=handling.escalated_at,
        escalations=handling.escalations,
    )
