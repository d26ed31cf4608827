"""What a port says is read within its bounds or refused by field, and both ends read what the other has written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from cekalwatch.contract.codec.federation import (
    CENTRE_MESSAGE,
    PORT_MESSAGE,
    PORT_STATUS,
    REPORTED_ALERT,
    CentreMessage,
    PortMessage,
)
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.adjudication import AlertEventType
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
    ReportKeepAlive,
    ReportReceipt,
    ReportStart,
    SignOfLife,
    StartReason,
)
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb

NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)
KEY = UUID("01a210d1-c675-7147-9ff8-c79e4db1539a")


@pytest.mark.parametrize(
    "told",
    [
        PortHello("0.2.0", pictures_only=True),
        LogStart(5, StartReason.OTHER_LOG),
        LogStart(0),
        SignOfLife(4, NOON),
        SignOfLife(0),
        HeldAlerts(None, KEY, (KEY,)),
        PortPicture(3, b"jpeg"),
        PortPicture(3, refusal=PictureRefusal.NOT_KEPT),
    ],
)
def test_the_centre_reads_what_a_port_says(told: PortMessage) -> None:
    sent = pb.ReportAlertsRequest.FromString(PORT_MESSAGE.write(told).SerializeToString())
    assert PORT_MESSAGE.read(sent, Reading.STRICT) == told


@pytest.mark.parametrize(
    "told",
    [
        ReportStart(LogPosition(5, KEY, NOON), 2.5, 100),
        ReportStart(None, 5.0, 1),
        ReportReceipt(7),
        PictureRequest(3, KEY, "person:dewi"),
        ReportKeepAlive(),
    ],
)
def test_a_port_reads_what_the_centre_says(told: CentreMessage) -> None:
    sent = pb.ReportAlertsResponse.FromString(CENTRE_MESSAGE.write(told).SerializeToString())
    assert CENTRE_MESSAGE.read(sent) == told


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"hello": {"server_version": "v" * 65}}, "server_version"),
        ({"hello": {"server_version": "0.2\n"}}, "server_version"),
        ({"log_start": {"after_sequence": -1}}, "after_sequence"),
        ({"log_start": {"after_sequence": 2**62 + 1024}}, "after_sequence"),
        ({"log_start": {"reason": 77}}, "reason"),
        ({"state": {"events_waiting": 2**31}}, "events_waiting"),
        ({"state": {"list_time": {"seconds": 2**60}}}, "list_time"),
        ({"held": {"after_alert_id": str(KEY).upper()}}, "after_alert_id"),
        ({"held": {"up_to_alert_id": "x"}}, "up_to_alert_id"),
        ({"held": {"alert_ids": [str(KEY), ""]}}, "alert_ids"),
        ({"held": {"alert_ids": [str(KEY)] * 1001}}, "alert_ids"),
    ],
)
def test_what_breaks_a_bound_is_refused_with_its_field(message: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        PORT_MESSAGE.read(pb.ReportAlertsRequest(**message), Reading.STRICT)
    assert refused.value.field == field


def test_a_refusal_that_only_a_newer_port_knows_may_have_a_picture_later() -> None:
    answer = port_pb2.PortPicture(request_id=3, refusal=77)  # type: ignore[arg-type]  # a newer member
    found = PORT_MESSAGE.read(pb.ReportAlertsRequest(picture=answer), Reading.STRICT)
    assert found == PortPicture(3, refusal=PictureRefusal.NOT_NOW)


def test_what_people_see_of_ports_is_cleaned_and_needs_no_newest_server() -> None:
    found = PORT_STATUS.read(port_pb2.PortStatus(site="batam\x1b[2J", server_version="9" * 300))
    assert (found.site, len(found.server_version), found.last_heard_at) == ("batam[2J", 200, None)
    whole = PortStatus(
        site="batam",
        name="server",
        connected=True,
        last_heard_at=NOON,
        acknowledged_sequence=5,
        events_waiting=3,
        server_version="0.2.0",
        server="centre-1",
        unsettled_alerts=4,
        follows_list=True,
        follows_since=NOON,
        list_at=NOON,
        model_version="model-1",
    )
    assert PORT_STATUS.read(PORT_STATUS.write(whole)) == whole
    steps = [
        port_pb2.PortAlertStep(type=77),  # type: ignore[arg-type]  # a newer member
        port_pb2.PortAlertStep(type=1),  # type: ignore[arg-type]  # its number
    ]
    first, second = REPORTED_ALERT.read(port_pb2.PortAlert(steps=steps)).steps
    assert (first.type, second.type) == (None, AlertEventType.RAISED)
    assert isinstance(first, PortStep)
