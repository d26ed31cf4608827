"""Reads and writes alerts, the handling of alerts by people, and the messages of a subscription."""

from __future__ import annotations

from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.codec.unusable_faces import UNUSABLE_NOTICE
from cekalwatch.contract.codec.watchlist import FRESHNESS, OFFICERS_ORDER, OFFICERS_SUBJECT, REFERENCE_FACE
from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.adjudication import (
    MAX_NOTE,
    AlertEventType,
    AlertState,
    Claim,
    Escalation,
    Finding,
    FollowUp,
    Handling,
    Look,
    Outcome,
    Reason,
)
from cekalwatch.contract.values.alerts import (
    Alert,
    AlertEvent,
    AlertFaces,
    AlertFilter,
    AlertPictures,
    AlertSearch,
    Candidate,
    KeepAlive,
    Sighting,
    StreamMessage,
    Subscribed,
)
from cekalwatch.contract.values.exercises import ExerciseRecord
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.v1 import adjudication_pb2, alert_pb2, alert_service_pb2, readiness_pb2

STATES = bound_enum(AlertState, adjudication_pb2.AlertState.DESCRIPTOR)
OUTCOMES = bound_enum(Outcome, adjudication_pb2.Outcome.DESCRIPTOR)
REASONS = bound_enum(Reason, adjudication_pb2.Reason.DESCRIPTOR)
ESCALATIONS = bound_enum(Escalation, adjudication_pb2.Escalation.DESCRIPTOR)
EVENT_TYPES = bound_enum(AlertEventType, alert_pb2.AlertEventType.DESCRIPTOR)

_NOTE = Converter(lambda content, reading: content if reading is Reading.STRICT else safe_text(content, MAX_NOTE), str)
"""A text that people write, in several lines; the server's domain checks it."""
_CLAIM = Codec(Claim, adjudication_pb2.Claim, names={"expires_at": "expire_time"})
_FINDING = Codec(Finding, adjudication_pb2.Finding, names={"found_at": "find_time"}, special={"note": _NOTE})
_LOOK = Codec(Look, adjudication_pb2.Look, names={"looked_at": "look_time"})
FOLLOW_UP = Codec(
    FollowUp,
    adjudication_pb2.FollowUp,
    names={"contacted_at": "contact_time", "recorded_at": "record_time"},
    special={"agency": _NOTE, "contact": _NOTE, "result": _NOTE},
)
HANDLING = Codec(
    Handling,
    adjudication_pb2.Handling,
    names={
        "reference": "cekal_online_reference",
        "unclaimed_since": "unclaimed_time",
        "escalated_at": "escalated_time",
    },
    parts=(_CLAIM, _FINDING, FOLLOW_UP, _LOOK),
)
_CANDIDATE = Codec(Candidate, alert_pb2.Candidate, names={"lookalikes": "look_alikes"})
_REPORTED_CANDIDATE = Codec(
    Candidate, alert_pb2.Candidate, names={"lookalikes": "look_alikes"}, unheeded=("name", "lookalikes")
)
_SIGHTING = Codec(Sighting, alert_pb2.Sighting, names={"captured_at": "capture_time"}, parts=(PLACE,), local=("turn",))
_REPORTED_SIGHTING = Codec(
    Sighting,
    alert_pb2.Sighting,
    names={"captured_at": "capture_time"},
    parts=(PLACE,),
    local=("turn",),
    unheeded=("ask",),  # the port's own people are asked
)
_ALERT_NAMES = {
    "captured_at": "capture_time",
    "raised_at": "raised_time",
    "orders_ended_at": "orders_ended_time",
    "undo_until": "undo_expire_time",
}
_EXERCISE_RECORD = Codec(ExerciseRecord, adjudication_pb2.ExerciseRecord)
_ALERT_PARTS = (_EXERCISE_RECORD, OFFICERS_SUBJECT, OFFICERS_ORDER, PLACE, HANDLING)
ALERT = Codec(Alert, alert_pb2.Alert, names=_ALERT_NAMES, parts=(*_ALERT_PARTS, _CANDIDATE, _SIGHTING))
_REPORTED_ALERT = Codec(
    Alert, alert_pb2.Alert, names=_ALERT_NAMES, parts=(*_ALERT_PARTS, _REPORTED_CANDIDATE, _REPORTED_SIGHTING)
)
PICTURES = Codec(AlertPictures, alert_pb2.AlertImages, names={"probe": "probe_jpeg"}, parts=(REFERENCE_FACE,))
FACES = Codec(AlertFaces, alert_service_pb2.AlertFaces, names={"probe": "probe_jpeg", "reference": "reference_jpeg"})

FILTER = Codec(AlertFilter, alert_service_pb2.AlertFilter, local=("supervises",))
SEARCH = Codec(AlertSearch, alert_service_pb2.ListAlertsRequest, unread=("filter", "page_size", "page_token"))
SHIFT_REPORT = Codec(ShiftReport, alert_service_pb2.GetShiftReportResponse)

_EVENT_NAMES = {"occurred_at": "event_time", "trace": "trace_parent"}
_EVENT = Codec(AlertEvent, alert_pb2.AlertEvent, names=_EVENT_NAMES, parts=(ALERT,), unheeded=("capture_id",))
REPORTED_EVENT = Codec(
    AlertEvent, alert_pb2.AlertEvent, names=_EVENT_NAMES, parts=(_REPORTED_ALERT,), unheeded=("trace",)
)
"""An alert as a port reports it: the centre adds names of subjects and look-alikes."""
_READINESS = Codec(Readiness, readiness_pb2.Readiness, names={"repeat_period_s": "repeat_period"})
STREAM: OneOf[StreamMessage, alert_service_pb2.SubscribeAlertsResponse] = OneOf(
    alert_service_pb2.SubscribeAlertsResponse,
    {
        "subscribed": Codec(Subscribed, alert_service_pb2.Subscribed, parts=(FRESHNESS, _READINESS)),
        "event": _EVENT,
        "keep_alive": Codec(KeepAlive, alert_service_pb2.KeepAlive, parts=(FRESHNESS, _READINESS)),
        "waiting_alert": ALERT,
        "unusable_notice": UNUSABLE_NOTICE,
    },
)
