"""Messages between a port and its centre, and of ports to the centre's supervisors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cekalwatch.contract.codec.alerts import ALERT, EVENT_TYPES
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.server.alerts.details import AlertDetails
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.domain.clock import lately
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.ports import HeldAlerts, LogPosition, LogStart, Port, PortAlert, PortState, PortStep
from cekalwatch.server.grpc_api.alert_answers import alert_with_images
from cekalwatch.server.grpc_api.convert.common import KEY, duration, timestamp
from cekalwatch.server.grpc_api.convert.reports import START_REASONS
from cekalwatch.server.grpc_api.paging import page
from cekalwatch.server.ports.reception import Hello, KeepAlive, Outbound, PictureRequest, Receipt, ReportTerms
from cekalwatch.v1 import alert_pb2, port_pb2, port_service_pb2, watchlist_pb2

DEFAULT_PAGE = 20
HEARD_WITHIN = timedelta(seconds=30)
"""A port that is silent for longer was connected to a server of the centre that died."""


def port(site: str, name: str) -> Port:
    """Read which port is meant; raises ALERT_NOT_FOUND, since none has a key of another form."""
    if not (KEY.fullmatch(site) and KEY.fullmatch(name)):
        raise CekalwatchError(Code.ALERT_NOT_FOUND)
    return Port(site, name)


def start(position: LogPosition | None, terms: ReportTerms) -> port_service_pb2.ReportAlertsResponse:
    """Write from where a port should go on."""
    begin = port_pb2.ReportStart(heartbeat_period=duration(terms.heartbeat_period_s), window=terms.window)
    if position:
        begin.position.sequence = position.sequence
        begin.position.alert_id = str(position.alert_id)
        begin.position.event_time.CopyFrom(timestamp(position.occurred_at))
    return port_service_pb2.ReportAlertsResponse(start=begin)


def outbound(message: Outbound) -> port_service_pb2.ReportAlertsResponse:
    """Write what a port is told."""
    match message:
        case Receipt(sequence=sequence):
            return port_service_pb2.ReportAlertsResponse(receipt=port_pb2.ReportReceipt(sequence=sequence))
        case PictureRequest():
            request = port_pb2.PictureRequest(
                request_id=message.request_id, alert_id=str(message.alert_id), asked_by=str(message.asked_by)
            )
            return port_service_pb2.ReportAlertsResponse(picture_request=request)
        case KeepAlive():
            return port_service_pb2.ReportAlertsResponse(keep_alive=port_pb2.ReportKeepAlive())


def hello(begun: Hello) -> port_service_pb2.ReportAlertsRequest:
    """Write a port's handshake."""
    told = port_pb2.PortHello(server_version=begun.version, pictures_only=begun.pictures_only)
    return port_service_pb2.ReportAlertsRequest(hello=told)


def log_start(begin: LogStart) -> port_service_pb2.ReportAlertsRequest:
    """Write from where a port's events follow."""
    reason = START_REASONS.number(begin.reason) if begin.reason else port_pb2.START_REASON_UNSPECIFIED
    return port_service_pb2.ReportAlertsRequest(log_start=port_pb2.LogStart(after_sequence=begin.after, reason=reason))


def report(previous: int, item: DetailedEvent) -> port_service_pb2.ReportAlertsRequest:
    """Write an event for the centre: its subjects and orders are known there, and only their keys leave the port."""
    alert = ALERT.write(item.details.shown)
    alert.subject.CopyFrom(watchlist_pb2.Subject(subject_id=item.details.alert.subject_id))
    del alert.orders[:]
    alert.orders.extend(watchlist_pb2.BanOrder(order_id=key) for key in item.details.alert.order_ids)
    for candidate in alert.candidates:
        candidate.ClearField("name")
    event = item.event
    told = port_pb2.ReportedEvent(
        previous_sequence=previous,
        event=alert_pb2.AlertEvent(
            sequence=event.sequence,
            type=EVENT_TYPES.number(event.type),
            event_time=timestamp(event.occurred_at),
            alert=alert,
            capture_id=str(event.capture_id or ""),
        ),
    )
    return port_service_pb2.ReportAlertsRequest(event=told)


def waiting(events: int, list_at: datetime | None) -> port_service_pb2.ReportAlertsRequest:
    """Write a port's sign of life: how many events wait, and how old its list is."""
    told = port_pb2.PortState(events_waiting=events, list_time=timestamp(list_at) if list_at else None)
    return port_service_pb2.ReportAlertsRequest(state=told)


def held(alerts: HeldAlerts) -> port_service_pb2.ReportAlertsRequest:
    """Write which alerts a port still holds."""
    told = port_pb2.HeldAlerts(
        after_alert_id=str(alerts.after or ""),
        up_to_alert_id=str(alerts.up_to or ""),
        alert_ids=map(str, alerts.alert_ids),
    )
    return port_service_pb2.ReportAlertsRequest(held=told)


def picture(
    request_id: int, jpeg: bytes, refusal: port_pb2.PictureRefusal.ValueType = port_pb2.PICTURE_REFUSAL_UNSPECIFIED
) -> port_service_pb2.ReportAlertsRequest:
    """Write a port's answer to who asks for a picture."""
    told = port_pb2.PortPicture(request_id=request_id, probe_jpeg=jpeg, refusal=refusal)
    return port_service_pb2.ReportAlertsRequest(picture=told)


def port_status(state: PortState, now: datetime) -> port_pb2.PortStatus:
    """Write how a port does."""
    following = state.following
    connected = bool(state.server and state.heard_at and lately(state.heard_at, now, HEARD_WITHIN))
    return port_pb2.PortStatus(
        site=state.port.site,
        name=state.port.name,
        connected=connected,
        last_heard_time=timestamp(state.heard_at) if state.heard_at else None,
        acknowledged_sequence=state.sequence,
        events_waiting=state.waiting,
        server_version=state.version,
        server=state.server if connected else "",
        unsettled_alerts=state.unsettled,
        follows_list=bool(following and following.goes_on(now)),
        follow_since_time=timestamp(following.since) if following and following.since else None,
        list_time=timestamp(state.list_at) if state.list_at else None,
        model_version=following.model_version if following else "",
    )


def port_alert(found: PortAlert, details: AlertDetails, steps: Sequence[PortStep] = ()) -> port_pb2.PortAlert:
    """Write an alert of a port, with subject and orders of the centre's list."""
    return port_pb2.PortAlert(
        site=found.port.site,
        port=found.port.name,
        alert=ALERT.write(details.shown),
        report_time=timestamp(found.reported_at),
        steps=[
            port_pb2.PortAlertStep(
                type=EVENT_TYPES.number(step.type),
                event_time=timestamp(step.occurred_at),
                report_time=timestamp(step.reported_at),
            )
            for step in steps
        ],
    )


def port_alert_page(messages: Sequence[port_pb2.PortAlert], limit: int) -> port_service_pb2.ListPortAlertsResponse:
    """Write a page of alerts, as far as they fit into a message."""
    alerts, more = page(messages, len(messages), limit)
    token = alerts[-1].alert.alert_id if more else ""
    return port_service_pb2.ListPortAlertsResponse(alerts=alerts, next_page_token=token)


def port_alert_answer(
    found: PortAlert, details: AlertDetails, steps: Sequence[PortStep], pictures: AlertPictures | None
) -> port_service_pb2.GetPortAlertResponse:
    """Write one alert, with as many of its pictures as fit into the message."""
    answer = port_service_pb2.GetPortAlertResponse(alert=port_alert(found, details, steps))
    if pictures:
        answer.images.CopyFrom(alert_with_images(details, pictures).images)
    return answer
