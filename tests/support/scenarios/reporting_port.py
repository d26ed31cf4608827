"""A port that reports what a test tells it to, message by message, sound or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import uuid6

from cekalwatch.v1 import (
    adjudication_pb2,
    alert_pb2,
    camera_pb2,
    port_pb2,
    watchlist_pb2,
)
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.v1.port_service_pb2_grpc import PortServiceStub
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.site_pki import SITE


def camera(site: str = SITE) -> camera_pb2.Camera:
    direction = camera_pb2.DIRECTION_DEPARTURE
    return camera_pb2.Camera(camera_id="dep-1", site=site, counter="D1", direction=direction)


def alert(site: str = SITE, **fields: Any) -> alert_pb2.Alert:
    """A sound alert of the port, with `fields` put in the place of its own."""
    message = alert_pb2.Alert(
        alert_id=str(uuid6.uuid7()),
        state=adjudication_pb2.ALERT_STATE_NEW,
        version=1,
        subject=watchlist_pb2.Subject(subject_id="S-1"),
        orders=[watchlist_pb2.BanOrder(order_id="O-1")],
        camera=camera(site),
        score=0.7,
        threshold=0.5,
        candidates=[alert_pb2.Candidate(subject_id="S-1", score=0.7)],
        model_version="model-1",
        handling=adjudication_pb2.Handling(escalation=adjudication_pb2.ESCALATION_COUNTER),
    )
    message.capture_time.FromDatetime(datetime.now(UTC))
    message.raised_time.FromDatetime(datetime.now(UTC))
    for name, value in fields.items():
        message.ClearField(name)  # type: ignore[arg-type]  # the stubs allow literals only
        message.MergeFrom(alert_pb2.Alert(**{name: value}))
    return message


def event(sequence: int, about: alert_pb2.Alert | None = None, previous: int | None = None) -> pb.ReportAlertsRequest:
    """The report of an event, which follows the one before unless `previous` says otherwise."""
    told = alert_pb2.AlertEvent(
        sequence=sequence, type=alert_pb2.ALERT_EVENT_TYPE_RAISED, alert=alert() if about is None else about
    )
    told.event_time.FromDatetime(datetime.now(UTC))
    before = sequence - 1 if previous is None else previous
    return pb.ReportAlertsRequest(event=port_pb2.ReportedEvent(previous_sequence=before, event=told))


@dataclass
class ReportingPort:
    """One stream; it reads and writes when it is told to."""

    call: Any
    start: port_pb2.ReportStart

    @classmethod
    async def open(cls, channel: grpc.aio.Channel, *, begin: bool = True) -> ReportingPort:
        """Open a stream, shake hands, and, unless `begin` is false, say that the log goes on or is new."""
        call: Any = PortServiceStub(channel).ReportAlerts()
        await call.write(pb.ReportAlertsRequest(hello=port_pb2.PortHello(server_version="test")))
        answer = await call.read()
        assert answer.WhichOneof("message") == "start"
        port = cls(call, answer.start)
        if begin:
            known = port.start.HasField("position")
            reason = port_pb2.START_REASON_UNSPECIFIED if known else port_pb2.START_REASON_FIRST
            await port.begin(port.start.position.sequence, reason)
        return port

    async def begin(
        self, after: int, reason: port_pb2.StartReason.ValueType = port_pb2.START_REASON_UNSPECIFIED
    ) -> None:
        await self.call.write(pb.ReportAlertsRequest(log_start=port_pb2.LogStart(after_sequence=after, reason=reason)))

    async def report(self, sequence: int, about: alert_pb2.Alert | None = None) -> int:
        """Report an event, and return what the centre has stored then."""
        await self.call.write(event(sequence, about))
        return await self.receipt()

    async def receipt(self) -> int:
        """Read up to the next receipt."""
        return (await self.next("receipt")).receipt.sequence  # type: ignore[no-any-return]

    async def next(self, kind: str) -> Any:
        """Read up to the next message of that kind."""
        while True:
            answer = await self.call.read()
            assert answer is not grpc.aio.EOF, "the stream ended"
            if answer.WhichOneof("message") == kind:
                return answer

    async def error(self) -> str:
        """Read until the stream ends with an error, and return its code."""
        try:
            while await self.call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            return reason_of(error)
        raise AssertionError("the stream ended without an error")
