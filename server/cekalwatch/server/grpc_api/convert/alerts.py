"""Messages of the alert service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from cekalwatch.contract.codec.alerts import EVENT_TYPES, FILTER, HANDLING, STATES
from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.codec.scalars import Reading
from cekalwatch.contract.codec.watchlist import FRESHNESS, LOOKALIKE_JUDGEMENTS, ORDER, REFERENCE_FACE, SUBJECT
from cekalwatch.contract.values.alert_search import AlertFilter
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.server.alerts.details import AlertDetails, AlertPictures
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.alerts.shown import shown_handling
from cekalwatch.server.domain.alerts.alert import Sighting
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.common import KEY, timestamp
from cekalwatch.server.grpc_api.paging import ANSWER_FRAME_BYTES, FIELD_FRAME_BYTES, fitting, page
from cekalwatch.v1 import alert_pb2, alert_service_pb2
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_PAGE

DEFAULT_PAGE = 20
MAX_SEQUENCE = 2**62


def agent_id(value: str) -> str:
    """Read an agent's key; raises ARGUMENT_INVALID."""
    if not KEY.fullmatch(value):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "agent_id")
    return value


def site(value: str) -> str:
    """Read a site's key, which may be empty; raises ARGUMENT_INVALID."""
    if value and not KEY.fullmatch(value):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "site")
    return value


def sequence(value: int) -> int:
    """Read a sequence; raises ARGUMENT_INVALID."""
    if not 0 <= value <= MAX_SEQUENCE:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "sequence")
    return value


def alert_filter(message: alert_service_pb2.AlertFilter) -> AlertFilter:
    """Read a filter; raises Refused, or ARGUMENT_INVALID for the site."""
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


def subscribed(after: int, head: int, freshness: Freshness, waiting: int) -> alert_service_pb2.SubscribeAlertsResponse:
    """Write the first message of a subscription."""
    return alert_service_pb2.SubscribeAlertsResponse(
        subscribed=alert_service_pb2.Subscribed(
            after_sequence=after,
            head_sequence=head,
            freshness=FRESHNESS.write(freshness),
            waiting_alerts=waiting,
        )
    )


def keep_alive(
    now: datetime, head: int, freshness: Freshness, waiting: int
) -> alert_service_pb2.SubscribeAlertsResponse:
    """Write a keep-alive."""
    return alert_service_pb2.SubscribeAlertsResponse(
        keep_alive=alert_service_pb2.KeepAlive(
            server_time=timestamp(now),
            head_sequence=head,
            freshness=FRESHNESS.write(freshness),
            waiting_alerts=waiting,
        )
    )


@lru_cache(maxsize=64)
def event_message(item: DetailedEvent) -> alert_service_pb2.SubscribeAlertsResponse:
    """Write an event. The message is shared by all subscribers, and nobody changes it."""
    event = item.event
    return alert_service_pb2.SubscribeAlertsResponse(
        event=alert_pb2.AlertEvent(
            sequence=event.sequence,
            type=EVENT_TYPES.number(event.type),
            event_time=timestamp(event.occurred_at),
            alert=alert_message(item.details),
            capture_id=str(event.capture_id or ""),
            trace_parent=event.trace,
        )
    )


def waiting_message(details: AlertDetails) -> alert_service_pb2.SubscribeAlertsResponse:
    """Write an alert that still waits, for an agent that was away."""
    return alert_service_pb2.SubscribeAlertsResponse(waiting_alert=alert_message(details))


def alert_page(found: Sequence[AlertDetails], limit: int) -> alert_service_pb2.ListAlertsResponse:
    """Write a page of alerts, as far as they fit into a message."""
    alerts, more = page(map(alert_message, found), len(found), limit)
    return alert_service_pb2.ListAlertsResponse(alerts=alerts, next_page_token=alerts[-1].alert_id if more else "")


def changed_alerts(
    found: Sequence[DetailedEvent], reached: int, head: int
) -> tuple[alert_service_pb2.ListChangedAlertsResponse, Sequence[DetailedEvent]]:
    """Write what became of alerts, as far as it fits into a message; return with it what of `found` that is."""
    alerts = fitting(event_message(item).event.alert for item in found[:MAX_PAGE])
    given, cut = found[: len(alerts)], len(alerts) < len(found)
    sequence, more = given[-1].event.sequence if cut else reached, cut or reached < head
    return alert_service_pb2.ListChangedAlertsResponse(alerts=alerts, sequence=sequence, more=more), given


def alert_with_images(details: AlertDetails, pictures: AlertPictures | None) -> alert_service_pb2.GetAlertResponse:
    """Write one alert, with as many of its pictures as fit into the message."""
    answer = alert_service_pb2.GetAlertResponse(alert=alert_message(details))
    if pictures:
        room = MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES - answer.ByteSize()
        answer.images.probe_jpeg = pictures.probe if len(pictures.probe) <= room else b""
        room -= len(answer.images.probe_jpeg)
        for reference, jpeg in pictures.references:
            message = REFERENCE_FACE.write(replace(reference, jpeg=jpeg))
            room -= message.ByteSize() + FIELD_FRAME_BYTES
            if room < 0:
                break
            answer.images.references.append(message)
    return answer


def alert_message(details: AlertDetails) -> alert_pb2.Alert:
    """Write an alert with its subject and orders."""
    alert = details.alert
    return alert_pb2.Alert(
        alert_id=str(alert.alert_id),
        state=STATES.number(alert.state),
        version=alert.version,
        subject=SUBJECT.write(details.subject),
        orders=[ORDER.write(order.shown) for order in details.orders],
        camera=PLACE.write(alert.camera),
        capture_time=timestamp(alert.captured_at),
        raised_time=timestamp(alert.raised_at),
        score=alert.score,
        threshold=alert.threshold,
        candidates=[
            alert_pb2.Candidate(
                subject_id=candidate.subject_id,
                name=details.names.get(candidate.subject_id, ""),
                score=candidate.score,
                ruled_out=candidate.ruled_out,
                look_alikes=[
                    alert_pb2.JudgedLookAlike(subject_id=key, judgement=LOOKALIKE_JUDGEMENTS.number(judgement))
                    for key, judgement in details.lookalikes.get(candidate.subject_id, {}).items()
                ],
            )
            for candidate in alert.candidates
        ],
        sightings=[_sighting(sighting) for sighting in alert.sightings],
        model_version=alert.model_version,
        handling=HANDLING.write(shown_handling(alert.handling, details.people)),
        late=alert.late,
        orders_ended_time=timestamp(ended_at) if (ended_at := alert.handling.orders_ended_at) else None,
        probe_capture_id=str(alert.probe_capture_id or ""),
    )


def _sighting(sighting: Sighting) -> alert_pb2.Sighting:
    return alert_pb2.Sighting(
        capture_id=str(sighting.capture_id),
        capture_time=timestamp(sighting.captured_at),
        camera=PLACE.write(sighting.camera),
        score=sighting.score,
        fused_crops=sighting.fused_crops,
    )
