"""Reads and writes the messages between ports and their centre, and the state of ports."""

from __future__ import annotations

from cekalwatch.contract.codec.alerts import ALERT
from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.values.federation import (
    HeldAlerts,
    LogPosition,
    LogStart,
    PictureRefusal,
    PictureRequest,
    PortHello,
    PortPicture,
    PortStatus,
    PortStep,
    ReportedAlert,
    ReportKeepAlive,
    ReportReceipt,
    ReportStart,
    SignOfLife,
)
from cekalwatch.v1 import port_pb2 as pb
from cekalwatch.v1 import port_service_pb2

PortMessage = PortHello | LogStart | SignOfLife | HeldAlerts | PortPicture
CentreMessage = ReportStart | ReportReceipt | PictureRequest | ReportKeepAlive

_REFUSALS = bound_enum(PictureRefusal, pb.PictureRefusal.DESCRIPTOR)
_REFUSAL = Converter(lambda number, _: _REFUSALS.member(number) or PictureRefusal.NOT_NOW, _REFUSALS.number)
"""An event that only a newer port knows stays unknown."""
_POSITION = Codec(LogPosition, pb.LogPosition, names={"occurred_at": "event_time"})

PORT_MESSAGE = OneOf[PortMessage, port_service_pb2.ReportAlertsRequest](
    port_service_pb2.ReportAlertsRequest,
    {
        "hello": Codec(PortHello, pb.PortHello),
        "log_start": Codec(LogStart, pb.LogStart, names={"after": "after_sequence"}),
        "state": Codec(SignOfLife, pb.PortState, names={"list_at": "list_time"}),
        "held": Codec(HeldAlerts, pb.HeldAlerts, names={"after": "after_alert_id", "up_to": "up_to_alert_id"}),
        "picture": Codec(PortPicture, pb.PortPicture, special={"refusal": _REFUSAL}),
    },
)
"""All that a port says but its events."""
CENTRE_MESSAGE = OneOf[CentreMessage, port_service_pb2.ReportAlertsResponse](
    port_service_pb2.ReportAlertsResponse,
    {
        "start": Codec(
            ReportStart, pb.ReportStart, names={"heartbeat_period_s": "heartbeat_period"}, parts=(_POSITION,)
        ),
        "receipt": Codec(ReportReceipt, pb.ReportReceipt),
        "picture_request": Codec(PictureRequest, pb.PictureRequest),
        "keep_alive": Codec(ReportKeepAlive, pb.ReportKeepAlive),
    },
)
PORT_STATUS = Codec(
    PortStatus,
    pb.PortStatus,
    names={"last_heard_at": "last_heard_time", "follows_since": "follow_since_time", "list_at": "list_time"},
)
_STEP = Codec(PortStep, pb.PortAlertStep, names={"occurred_at": "event_time", "reported_at": "report_time"})
REPORTED_ALERT = Codec(ReportedAlert, pb.PortAlert, names={"reported_at": "report_time"}, parts=(ALERT, _STEP))
