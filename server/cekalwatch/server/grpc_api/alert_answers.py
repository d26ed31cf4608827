"""Writes alerts, events and pages of them, limited to the size of a message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import lru_cache
from uuid import UUID

from cekalwatch.contract.codec.alerts import ALERT, STREAM
from cekalwatch.contract.codec.watchlist import REFERENCE_FACE
from cekalwatch.contract.values.alerts import Alert, AlertEvent, AlertPictures, LoggedEvent
from cekalwatch.server.alerts.details import AlertDetails
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.grpc_api.messages import ANSWER_FRAME_BYTES, FIELD_FRAME_BYTES, fitting, page
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_PAGE


def event_message(item: DetailedEvent, judges: Collection[UUID] = ()) -> alert_service_pb2.SubscribeAlertsResponse:
    """Write an event for where these people look who may judge it; nobody: all of it.

    The message of all, and the one before a first look, are shared by all subscribers, and nobody changes them.
    """
    shown = item.details.seen_by(judges)
    if shown is item.details.whole or shown is item.details.before_look:
        return _shared_event_message(item, whole=shown is item.details.whole)
    return _event_with(item, shown)


@lru_cache(maxsize=64)
def _shared_event_message(item: DetailedEvent, *, whole: bool) -> alert_service_pb2.SubscribeAlertsResponse:
    return _event_with(item, item.details.whole if whole else item.details.before_look)


@lru_cache(maxsize=64)
def unnamed_event_message(item: DetailedEvent) -> alert_service_pb2.SubscribeAlertsResponse:
    """Write an event without the people that it is about; shared as those are."""
    return _event_with(item, item.details.unnamed)


def _event_with(item: DetailedEvent, alert: Alert) -> alert_service_pb2.SubscribeAlertsResponse:
    event = item.event
    logged = {one.name: getattr(event, one.name) for one in fields(LoggedEvent)}
    return STREAM.write(AlertEvent(**logged, alert=alert))


def alert_page(
    found: Sequence[AlertDetails], limit: int, judges: Collection[UUID]
) -> alert_service_pb2.ListAlertsResponse:
    """Write a page of alerts as `judges` see them, as far as they fit into a message."""
    alerts, more = page((ALERT.write(one.seen_by(judges)) for one in found), len(found), limit)
    return alert_service_pb2.ListAlertsResponse(alerts=alerts, next_page_token=alerts[-1].alert_id if more else "")


def changed_alerts(
    found: Sequence[DetailedEvent], reached: int, head: int, judges: Collection[UUID]
) -> tuple[alert_service_pb2.ListChangedAlertsResponse, Sequence[DetailedEvent]]:
    """Write what became of alerts as `judges` see them, as far as it fits into a message; return what of `found` it
    has."""
    alerts = fitting(event_message(item, judges).event.alert for item in found[:MAX_PAGE])
    given, cut = found[: len(alerts)], len(alerts) < len(found)
    sequence, more = given[-1].event.sequence if cut else reached, cut or reached < head
    return alert_service_pb2.ListChangedAlertsResponse(alerts=alerts, sequence=sequence, more=more), given


def alert_with_images(shown: Alert, pictures: AlertPictures | None) -> alert_service_pb2.GetAlertResponse:
    """Write one alert, with as many of its pictures as fit into the message."""
    answer = alert_service_pb2.GetAlertResponse(alert=ALERT.write(shown))
    if pictures:
        pictures = pictures.before_look if shown.look_needed else pictures
        room = MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES - answer.ByteSize()
        answer.images.probe_jpeg = pictures.probe if len(pictures.probe) <= room else b""
        room -= len(answer.images.probe_jpeg)
        for reference in pictures.references:
            message = REFERENCE_FACE.write(reference)
            room -= message.ByteSize() + FIELD_FRAME_BYTES
            if room < 0:
                break
            answer.images.references.append(message)
    return answer
