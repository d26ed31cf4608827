"""Reads those fields of requests about alerts that have a form or a refusal of their own.

The domain checks what the texts of findings and follow-ups may contain.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.message import Message

from cekalwatch.contract.codec.alerts import FILTER, OUTCOMES, REASONS, STATES
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.adjudication import AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import MAX_CANDIDATE_KEY, OLDEST, AlertFilter
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.alerts.adjudication import Adjudication
from cekalwatch.server.domain.alerts.adjudication import FollowUp
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.messages import KEY, optional_moment, require, text
from cekalwatch.v1 import adjudication_pb2, alert_service_pb2, report_service_pb2

MAX_REFERENCE = 100
MAX_SHIFT = timedelta(days=31)
CLOCK_AHEAD = timedelta(minutes=5)
"""The largest allowed lead of a PC's clock over the server's."""
MAX_SEQUENCE = 2**62


def agent_id(value: str) -> str:
    """Read an agent's key; raises Refused."""
    require(KEY.fullmatch(value), "agent_id")
    return value


def site(value: str) -> str:
    """Read a site's key, which may be empty; raises Refused."""
    require(not value or KEY.fullmatch(value), "site")
    return value


def sequence(value: int) -> int:
    """Read a sequence; raises Refused."""
    require(0 <= value <= MAX_SEQUENCE, "sequence")
    return value


def alert_filter(message: alert_service_pb2.AlertFilter) -> AlertFilter:
    """Read a filter; raises Refused."""
    found = FILTER.read(message, Reading.STRICT)
    site(found.site)
    return found


def alert_page_token(token: str) -> UUID | None:
    """Read the token of a page of alerts; raises PAGE_TOKEN_INVALID."""
    try:
        return UUID(token) if token else None
    except ValueError:
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID) from None


def alert_id(value: str) -> UUID:
    """Read an alert's key; raises ALERT_NOT_FOUND, since no alert has a key of another form."""
    try:
        return UUID(value)
    except ValueError:
        raise CekalwatchError(Code.ALERT_NOT_FOUND) from None


def adjudication(request: alert_service_pb2.AdjudicateAlertRequest) -> Adjudication:
    """Read an officer's adjudication; raises OUTCOME_NOT_ALLOWED, REASON_INVALID or Refused."""
    found = outcome(request.outcome)
    subject_id = candidate(request.candidate_subject_id, "candidate_subject_id")
    return Adjudication(found, reason(request.reason), request.note, request.version, subject_id)


def candidate(value: str, field: str) -> str:
    """Read a candidate's key; raises Refused."""
    text(value, field, MAX_CANDIDATE_KEY)
    return value


def outcome(value: adjudication_pb2.Outcome.ValueType) -> Outcome:
    """Read what somebody found; raises OUTCOME_NOT_ALLOWED."""
    found = OUTCOMES.member(value)
    if found is None:
        raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, str(value))
    return found


def clearing(request: alert_service_pb2.ClearAlertRequest) -> Adjudication:
    """Read why an alert is cleared; raises REASON_INVALID."""
    return Adjudication(Outcome.CLEARED, reason(request.reason), request.note, request.version)


def taking_over(request: alert_service_pb2.TakeOverAlertRequest) -> Adjudication:
    """Read why an alert is taken over; raises REASON_INVALID."""
    return Adjudication(Outcome.TAKEN_OVER, reason(request.reason), request.note, request.version)


def confirmation(request: alert_service_pb2.ConfirmAlertRequest) -> Adjudication:
    """Read why an alert is confirmed; raises REASON_INVALID."""
    listed = request.reason == adjudication_pb2.REASON_UNSPECIFIED
    why = Reason.LISTED_IN_CEKAL_ONLINE if listed else reason(request.reason)
    return Adjudication(Outcome.CONFIRMED, why, request.note, request.version)


def reason(value: adjudication_pb2.Reason.ValueType) -> Reason:
    """Read a reason; raises REASON_INVALID."""
    found = REASONS.member(value)
    if found is None:
        raise CekalwatchError(Code.REASON_INVALID, str(value))
    return found


def reference(value: str) -> str:
    """Read a reference number; raises REFERENCE_INVALID when it is too long."""
    if len(value) > MAX_REFERENCE:
        raise CekalwatchError(Code.REFERENCE_INVALID)
    return value


def follow_up(message: adjudication_pb2.FollowUp, by: PersonReference, now: datetime) -> FollowUp:
    """Read a contact with the agency; raises NOTE_INVALID, CONTACT_TIME_AHEAD, or Refused for no time."""
    contacted_at = _moment(message, "contact_time")
    if contacted_at > now + CLOCK_AHEAD:
        raise CekalwatchError(Code.CONTACT_TIME_AHEAD)
    return FollowUp(message.agency, message.contact, message.result, contacted_at, by, now)


def states(values: Collection[adjudication_pb2.AlertState.ValueType]) -> frozenset[AlertState]:
    """Read the states of a list request; raises Refused."""
    wanted = frozenset(state for state in map(STATES.member, values) if state)
    require(len(values) <= len(AlertState) and len(wanted) == len(set(values)), "states")
    return wanted


def span(
    request: alert_service_pb2.GetShiftReportRequest | report_service_pb2.GetFieldReportRequest,
    now: datetime,
    most: timedelta = MAX_SHIFT,
) -> tuple[datetime, datetime]:
    """Read the start and end of a span of `most` that length; raises Refused."""
    start, end = _moment(request, "start_time"), _moment(request, "end_time", now)
    require(timedelta(0) <= end - start <= most, "end_time")
    return start, end


def _moment(message: Message, field: str, otherwise: datetime | None = None) -> datetime:
    """Read a time of our century; raises Refused, also for a missing one without `otherwise`."""
    found = optional_moment(message, field) or otherwise
    if found is None or found < OLDEST:
        raise Refused(field)
    return found
