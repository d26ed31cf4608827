"""Between protobuf and the notifier's own values. Protobuf types stop here, and so does unsafe text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cekalwatch.contract.codec.alerts import EVENT_TYPES, HANDLING, STATES
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.codec.watchlist import FRESHNESS, LOOKALIKE_JUDGEMENTS, OFFICERS_ORDER, OFFICERS_SUBJECT
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.office.model.alert import Alert, Candidate, Pictures, Sighting
from cekalwatch.office.model.subscription_updates import AlertEvent, Connected, KeepAlive, Update, WaitingAlert
from cekalwatch.program.traces import trace_context
from cekalwatch.v1 import alert_pb2, alert_service_pb2, camera_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_DIRECTIONS = ProtoEnum(camera_pb2.Direction, "DIRECTION", Direction)


def update(response: alert_service_pb2.SubscribeAlertsResponse) -> Update | None:
    """Return what a message of the stream says; None for a message that only a newer program knows."""
    match response.WhichOneof("message"):
        case "subscribed":
            subscribed = response.subscribed
            return Connected(
                subscribed.after_sequence,
                subscribed.head_sequence,
                FRESHNESS.read(subscribed.freshness),
                subscribed.waiting_alerts,
            )
        case "event":
            event = response.event
            trace = trace_context(event.trace_parent)
            return AlertEvent(event.sequence, EVENT_TYPES.member(event.type), alert(event.alert), trace)
        case "waiting_alert":
            return WaitingAlert(alert(response.waiting_alert))
        case "keep_alive":
            keep_alive = response.keep_alive
            age = replace(FRESHNESS.read(keep_alive.freshness), as_of=_moment(keep_alive.server_time))
            return KeepAlive(age, keep_alive.waiting_alerts)
        case _:
            return None


def alert(message: alert_pb2.Alert) -> Alert:
    """Return an alert as the notifier holds it; no more of the subject than what is shown."""
    return Alert(
        alert_id=safe_text(message.alert_id),
        state=STATES.member(message.state),
        version=message.version,
        subject=OFFICERS_SUBJECT.read(message.subject),
        orders=OFFICERS_ORDER.read_all(message.orders),
        camera_id=safe_text(message.camera.camera_id),
        site=safe_text(message.camera.site),
        counter=safe_text(message.camera.counter),
        direction=_DIRECTIONS.member(message.camera.direction),
        captured_at=_moment(message.capture_time),
        raised_at=_moment(message.raised_time),
        score=message.score,
        threshold=message.threshold,
        candidates=tuple(
            Candidate(safe_text(one.subject_id), safe_text(one.name), one.score, one.ruled_out, _lookalikes(one))
            for one in message.candidates
        ),
        sightings=tuple(_sighting(sighting) for sighting in message.sightings),
        late=message.late,
        handling=HANDLING.read(message.handling),
        orders_ended_at=_moment(message.orders_ended_time) if message.HasField("orders_ended_time") else None,
        probe_capture_id=safe_text(message.probe_capture_id),
    )


def _lookalikes(message: alert_pb2.Candidate) -> tuple[tuple[str, LookalikeJudgement], ...]:
    judged = ((safe_text(one.subject_id), LOOKALIKE_JUDGEMENTS.member(one.judgement)) for one in message.look_alikes)
    return tuple((key, judgement) for key, judgement in judged if judgement)


def pictures(images: alert_pb2.AlertImages) -> Pictures:
    """Return the pictures of an alert; references without a picture are left out."""
    return Pictures(images.probe_jpeg, tuple(reference.jpeg for reference in images.references if reference.jpeg))


def _moment(timestamp: Timestamp) -> datetime:
    """Return a timestamp as a time in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)


def _sighting(sighting: alert_pb2.Sighting) -> Sighting:
    return Sighting(
        captured_at=_moment(sighting.capture_time),
        counter=safe_text(sighting.camera.counter),
        direction=_DIRECTIONS.member(sighting.camera.direction),
        score=sighting.score,
    )
