"""Reads what a port reports. The port has been let in, and still nothing that it says is taken without its bounds."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from cekalwatch.contract.codec.alerts import ESCALATIONS, EVENT_TYPES, OUTCOMES, REASONS, STATES
from cekalwatch.contract.codec.cameras import DIRECTIONS
from cekalwatch.contract.codec.federation import PORT_MESSAGE
from cekalwatch.contract.codec.scalars import Reading
from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.federation import (
    MAX_HELD,
    PortHello,
    PortPicture,
    SignOfLife,
)
from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent, Sighting
from cekalwatch.server.domain.alerts.grouping import MAX_CANDIDATES
from cekalwatch.server.domain.alerts.handling import MAX_FOLLOW_UP_BYTES, MAX_FOLLOW_UPS, Claim, Handling, Holder
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.grpc_api.alert_requests import (
    MAX_CANDIDATE_KEY,
    MAX_REFERENCE,
    MAX_SEQUENCE,
    moment,
)
from cekalwatch.server.grpc_api.fields import KEY, text
from cekalwatch.server.grpc_api.fields import uuid as read_uuid
from cekalwatch.server.ports.report_receiver import Inbound
from cekalwatch.server.recognition.face_pictures import MAX_PROBE_BYTES
from cekalwatch.server.storage.alerts.rows import MAX_SIGHTINGS
from cekalwatch.v1 import adjudication_pb2, alert_pb2, camera_pb2, port_pb2, port_service_pb2
from cekalwatch.wire.bounds import MAX_CROP_PIXELS

MAX_FINDINGS = 200
MAX_NAME = 200
"""Characters of the name of somebody who worked on an alert."""
MAX_COUNT = 2**31
AHEAD = timedelta(days=1)
"""How far the time of a report may lie ahead: a port's clock may be wrong, and its events still count."""


def hello(request: port_service_pb2.ReportAlertsRequest) -> PortHello:
    """Read the handshake; raises HELLO_EXPECTED or Refused."""
    found = PORT_MESSAGE.read(request, Reading.STRICT)
    if not isinstance(found, PortHello):
        raise CekalwatchError(Code.HELLO_EXPECTED)
    return found


def message(request: port_service_pb2.ReportAlertsRequest, port: Port, now: datetime) -> Inbound:
    """Read a message after the handshake; raises an error of the catalogue, or Refused, for what breaks a bound."""
    latest = now + AHEAD
    if request.WhichOneof("message") == "event":
        return _report(request.event, port, latest)
    match found := PORT_MESSAGE.read(request, Reading.STRICT):
        case None:
            raise CekalwatchError(Code.MESSAGE_EMPTY)
        case PortHello():
            raise CekalwatchError(Code.HELLO_REPEATED)
        case SignOfLife():
            _time_or_none(request.state, "list_time", latest)
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
    kind = EVENT_TYPES.member(told.event.type)
    if kind is None:
        raise _invalid("type")
    people: dict[UUID, str] = {}
    alert = _alert(told.event.alert, port, latest, people)
    event = AlertEvent(
        sequence=_sequence(told.event.sequence, "sequence"),
        type=kind,
        occurred_at=_time(told.event, "event_time", latest),
        alert_id=alert.alert_id,
        capture_id=_uuid(told.event.capture_id, "capture_id") if told.event.capture_id else None,
    )
    previous = _sequence(told.previous_sequence, "previous_sequence")
    if previous >= event.sequence:
        raise _invalid("previous_sequence")
    return PortReport(previous, event, alert, people)


def _alert(told: alert_pb2.Alert, port: Port, latest: datetime, people: dict[UUID, str]) -> Alert:
    """Read an alert, and note in `people` who works on it."""
    state = STATES.member(told.state)
    if state is None:
        raise _invalid("state")
    subject_id = _key(told.subject.subject_id, "subject_id")
    orders = tuple(_key(one.order_id, "order_id") for one in told.orders[: MAX_HELD + 1])
    if not 1 <= len(told.candidates) <= MAX_CANDIDATES or len(orders) > MAX_HELD:
        raise _invalid("candidates")
    candidates = tuple(
        Candidate(
            subject_id=key,
            score=_score(one.score),
            order_ids=orders if key == subject_id else (),
            ruled_out=one.ruled_out,
        )
        for one in told.candidates
        if (key := _key(one.subject_id, "subject_id"))
    )
    if subject_id not in {one.subject_id for one in candidates}:
        raise _invalid("subject_id")
    if len(told.sightings) > MAX_SIGHTINGS:
        raise _invalid("sightings")
    sightings = tuple(_sighting(one, port, latest) for one in told.sightings)
    camera, captured_at = _camera(told.camera, port), _time(told, "capture_time", latest)
    raised_at = _time(told, "raised_time", latest)
    return Alert(
        alert_id=_uuid(told.alert_id, "alert_id"),
        version=_count(told.version, "version"),
        subject_id=subject_id,
        camera=camera,
        captured_at=captured_at,
        last_seen_at=max((captured_at, *(one.captured_at for one in sightings))),
        threshold=_score(told.threshold),
        candidates=candidates,
        model_version=text(told.model_version, "model_version", MAX_CANDIDATE_KEY),
        handling=_handling(told, state, raised_at, latest, people),
        late=told.late,
        sightings=sightings,
        cameras=frozenset((camera, *(one.camera for one in sightings))),
        probe_capture_id=_uuid(told.probe_capture_id, "probe_capture_id") if told.probe_capture_id else None,
    )


def _handling(
    alert: alert_pb2.Alert, state: AlertState, raised_at: datetime, latest: datetime, people: dict[UUID, str]
) -> Handling:
    told = alert.handling
    escalation = ESCALATIONS.member(told.escalation)
    if escalation is None:
        raise _invalid("escalation")
    if len(told.findings) > MAX_FINDINGS or len(told.follow_ups) > MAX_FOLLOW_UPS:
        raise _invalid("handling")
    follow_ups = tuple(_follow_up(one, latest, people) for one in told.follow_ups)
    if sum(one.size for one in follow_ups) > MAX_FOLLOW_UP_BYTES:
        raise _invalid("follow_ups")
    return Handling(
        raised_at=raised_at,
        state=state,
        stands_since=_time_or_none(told, "unclaimed_time", latest),
        claim=_claim(told.claim, latest, people) if told.HasField("claim") else None,
        findings=tuple(_finding(one, latest, people) for one in told.findings),
        reference=text(told.cekal_online_reference, "cekal_online_reference", MAX_REFERENCE),
        follow_ups=follow_ups,
        escalation=escalation,
        escalated_at=_time_or_none(told, "escalated_time", latest),
        escalations=_count(told.escalations, "escalations"),
        orders_ended_at=_time_or_none(alert, "orders_ended_time", latest),
    )


def _claim(told: adjudication_pb2.Claim, latest: datetime, people: dict[UUID, str]) -> Claim:
    if not KEY.fullmatch(told.agent_id):
        raise _invalid("agent_id")
    return Claim(Holder(_person(told.holder, people), told.agent_id), _time(told, "expire_time", latest))


def _finding(told: adjudication_pb2.Finding, latest: datetime, people: dict[UUID, str]) -> Finding:
    outcome, reason = OUTCOMES.member(told.outcome), REASONS.member(told.reason)
    if outcome is None or reason is None:
        raise _invalid("outcome" if outcome is None else "reason")
    by, at = _person(told.person, people), _time(told, "find_time", latest)
    return Finding(outcome, reason, told.note, by, at, _key(told.subject_id, "subject_id") if told.subject_id else "")


def _follow_up(told: adjudication_pb2.FollowUp, latest: datetime, people: dict[UUID, str]) -> FollowUp:
    contacted_at, recorded_at = _time(told, "contact_time", latest), _time(told, "record_time", latest)
    return FollowUp(told.agency, told.contact, told.result, contacted_at, _person(told.person, people), recorded_at)


def _sighting(told: alert_pb2.Sighting, port: Port, latest: datetime) -> Sighting:
    return Sighting(
        capture_id=_uuid(told.capture_id, "capture_id"),
        captured_at=_time(told, "capture_time", latest),
        camera=_camera(told.camera, port),
        score=_score(told.score),
        fused_crops=_count(told.fused_crops, "fused_crops"),
    )


def _camera(told: camera_pb2.Camera, port: Port) -> Camera:
    """Read a camera of the port's own site; raises SITE_NOT_ALLOWED for another's."""
    direction = DIRECTIONS.member(told.direction)
    if direction is None or not KEY.fullmatch(told.camera_id):
        raise _invalid("camera")
    if told.site != port.site:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, f"{port} reports of another site")
    return Camera(told.camera_id, told.site, text(told.counter, "counter"), direction)


def _person(told: adjudication_pb2.PersonReference, people: dict[UUID, str]) -> UUID:
    person_id = _uuid(told.person_id, "person_id")
    if told.display_name:
        people[person_id] = text(told.display_name, "display_name", MAX_NAME)
    return person_id


def _time(
    told: alert_pb2.AlertEvent
    | alert_pb2.Alert
    | alert_pb2.Sighting
    | adjudication_pb2.Claim
    | adjudication_pb2.Finding
    | adjudication_pb2.FollowUp,
    field: str,
    latest: datetime,
) -> datetime:
    if not told.HasField(field):  # type: ignore[arg-type]  # the stubs allow literals only
        raise _invalid(field)
    found = moment(getattr(told, field), field)
    if found > latest:
        raise _invalid(field)
    return found


def _time_or_none(
    told: alert_pb2.Alert | adjudication_pb2.Handling | port_pb2.PortState, field: str, latest: datetime
) -> datetime | None:
    if not told.HasField(field):  # type: ignore[arg-type]  # as above
        return None
    found = moment(getattr(told, field), field)
    if found > latest:
        raise _invalid(field)
    return found


def _score(value: float) -> float:
    if not math.isfinite(value) or not -1.0001 <= value <= 1.0001:  # written with 32 bits
        raise _invalid("score")
    return value


def _key(value: str, field: str) -> str:
    if not value:
        raise _invalid(field)
    return text(value, field, MAX_CANDIDATE_KEY)


def _uuid(value: str, field: str) -> UUID:
    found = read_uuid(value)
    if found is None:
        raise _invalid(field)
    return found


def _sequence(value: int, field: str) -> int:
    if not 0 <= value <= MAX_SEQUENCE:
        raise _invalid(field)
    return value


def _count(value: int, field: str) -> int:
    if value >= MAX_COUNT:
        raise _invalid(field)
    return value


def _invalid(field: str) -> CekalwatchError:
    return CekalwatchError(Code.ARGUMENT_INVALID, field)
