"""Reads a port's reports. The port is admitted, but everything that it sends is still checked against its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from cekalwatch.contract.codec.alerts import REPORTED_EVENT
from cekalwatch.contract.codec.federation import PORT_MESSAGE
from cekalwatch.contract.engine.scalars import Reading, read_uuid
from cekalwatch.contract.values.adjudication import Handling as ShownHandling
from cekalwatch.contract.values.alerts import OLDEST
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import AlertEvent as ShownEvent
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.federation import MAX_HELD, PortHello, PortPicture, SignOfLife
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.server.alerts.report_receiver import Inbound
from cekalwatch.server.alerts.shown import known, stored_alert
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS, AlertEvent
from cekalwatch.server.domain.alerts.grouping import MAX_CANDIDATES
from cekalwatch.server.domain.alerts.handling import MAX_FOLLOW_UP_BYTES, MAX_FOLLOW_UPS
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.alert_requests import MAX_REFERENCE, MAX_SEQUENCE
from cekalwatch.server.grpc_api.messages import KEY
from cekalwatch.server.recognition.crops import MAX_PROBE_BYTES
from cekalwatch.v1 import port_pb2, port_service_pb2
from cekalwatch.wire.bounds import MAX_CROP_PIXELS

T = TypeVar("T")

MAX_FINDINGS = 200
MAX_SCORE = 1.0001
"""Written with 32 bits."""
MAX_COUNT = 2**31
AHEAD = timedelta(days=1)
"""The largest allowed lead of a report's time: a port's clock may be wrong, and its events still count."""


def hello(request: port_service_pb2.ReportAlertsRequest) -> PortHello:
    """Read the handshake; raises HELLO_EXPECTED or Refused."""
    if request.WhichOneof("message") == "hello":
        found = PORT_MESSAGE.read(request, Reading.STRICT)
        if isinstance(found, PortHello):
            return found
    raise CekalwatchError(Code.HELLO_EXPECTED)


def message(request: port_service_pb2.ReportAlertsRequest, port: Port, now: datetime) -> Inbound:
    """Read a message after the handshake; raises an error of the catalogue, or Refused, for what breaks a bound."""
    latest, kind = now + AHEAD, request.WhichOneof("message")
    if kind == "event":
        return _report(request.event, port, latest)
    found = None if kind == "hello" else PORT_MESSAGE.read(request, Reading.STRICT)
    match found:
        case None | PortHello():
            raise CekalwatchError(Code.HELLO_REPEATED if kind == "hello" else Code.MESSAGE_EMPTY)
        case SignOfLife():
            if found.list_at and not OLDEST <= found.list_at <= latest:
                raise _invalid("list_time")
        case PortPicture():
            return _picture(found)
    return found


def _picture(told: PortPicture) -> PortPicture:
    """Return an answer with a picture that can be shown, or with none."""
    if told.refusal:
        return replace(told, probe_jpeg=b"")
    if not 0 < len(told.probe_jpeg) <= MAX_PROBE_BYTES:
        raise _invalid("probe_jpeg")
    try:
        read_plain_jpeg(told.probe_jpeg, MAX_CROP_PIXELS)
    except PictureError:
        raise _invalid("probe_jpeg") from None
    return told


def _report(told: port_pb2.ReportedEvent, port: Port, latest: datetime) -> PortReport:
    event = REPORTED_EVENT.read(told.event, Reading.STRICT)
    alert, people = event.alert, tuple(_people(event.alert.handling))
    bounds = {
        "type": event.type is not None,
        "sequence": 0 <= event.sequence <= MAX_SEQUENCE,
        "previous_sequence": 0 <= told.previous_sequence < event.sequence,
        "person_id": all(_is_uuid(one.person_id) for one in people),
        **_bounds(alert),
    }
    if event.capture_id and not _is_uuid(event.capture_id):
        raise _invalid("capture_id")
    for field, holds in bounds.items():
        if not holds:
            raise _invalid(field)
    for camera in (alert.camera, *(one.camera for one in alert.seen)):
        _check_camera(camera, port)
    _check_moments(event, latest)
    found = AlertEvent(
        sequence=event.sequence,
        type=known(event.type),
        occurred_at=known(event.occurred_at),
        alert_id=UUID(alert.alert_id),
        capture_id=event.capture_id,
    )
    stored = stored_alert(alert)
    if sum(one.size for one in stored.handling.follow_ups) > MAX_FOLLOW_UP_BYTES:
        raise _invalid("follow_ups")
    names = {one.person_id: one.display_name for one in people if one.display_name}
    return PortReport(told.previous_sequence, found, stored, names)


def _bounds(alert: ShownAlert) -> dict[str, bool]:
    """Return for each field whether the alert is within the bounds of a port's reports."""
    handling = alert.handling
    keys = [one.subject_id for one in alert.candidates]
    return {
        "state": alert.state is not None,
        "candidates": 1 <= len(keys) <= MAX_CANDIDATES and len(alert.orders) <= MAX_HELD,
        "subject_id": all(keys) and alert.subject.subject_id in keys,
        "order_id": all(one.order_id for one in alert.orders),
        "sightings": len(alert.sightings) <= MAX_SIGHTINGS,
        "handling": len(handling.findings) <= MAX_FINDINGS and len(handling.follow_ups) <= MAX_FOLLOW_UPS,
        "score": abs(alert.threshold) <= MAX_SCORE,  # which NaN is not
        "alert_id": _is_uuid(alert.alert_id),
        "capture_id": all(_is_uuid(one.capture_id) for one in alert.seen),
        "probe_capture_id": not alert.probe_capture_id or _is_uuid(alert.probe_capture_id),
        "version": alert.version < MAX_COUNT,
        "fused_crops": all(one.fused_crops < MAX_COUNT for one in alert.seen),
        "escalations": handling.escalations < MAX_COUNT,
        "outcome": all(one.outcome for one in handling.findings),
        "reason": all(one.reason for one in handling.findings),
        "agent_id": handling.claim is None or bool(KEY.fullmatch(handling.claim.agent_id)),
        "cekal_online_reference": len(handling.reference) <= MAX_REFERENCE,
    }


def _check_camera(camera: CameraReference, port: Port) -> None:
    """Raise SITE_NOT_ALLOWED for a camera of another site than the port's own, ARGUMENT_INVALID for none."""
    if camera.direction is None or not KEY.fullmatch(camera.camera_id):
        raise _invalid("camera")
    if camera.site != port.site:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, f"{port} reports of another site")


def _check_moments(event: ShownEvent, latest: datetime) -> None:
    """Raise ARGUMENT_INVALID for a moment that is missing, before our century, or after `latest`."""
    alert, handling = event.alert, event.alert.handling
    needed = [
        ("event_time", event.occurred_at),
        ("capture_time", alert.captured_at),
        ("raised_time", alert.raised_at),
        *(("capture_time", one.captured_at) for one in alert.seen),
        *(("find_time", one.found_at) for one in handling.findings),
        *(("contact_time", one.contacted_at) for one in handling.follow_ups),
        *(("record_time", one.recorded_at) for one in handling.follow_ups),
    ]
    if handling.claim:
        needed.append(("expire_time", handling.claim.expires_at))
    others = [
        ("unclaimed_time", handling.unclaimed_since),
        ("escalated_time", handling.escalated_at),
        ("orders_ended_time", alert.orders_ended_at),
    ]
    for name, moment in (*needed, *(one for one in others if one[1])):
        if moment is None or not OLDEST <= moment <= latest:
            raise _invalid(name)


def _people(handling: ShownHandling) -> Iterator[PersonReference]:
    """Yield everybody who worked on an alert; a follow-up without a person has one without a key."""
    if handling.claim:
        yield handling.claim.holder
    for finding in handling.findings:
        yield finding.person
    for follow_up in handling.follow_ups:
        yield follow_up.person or PersonReference("", "")


def _is_uuid(value: str) -> bool:
    try:
        read_uuid(value)
    except ValueError:
        return False
    return True


def _invalid(field: str) -> CekalwatchError:
    return CekalwatchError(Code.ARGUMENT_INVALID, field)
