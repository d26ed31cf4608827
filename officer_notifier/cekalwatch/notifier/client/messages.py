"""Between protobuf and the notifier's own values. Protobuf types stop here, and so does unsafe text."""

from __future__ import annotations

from dataclasses import replace

from cekalwatch.notifier.client import handling_messages
from cekalwatch.notifier.client.handling_messages import moment
from cekalwatch.notifier.model.alert import Alert, AlertFilter, Candidate, Document, Order, Pictures, Sighting, Subject
from cekalwatch.notifier.model.text import safe_text
from cekalwatch.notifier.model.updates import AlertEvent, Connected, Freshness, KeepAlive, Update
from cekalwatch.v1 import alert_pb2, alert_service_pb2, camera_pb2, watchlist_pb2
from cekalwatch.wire.vocabulary.adjudication import AlertEventType
from cekalwatch.wire.vocabulary.orders import Direction, OrderKind, OrderStatus
from cekalwatch.wire.vocabulary.proto_enums import ProtoEnum

_DIRECTIONS = ProtoEnum(camera_pb2.Direction, "DIRECTION", Direction)
_ORDER_KINDS = ProtoEnum(watchlist_pb2.OrderKind, "ORDER_KIND", OrderKind)
_ORDER_STATUSES = ProtoEnum(watchlist_pb2.OrderStatus, "ORDER_STATUS", OrderStatus)
_EVENT_TYPES = ProtoEnum(alert_pb2.AlertEventType, "ALERT_EVENT_TYPE", AlertEventType)


def filter_message(wanted: AlertFilter) -> alert_service_pb2.AlertFilter:
    """Return the contract's form of a filter."""
    direction = _DIRECTIONS.number(wanted.direction) if wanted.direction else camera_pb2.DIRECTION_UNSPECIFIED
    return alert_service_pb2.AlertFilter(site=wanted.site, counters=wanted.counters, direction=direction)


def update(response: alert_service_pb2.SubscribeAlertsResponse) -> Update | None:
    """Return what a message of the stream says; None for a message that only a newer program knows."""
    match response.WhichOneof("message"):
        case "subscribed":
            subscribed = response.subscribed
            return Connected(subscribed.after_sequence, subscribed.head_sequence, _freshness(subscribed.freshness))
        case "event":
            event = response.event
            return AlertEvent(event.sequence, _EVENT_TYPES.member(event.type), notice(event.alert))
        case "keep_alive":
            keep_alive = response.keep_alive
            return KeepAlive(replace(_freshness(keep_alive.freshness), as_of=moment(keep_alive.server_time)))
        case _:
            return None


def notice(alert: alert_pb2.Alert) -> Alert:
    """Return an alert as the notifier holds it; no more of the subject than what is shown."""
    return Alert(
        alert_id=safe_text(alert.alert_id),
        state=handling_messages.STATES.member(alert.state),
        version=alert.version,
        subject=_subject(alert.subject),
        orders=tuple(_order(order) for order in alert.orders),
        camera_id=safe_text(alert.camera.camera_id),
        site=safe_text(alert.camera.site),
        counter=safe_text(alert.camera.counter),
        direction=_DIRECTIONS.member(alert.camera.direction),
        captured_at=moment(alert.capture_time),
        raised_at=moment(alert.raised_time),
        score=alert.score,
        threshold=alert.threshold,
        candidates=tuple(
            Candidate(safe_text(one.subject_id), safe_text(one.name), one.score) for one in alert.candidates
        ),
        sightings=tuple(_sighting(sighting) for sighting in alert.sightings),
        late=alert.late,
        handling=handling_messages.handling(alert.handling),
    )


def _subject(subject: watchlist_pb2.Subject) -> Subject:
    return Subject(
        subject_id=safe_text(subject.subject_id),
        name=safe_text(subject.name),
        aliases=tuple(safe_text(alias) for alias in subject.aliases),
        sex=safe_text(subject.sex),
        place_of_birth=safe_text(subject.place_of_birth),
        date_of_birth=safe_text(subject.date_of_birth),
        nationality=safe_text(subject.nationality),
        nik=safe_text(subject.nik),
        documents=tuple(
            Document(safe_text(one.type), safe_text(one.number), safe_text(one.issuing_country))
            for one in subject.travel_documents
        ),
    )


def _sighting(sighting: alert_pb2.Sighting) -> Sighting:
    return Sighting(
        captured_at=moment(sighting.capture_time),
        counter=safe_text(sighting.camera.counter),
        direction=_DIRECTIONS.member(sighting.camera.direction),
        score=sighting.score,
    )


def pictures(images: alert_pb2.AlertImages) -> Pictures:
    """Return the pictures of an alert; references without a picture are left out."""
    return Pictures(images.probe_jpeg, tuple(reference.jpeg for reference in images.references if reference.jpeg))


def _order(order: watchlist_pb2.BanOrder) -> Order:
    return Order(
        order_id=safe_text(order.order_id),
        kind=_ORDER_KINDS.member(order.kind),
        decree_number=safe_text(order.decree_number),
        decree_date=safe_text(order.decree_date),
        requesting_agency=safe_text(order.requesting_agency),
        valid_from=safe_text(order.valid_from),
        valid_until=safe_text(order.valid_until),
        urgent=order.urgent,
        status=_ORDER_STATUSES.member(order.status),
    )


def _freshness(freshness: watchlist_pb2.WatchlistFreshness) -> Freshness:
    known = freshness.HasField("last_success_time")
    return Freshness(
        last_success=moment(freshness.last_success_time) if known else None,
        stale=freshness.stale,
        active_subjects=freshness.active_subjects,
    )
