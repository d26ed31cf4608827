"""Between protobuf and the notifier's values of what people do: handling, sessions, the figures of a shift."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cekalwatch.notifier.model.handling import Claim, Finding, FollowUp, Handling, PersonReference
from cekalwatch.notifier.model.person import Session
from cekalwatch.notifier.model.shift_report import ShiftReport, Tally
from cekalwatch.notifier.model.text import safe_text
from cekalwatch.v1 import adjudication_pb2, alert_service_pb2, session_pb2
from cekalwatch.wire.vocabulary.adjudication import MAX_NOTE, AlertState, Escalation, Outcome, Reason
from cekalwatch.wire.vocabulary.people import PersonRole
from cekalwatch.wire.vocabulary.proto_enums import ProtoEnum

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

STATES = ProtoEnum(adjudication_pb2.AlertState, "ALERT_STATE", AlertState)
OUTCOMES = ProtoEnum(adjudication_pb2.Outcome, "OUTCOME", Outcome)
REASONS = ProtoEnum(adjudication_pb2.Reason, "REASON", Reason)
_ESCALATIONS = ProtoEnum(adjudication_pb2.Escalation, "ESCALATION", Escalation)
_ROLES = ProtoEnum(session_pb2.PersonRole, "PERSON_ROLE", PersonRole)


def handling(message: adjudication_pb2.Handling) -> Handling:
    """Return what people have done."""
    return Handling(
        revision=message.revision,
        claim=_claim(message.claim) if message.HasField("claim") else None,
        findings=tuple(_finding(finding) for finding in message.findings),
        reference=safe_text(message.cekal_online_reference),
        follow_ups=tuple(_follow_up(follow_up) for follow_up in message.follow_ups),
        escalation=_ESCALATIONS.member(message.escalation) or Escalation.COUNTER,
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
        roles=frozenset(role for role in map(_ROLES.member, message.roles) if role),
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
        outcome=OUTCOMES.member(message.outcome),
        reason=REASONS.member(message.reason),
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
