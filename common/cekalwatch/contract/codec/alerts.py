"""Alerts, what people do with them, and what a subscription is told of them."""

from __future__ import annotations

from cekalwatch.contract.codec.codec import Codec
from cekalwatch.contract.codec.enums import bound_enum
from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.alert_search import AlertFilter, AlertSearch
from cekalwatch.contract.values.handling import Claim, Finding, FollowUp, Handling
from cekalwatch.contract.values.shift_report import ShiftReport
from cekalwatch.v1 import adjudication_pb2, alert_pb2, alert_service_pb2

STATES = bound_enum(AlertState, adjudication_pb2.AlertState.DESCRIPTOR)
OUTCOMES = bound_enum(Outcome, adjudication_pb2.Outcome.DESCRIPTOR)
REASONS = bound_enum(Reason, adjudication_pb2.Reason.DESCRIPTOR)
ESCALATIONS = bound_enum(Escalation, adjudication_pb2.Escalation.DESCRIPTOR)
EVENT_TYPES = bound_enum(AlertEventType, alert_pb2.AlertEventType.DESCRIPTOR)

_CLAIM = Codec(Claim, adjudication_pb2.Claim, names={"expires_at": "expire_time"})
_FINDING = Codec(Finding, adjudication_pb2.Finding, names={"found_at": "find_time"})
FOLLOW_UP = Codec(
    FollowUp, adjudication_pb2.FollowUp, names={"contacted_at": "contact_time", "recorded_at": "record_time"}
)
HANDLING = Codec(
    Handling,
    adjudication_pb2.Handling,
    names={
        "reference": "cekal_online_reference",
        "unclaimed_since": "unclaimed_time",
        "escalated_at": "escalated_time",
    },
    parts=(_CLAIM, _FINDING, FOLLOW_UP),
)
FILTER = Codec(AlertFilter, alert_service_pb2.AlertFilter, local=("supervises",))
SEARCH = Codec(AlertSearch, alert_service_pb2.ListAlertsRequest, unread=("filter", "page_size", "page_token"))
SHIFT_REPORT = Codec(ShiftReport, alert_service_pb2.GetShiftReportResponse)
