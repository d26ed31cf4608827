"""Between protobuf and the notifier's own values. Protobuf types stop here, and so does unsafe text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cekalwatch.contract.codec.alerts import EVENT_TYPES, HANDLING, STATES
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.values.orders import Direction, OrderFlag, OrderKind, OrderStatus
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.office.model.alert import Alert, AlertFilter, Candidate, Document, Order, Pictures, Sighting, Subject
from cekalwatch.office.model.person import Session
from cekalwatch.office.model.subscription_updates import (
    AlertEvent,
    Connected,
    Freshness,
    KeepAlive,
    Update,
    WaitingAlert,
)
from cekalwatch.program.traces import trace_context
from cekalwatch.v1 import alert_pb2, alert_service_pb2, camera_pb2, session_pb2, watchlist_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_DIRECTIONS = ProtoEnum(camera_pb2.Direction, "DIRECTION", Direction)
ORDER_KINDS = ProtoEnum(watchlist_pb2.OrderKind, "ORDER_KIND", OrderKind)
ORDER_STATUSES = ProtoEnum(watchlist_pb2.OrderStatus, "ORDER_STATUS", OrderStatus)
LOOKALIKE_JUDGEMENTS = ProtoEnum(watchlist_pb2.LookAlikeJudgement, "LOOK_ALIKE_JUDGEMENT", LookalikeJudgement)
_ROLES = ProtoEnum(session_pb2.PersonRole, "PERSON_ROLE", PersonRole)


def filter_message(wanted: AlertFilter) -> alert_service_pb2.AlertFilter:
    """Return the contract's form of a filter."""
    direction = _DIRECTIONS.number(wanted.direction) if wanted.direction else camera_pb2.DIRECTION_UNSPECIFIED
    return alert_service_pb2.AlertFilter(site=wanted.site, counters=wanted.counters, direction=direction)


def update(response: alert_service_pb2.SubscribeAlertsResponse) -> Update | None:
    """Return what a message of the stream says; None for a message that only a newer program knows."""
    match response.WhichOneof("message"):
        case "subscribed":
            subscribed = response.subscribed
            return Connected(
                subscribed.after_sequence,
                subscribed.head_sequence,
                freshness(subscribed.freshness),
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
            age = replace(freshness(keep_alive.freshness), as_of=_moment(keep_alive.server_time))
            return KeepAlive(age, keep_alive.waiting_alerts)
        case _:
            return None


def alert(message: alert_pb2.Alert) -> Alert:
    """Return an alert as the notifier holds it; no more of the subject than what is shown."""
    return Alert(
        alert_id=safe_text(message.alert_id),
        state=STATES.member(message.state),
        version=message.version,
        subject=subject(message.subject),
        orders=tuple(order(one) for one in message.orders),
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


def session(message: session_pb2.Session) -> Session:
    """Return a person's session."""
    return Session(
        person_id=safe_text(message.person_id),
        display_name=safe_text(message.display_name),
        roles=frozenset(role for role in map(_ROLES.member, message.roles) if role),
        expires_at=_moment(message.expire_time),
        idle_timeout=message.idle_timeout.ToTimedelta() if message.HasField("idle_timeout") else None,
        password_change_needed=message.password_change_needed,
        sites=tuple(map(safe_text, message.sites)),
    )


def _moment(timestamp: Timestamp) -> datetime:
    """Return a timestamp as a time in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)


def subject(message: watchlist_pb2.Subject) -> Subject:
    """Return a person of the list."""
    return Subject(
        subject_id=safe_text(message.subject_id),
        name=safe_text(message.name),
        aliases=tuple(safe_text(alias) for alias in message.aliases),
        sex=safe_text(message.sex),
        place_of_birth=safe_text(message.place_of_birth),
        date_of_birth=safe_text(message.date_of_birth),
        nationality=safe_text(message.nationality),
        nik=safe_text(message.nik),
        documents=tuple(
            Document(safe_text(one.type), safe_text(one.number), safe_text(one.issuing_country))
            for one in message.travel_documents
        ),
    )


def _sighting(sighting: alert_pb2.Sighting) -> Sighting:
    return Sighting(
        captured_at=_moment(sighting.capture_time),
        counter=safe_text(sighting.camera.counter),
        direction=_DIRECTIONS.member(sighting.camera.direction),
        score=sighting.score,
    )


def order(message: watchlist_pb2.BanOrder) -> Order:
    """Return what an officer needs of an order."""
    return Order(
        order_id=safe_text(message.order_id),
        kind=ORDER_KINDS.member(message.kind),
        decree_number=safe_text(message.decree_number),
        decree_date=safe_text(message.decree_date),
        requesting_agency=safe_text(message.requesting_agency),
        valid_from=safe_text(message.valid_from),
        valid_until=safe_text(message.valid_until),
        urgent=message.urgent,
        status=ORDER_STATUSES.member(message.status),
        renewed_too_long=OrderFlag.RENEWED_TOO_LONG in message.flags,
    )


def freshness(message: watchlist_pb2.WatchlistFreshness) -> Freshness:
    """Read how old the list is."""
    known = message.HasField("last_success_time")
    return Freshness(
        last_success=_moment(message.last_success_time) if known else None,
        stale=message.stale,
        active_subjects=message.active_subjects,
        stale_sources=tuple(safe_text(one.source) for one in message.sources if one.stale and one.source),
    )
