"""Between protobuf and the notifier's values of what people do: handling, sessions, the figures of a shift."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cekalwatch.notifier.model.handling import (
    MAX_NOTE,
    AlertState,
    Claim,
    Escalation,
    Finding,
    FollowUp,
    Handling,
    Outcome,
    PersonReference,
    Reason,
)
from cekalwatch.notifier.model.person import PersonRole, Session
from cekalwatch.notifier.model.shift_report import ShiftReport, Tally
from cekalwatch.notifier.model.text import safe_text
from cekalwatch.v1 import adjudication_pb2, alert_service_pb2, session_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_STATES = {
    adjudication_pb2.AlertState.Value(f"ALERT_STATE_{state}"): state
    for state in AlertState
    if state is not AlertState.UNKNOWN
}
_OUTCOMES = {
    adjudication_pb2.Outcome.Value(f"OUTCOME_{outcome}"): outcome
    for outcome in Outcome
    if outcome is not Outcome.UNKNOWN
}
_REASONS = {
    adjudication_pb2.Reason.Value(f"REASON_{reason}"): reason for reason in Reason if reason is not Reason.UNKNOWN
}
_ESCALATIONS = {
    adjudication_pb2.Escalation.Value(f"ESCALATION_{escalation.name}"): escalation for escalation in Escalation
}
_ROLES = {session_pb2.PersonRole.Value(f"PERSON_ROLE_{role}"): role for role in PersonRole}


def state(message: adjudication_pb2.AlertState.ValueType) -> AlertState:
    """Return where an alert stands."""
    return _STATES.get(message, AlertState.UNKNOWN)


def outcome_message(outcome: Outcome) -> adjudication_pb2.Outcome.ValueType:
    """Return the contract's form of an outcome."""
    return adjudication_pb2.Outcome.Value(f"OUTCOME_{outcome}")


def reason_message(reason: Reason) -> adjudication_pb2.Reason.ValueType:
    """Return the contract's form of a reason."""
    return adjudication_pb2.Reason.Value(f"REASON_{reason}")


def state_message(wanted: AlertState) -> adjudication_pb2.AlertState.ValueType:
    """Return the contract's form of a state."""
    return adjudication_pb2.AlertState.Value(f"ALERT_STATE_{wanted}")


def handling(message: adjudication_pb2.Handling) -> Handling:
    """Return what people have done."""
    return Handling(
        revision=message.revision,
        claim=_claim(message.claim) if message.HasField("claim") else None,
        findings=tuple(_finding(finding) for finding in message.findings),
        reference=safe_text(message.cekal_online_reference),
        follow_ups=tuple(_follow_up(follow_up) for follow_up in message.follow_ups),
        escalation=_ESCALATIONS.get(message.escalation, Escalation.COUNTER),
        unclaimed_since=moment(message.unclaimed_time) if message.HasField("unclaimed_time") else None,
    )


def follow_up_message(follow_up: FollowUp) -> adjudication_pb2.FollowUp:
    """Return the contract's form of a contact with the agency."""
    message = adjudication_pb2.FollowUp(agency=follow_up.agency, contact=follow_up.contact, result=follow_up.result)
    message.contact_time.FromDatetime(follow_up.contacted_at)
    return message


def session(message: session_pb2.Session) -> Session:
    """Return a person's session."""
    return Session(
        person_id=safe_text(message.person_id),
        display_name=safe_text(message.display_name),
        roles=frozenset(_ROLES[role] for role in message.roles if role in _ROLES),
        expires_at=moment(message.expire_time),
        idle_timeout=message.idle_timeout.ToTimedelta() if message.HasField("idle_timeout") else None,
        password_change_needed=message.password_change_needed,
    )


def report(message: alert_service_pb2.GetShiftReportResponse) -> ShiftReport:
    """Return the figures of a shift."""
    return ShiftReport(
        raised=message.raised,
        cleared=message.cleared,
        confirmed=message.confirmed,
        open=message.open,
        escalated=message.escalated,
        median_claim_s=message.median_claim_s,
        median_decision_s=message.median_decision_s,
        cameras=tuple(_tally(one) for one in message.cameras),
        lists=tuple(_tally(one) for one in message.lists),
    )


def moment(timestamp: Timestamp) -> datetime:
    """Return a timestamp as a time in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)


def _tally(message: alert_service_pb2.AlertTally) -> Tally:
    return Tally(safe_text(message.key), message.cleared, message.confirmed)


def _claim(message: adjudication_pb2.Claim) -> Claim:
    return Claim(_person(message.holder), safe_text(message.agent_id), moment(message.expire_time))


def _finding(message: adjudication_pb2.Finding) -> Finding:
    return Finding(
        outcome=_OUTCOMES.get(message.outcome, Outcome.UNKNOWN),
        reason=_REASONS.get(message.reason, Reason.UNKNOWN),
        note=safe_text(message.note, MAX_NOTE),
        person=_person(message.person),
        found_at=moment(message.find_time),
    )


def _follow_up(message: adjudication_pb2.FollowUp) -> FollowUp:
    return FollowUp(
        agency=safe_text(message.agency, MAX_NOTE),
        contact=safe_text(message.contact, MAX_NOTE),
        result=safe_text(message.result, MAX_NOTE),
        contacted_at=moment(message.contact_time),
        person=_person(message.person),
    )


def _person(message: adjudication_pb2.PersonReference) -> PersonReference:
    return PersonReference(safe_text(message.person_id), safe_text(message.display_name))
