"""Between protobuf and the notifier's own values. Protobuf types stop here, and so does unsafe text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cekalwatch.notifier.notice import AlertFilter, Direction, EventKind, Notice, Order, OrderKind, Pictures
from cekalwatch.notifier.text import safe_text
from cekalwatch.notifier.updates import AlertEvent, Connected, Freshness, KeepAlive, Update
from cekalwatch.v1 import alert_pb2, alert_service_pb2, camera_pb2, watchlist_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_DIRECTIONS = {
    camera_pb2.DIRECTION_DEPARTURE: Direction.DEPARTURE,
    camera_pb2.DIRECTION_ARRIVAL: Direction.ARRIVAL,
}
_ORDER_KINDS = {
    watchlist_pb2.ORDER_KIND_CEGAH: OrderKind.CEGAH,
    watchlist_pb2.ORDER_KIND_TANGKAL: OrderKind.TANGKAL,
}
_EVENT_KINDS = {
    alert_pb2.ALERT_EVENT_TYPE_RAISED: EventKind.RAISED,
    alert_pb2.ALERT_EVENT_TYPE_SIGHTED: EventKind.SIGHTED,
}


def filter_message(wanted: AlertFilter) -> alert_service_pb2.AlertFilter:
    """Return the contract's form of a filter."""
    direction = next(
        (wire for wire, own in _DIRECTIONS.items() if own is wanted.direction), camera_pb2.DIRECTION_UNSPECIFIED
    )
    return alert_service_pb2.AlertFilter(site=wanted.site, counters=wanted.counters, direction=direction)


def update(response: alert_service_pb2.SubscribeAlertsResponse) -> Update | None:
    """Return what a message of the stream says; None for a message that only a newer program knows."""
    match response.WhichOneof("message"):
        case "subscribed":
            subscribed = response.subscribed
            return Connected(subscribed.after_sequence, subscribed.head_sequence, _freshness(subscribed.freshness))
        case "event":
            event = response.event
            kind = _EVENT_KINDS.get(event.type, EventKind.CHANGED)
            return AlertEvent(event.sequence, kind, notice(event.alert))
        case "keep_alive":
            return KeepAlive(_freshness(response.keep_alive.freshness))
        case _:
            return None


def notice(alert: alert_pb2.Alert) -> Notice:
    """Return an alert as the notifier holds it; no more of the subject than what is shown."""
    return Notice(
        alert_id=safe_text(alert.alert_id),
        subject_id=safe_text(alert.subject.subject_id),
        name=safe_text(alert.subject.name),
        nationality=safe_text(alert.subject.nationality),
        date_of_birth=safe_text(alert.subject.date_of_birth),
        orders=tuple(_order(order) for order in alert.orders),
        camera_id=safe_text(alert.camera.camera_id),
        site=safe_text(alert.camera.site),
        counter=safe_text(alert.camera.counter),
        direction=_DIRECTIONS.get(alert.camera.direction),
        captured_at=_moment(alert.capture_time),
        raised_at=_moment(alert.raised_time),
        score=alert.score,
        threshold=alert.threshold,
        candidates=len(alert.candidates),
        sightings=len(alert.sightings),
    )


def pictures(images: alert_pb2.AlertImages) -> Pictures:
    """Return the pictures of an alert; references without a picture are left out."""
    return Pictures(images.probe_jpeg, tuple(reference.jpeg for reference in images.references if reference.jpeg))


def _order(order: watchlist_pb2.BanOrder) -> Order:
    return Order(
        order_id=safe_text(order.order_id),
        kind=_ORDER_KINDS.get(order.kind),
        decree_number=safe_text(order.decree_number),
        decree_date=safe_text(order.decree_date),
        requesting_agency=safe_text(order.requesting_agency),
        valid_from=safe_text(order.valid_from),
        valid_until=safe_text(order.valid_until),
        urgent=order.urgent,
    )


def _freshness(freshness: watchlist_pb2.WatchlistFreshness) -> Freshness:
    known = freshness.HasField("last_success_time")
    return Freshness(
        last_success=_moment(freshness.last_success_time) if known else None,
        stale=freshness.stale,
        active_subjects=freshness.active_subjects,
    )


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
