"""Alerts, what people do with them, and what a subscription is told of them."""

from __future__ import annotations

from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.codec.codec import Codec
from cekalwatch.contract.codec.enums import bound_enum
from cekalwatch.contract.codec.one_of import OneOf
from cekalwatch.contract.codec.watchlist import FRESHNESS, OFFICERS_ORDER, OFFICERS_SUBJECT, REFERENCE_FACE
from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.alert_search import AlertFilter, AlertSearch
from cekalwatch.contract.values.alerts import (
    Alert,
    AlertEvent,
    AlertPictures,
    Candidate,
    KeepAlive,
    Sighting,
    StreamMessage,
    Subscribed,
)
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
_CANDIDATE = Codec(Candidate, alert_pb2.Candidate, names={"lookalikes": "look_alikes"})
_SIGHTING = Codec(Sighting, alert_pb2.Sighting, names={"captured_at": "capture_time"}, parts=(PLACE,))
ALERT = Codec(
    Alert,
    alert_pb2.Alert,
    names={"captured_at": "capture_time", "raised_at": "raised_time", "orders_ended_at": "orders_ended_time"},
    parts=(OFFICERS_SUBJECT, OFFICERS_ORDER, PLACE, _CANDIDATE, _SIGHTING, HANDLING),
)
PICTURES = Codec(AlertPictures, alert_pb2.AlertImages, names={"probe": "probe_jpeg"}, parts=(REFERENCE_FACE,))

FILTER = Codec(AlertFilter, alert_service_pb2.AlertFilter, local=("supervises",))
SEARCH = Codec(AlertSearch, alert_service_pb2.ListAlertsRequest, unread=("filter", "page_size", "page_token"))
SHIFT_REPORT = Codec(ShiftReport, alert_service_pb2.GetShiftReportResponse)

_EVENT = Codec(
    AlertEvent,
    alert_pb2.AlertEvent,
    names={"occurred_at": "event_time", "trace": "trace_parent"},
    parts=(ALERT,),
    unheeded=("occurred_at", "capture_id"),
)
STREAM: OneOf[StreamMessage, alert_service_pb2.SubscribeAlertsResponse] = OneOf(
    alert_service_pb2.SubscribeAlertsResponse,
    {
        "subscribed": Codec(Subscribed, alert_service_pb2.Subscribed, parts=(FRESHNESS,)),
        "event": _EVENT,
        "keep_alive": Codec(KeepAlive, alert_service_pb2.KeepAlive, parts=(FRESHNESS,)),
        "waiting_alert": ALERT,
    },
)
