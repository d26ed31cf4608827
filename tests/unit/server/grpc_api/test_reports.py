"""What a port tells of an alert is what the centre reads, and nothing leaves the port that should stay there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uuid6
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.alerts import Sighting
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.alerts.details import AlertDetails
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.alerts.report_receiver import Inbound
from cekalwatch.server.alerts.shown import shown_alert
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Claim, Handling
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.foundation.errors import CekalwatchError, Code, Kind
from cekalwatch.server.grpc_api.clients import report_stream
from cekalwatch.server.grpc_api.servicers import port_reports
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from tests.support.builders.alerts import DEPARTURE, NOON
from tests.support.builders.ports import BUDI, port_alert
from tests.support.builders.watchlist import WIB, order, subject

HERE = Port(DEPARTURE.site, "server")
SARI = PersonReference("22222222-2222-2222-2222-222222222222")
NAMES = {BUDI.person_id: "Budi Santoso", SARI.person_id: "Sari Dewi"}


def worked_on() -> Alert:
    """An alert with everything that people can have done with it."""
    capture_id = str(uuid6.uuid7())
    findings = (
        Finding(Outcome.REFERRED, Reason.OTHER, "parut di dagu\nsama", BUDI, NOON, "S-1"),
        Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", SARI, NOON, "S-1"),
    )
    handling = Handling(
        raised_at=NOON,
        state=AlertState.CONFIRMED,
        claim=Claim(BUDI, "pc-1", NOON + timedelta(seconds=90)),
        findings=findings,
        reference="CO-2026/0117",
        follow_ups=(FollowUp("Kejaksaan Agung", "piket", "dua petugas datang", NOON, SARI, NOON),),
        escalation=Escalation.SITE,
        escalated_at=NOON,
        escalations=3,
        orders_ended_at=NOON,
        attended=1,
    )
    return replace(
        port_alert(),
        camera=DEPARTURE.place,
        cameras=frozenset({DEPARTURE.place}),
        candidates=(Candidate("S-1", 0.75, order_ids=("O-1",)), Candidate("S-2", 0.5, order_ids=(), ruled_out=True)),
        handling=handling,
        late=True,
        sightings=(Sighting(capture_id, NOON, DEPARTURE.place, 0.75, 2),),
        probe_capture_id=capture_id,
    )


def told(alert: Alert) -> bytes:
    """The bytes with which the port reports its alert, as its event 7 after event 3."""
    listed, ban = subject("S-1", name="Contoh Satu", nik="3171234567890001"), order(decree_number="KEP-1/2026")
    judged = JudgedOrder(ban, judge(ban, SubjectFile(listed, (ban,), ()), NOON, WIB, Law()), ban.valid_until)
    names = {"S-1": "Contoh Satu", "S-2": "Contoh Dua"}
    details = AlertDetails(alert, shown_alert(alert, listed, (judged,), names, {}, NAMES))
    event = AlertEvent(7, AlertEventType.CONFIRMED, NOON, alert_id=alert.alert_id)
    return report_stream.report(3, DetailedEvent(event, details)).SerializeToString()


def read(data: bytes) -> PortReport:
    found = port_reports.message(pb.ReportAlertsRequest.FromString(data), HERE, NOON)
    assert isinstance(found, PortReport)
    return found


def test_the_centre_reads_the_alert_as_it_stands_at_the_port() -> None:
    alert = worked_on()
    found = read(told(alert))
    assert found.alert == alert
    assert found.people == NAMES
    assert (found.previous, found.event.sequence, found.event.type) == (3, 7, AlertEventType.CONFIRMED)


def test_neither_pictures_nor_what_the_centre_knows_of_subjects_leaves_the_port() -> None:
    data = told(worked_on())
    for kept in (b"Contoh", b"3171234567890001", b"KEP-1/2026", b"\xff\xd8"):
        assert kept not in data
    for needed in (b"S-1", b"O-1", b"CO-2026/0117", b"Budi Santoso"):
        assert needed in data


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_whatever_a_port_sends_becomes_a_report_of_its_own_site_or_an_error(changes: list[tuple[float, int]]) -> None:
    data = bytearray(SOUND)
    for place, value in changes:
        data[int(place * len(data))] = value
    found: Inbound | CekalwatchError
    try:
        found = port_reports.message(pb.ReportAlertsRequest.FromString(bytes(data)), HERE, NOON)
    except DecodeError:
        return
    except Refused:
        return
    except CekalwatchError as error:
        found = error
    if isinstance(found, CekalwatchError):
        assert found.code.kind in {Kind.INVALID_ARGUMENT, Kind.PERMISSION_DENIED}
    if isinstance(found, PortReport):
        assert {camera.site for camera in found.alert.cameras} == {HERE.site}
        assert all(abs(one.score) <= 1.001 for one in found.alert.candidates)
        assert found.alert.present in found.alert.candidates


SOUND = told(worked_on())


Change = Callable[[Any], object]
"""What is done with the alert of a report, its sighting, its handling or its event before it is sent."""
LONG = "x" * 201
REFUSALS: dict[str, tuple[Change, Code, str]] = {
    "no state": (lambda event: event.alert.ClearField("state"), Code.ARGUMENT_INVALID, "state"),
    "an unknown state": (lambda event: setattr(event.alert, "state", 77), Code.ARGUMENT_INVALID, "state"),
    "no type": (lambda event: event.ClearField("type"), Code.ARGUMENT_INVALID, "type"),
    "no subject": (lambda event: event.alert.ClearField("subject"), Code.ARGUMENT_INVALID, "subject"),
    "another subject": (
        lambda event: setattr(event.alert.subject, "subject_id", "S-9"),
        Code.ARGUMENT_INVALID,
        "subject_id",
    ),
    "no candidate": (lambda event: event.alert.ClearField("candidates"), Code.ARGUMENT_INVALID, "candidates"),
    "eleven candidates": (
        lambda event: event.alert.candidates.extend([event.alert.candidates[0]] * 9),
        Code.ARGUMENT_INVALID,
        "candidates",
    ),
    "a candidate without a key": (
        lambda event: event.alert.candidates[1].ClearField("subject_id"),
        Code.ARGUMENT_INVALID,
        "subject_id",
    ),
    "a key of several lines": (
        lambda event: setattr(event.alert.candidates[1], "subject_id", "S\n1"),
        Code.ARGUMENT_INVALID,
        "subject_id",
    ),
    "an order without a key": (
        lambda event: event.alert.orders[0].ClearField("order_id"),
        Code.ARGUMENT_INVALID,
        "order_id",
    ),
    "too many sightings": (
        lambda event: event.alert.sightings.extend([event.alert.sightings[0]] * 20),
        Code.ARGUMENT_INVALID,
        "sightings",
    ),
    "a score that is none": (
        lambda event: setattr(event.alert.candidates[0], "score", float("nan")),
        Code.ARGUMENT_INVALID,
        "score",
    ),
    "a sighting's score": (
        lambda event: setattr(event.alert.sightings[0], "score", 1.5),
        Code.ARGUMENT_INVALID,
        "score",
    ),
    "no alert's key": (lambda event: setattr(event.alert, "alert_id", "1"), Code.ARGUMENT_INVALID, "alert_id"),
    "another form of a key": (
        lambda event: setattr(event.alert, "alert_id", event.alert.alert_id.upper().replace("-", "")),
        Code.ARGUMENT_INVALID,
        "alert_id",
    ),
    "no capture's key": (
        lambda event: setattr(event.alert.sightings[0], "capture_id", ""),
        Code.ARGUMENT_INVALID,
        "capture_id",
    ),
    "no probe's key": (
        lambda event: setattr(event.alert, "probe_capture_id", "1"),
        Code.ARGUMENT_INVALID,
        "probe_capture_id",
    ),
    "a version beyond all": (lambda event: setattr(event.alert, "version", 2**31), Code.ARGUMENT_INVALID, "version"),
    "a long model": (lambda event: setattr(event.alert, "model_version", LONG), Code.ARGUMENT_INVALID, "model_version"),
    "no camera": (lambda event: event.alert.ClearField("camera"), Code.ARGUMENT_INVALID, "camera"),
    "no direction": (lambda event: event.alert.camera.ClearField("direction"), Code.ARGUMENT_INVALID, "camera"),
    "a camera's key": (
        lambda event: setattr(event.alert.camera, "camera_id", "Cam 1"),
        Code.ARGUMENT_INVALID,
        "camera",
    ),
    "a long counter": (lambda event: setattr(event.alert.camera, "counter", LONG), Code.ARGUMENT_INVALID, "counter"),
    "no moment": (lambda event: event.alert.ClearField("capture_time"), Code.ARGUMENT_INVALID, "capture_time"),
    "an early moment": (
        lambda event: event.alert.raised_time.FromDatetime(datetime(1999, 12, 31, tzinfo=UTC)),
        Code.ARGUMENT_INVALID,
        "raised_time",
    ),
    "a moment to come": (
        lambda event: event.alert.raised_time.FromDatetime(NOON + timedelta(days=2)),
        Code.ARGUMENT_INVALID,
        "raised_time",
    ),
    "no moment of the event": (lambda event: event.ClearField("event_time"), Code.ARGUMENT_INVALID, "event_time"),
    "a sighting to come": (
        lambda event: event.alert.sightings[0].capture_time.FromDatetime(NOON + timedelta(days=2)),
        Code.ARGUMENT_INVALID,
        "capture_time",
    ),
    "orders that end in the future": (
        lambda event: event.alert.orders_ended_time.FromDatetime(NOON + timedelta(days=2)),
        Code.ARGUMENT_INVALID,
        "orders_ended_time",
    ),
    "another site": (lambda event: setattr(event.alert.camera, "site", "sekupang"), Code.SITE_NOT_ALLOWED, ""),
    "seen at another site": (
        lambda event: setattr(event.alert.sightings[0].camera, "site", "sekupang"),
        Code.SITE_NOT_ALLOWED,
        "",
    ),
    "no escalation": (
        lambda event: event.alert.handling.ClearField("escalation"),
        Code.ARGUMENT_INVALID,
        "escalation",
    ),
    "too many findings": (
        lambda event: event.alert.handling.findings.extend([event.alert.handling.findings[0]] * 199),
        Code.ARGUMENT_INVALID,
        "handling",
    ),
    "too many follow-ups": (
        lambda event: event.alert.handling.follow_ups.extend([event.alert.handling.follow_ups[0]] * 50),
        Code.ARGUMENT_INVALID,
        "handling",
    ),
    "follow-ups that are too long": (
        lambda event: long_follow_ups(event, 40),
        Code.ARGUMENT_INVALID,
        "follow_ups",
    ),
    "a PC that is none": (
        lambda event: setattr(event.alert.handling.claim, "agent_id", "PC 1"),
        Code.ARGUMENT_INVALID,
        "agent_id",
    ),
    "a lease for long": (
        lambda event: event.alert.handling.claim.expire_time.FromDatetime(NOON + timedelta(days=2)),
        Code.ARGUMENT_INVALID,
        "expire_time",
    ),
    "nobody's claim": (
        lambda event: event.alert.handling.claim.ClearField("holder"),
        Code.ARGUMENT_INVALID,
        "holder",
    ),
    "a long name": (
        lambda event: setattr(event.alert.handling.claim.holder, "display_name", LONG),
        Code.ARGUMENT_INVALID,
        "display_name",
    ),
    "no outcome": (
        lambda event: event.alert.handling.findings[0].ClearField("outcome"),
        Code.ARGUMENT_INVALID,
        "outcome",
    ),
    "an unknown reason": (
        lambda event: setattr(event.alert.handling.findings[0], "reason", 77),
        Code.ARGUMENT_INVALID,
        "reason",
    ),
    "a reason of another outcome": (
        lambda event: setattr(event.alert.handling.findings[0], "reason", 5),
        Code.REASON_INVALID,
        "TRAVELLER_GONE for REFERRED",
    ),
    "a long note": (
        lambda event: setattr(event.alert.handling.findings[0], "note", "x" * 1001),
        Code.NOTE_INVALID,
        "",
    ),
    "nobody's finding": (
        lambda event: event.alert.handling.findings[0].ClearField("person"),
        Code.ARGUMENT_INVALID,
        "person",
    ),
    "no moment of a follow-up": (
        lambda event: event.alert.handling.follow_ups[0].ClearField("record_time"),
        Code.ARGUMENT_INVALID,
        "record_time",
    ),
    "a contact of nobody": (
        lambda event: event.alert.handling.follow_ups[0].ClearField("agency"),
        Code.NOTE_INVALID,
        "",
    ),
    "a long reference": (
        lambda event: setattr(event.alert.handling, "cekal_online_reference", "x" * 101),
        Code.ARGUMENT_INVALID,
        "cekal_online_reference",
    ),
    "announced too often": (
        lambda event: setattr(event.alert.handling, "escalations", 2**31),
        Code.ARGUMENT_INVALID,
        "escalations",
    ),
}


def long_follow_ups(event: Any, count: int) -> None:
    """Let a report have so many follow-ups, with long texts."""
    found = event.alert.handling.follow_ups
    found.extend([found[0]] * (count - 1))
    for one in found:
        one.result = "x" * 1000


@pytest.mark.parametrize("name", REFUSALS)
def test_what_breaks_a_bound_is_refused_with_its_field(name: str) -> None:
    change, code, field = REFUSALS[name]
    request: Any = pb.ReportAlertsRequest.FromString(SOUND)
    change(request.event.event)
    with pytest.raises((CekalwatchError, Refused)) as caught:
        port_reports.message(request, HERE, NOON)
    error = caught.value
    if isinstance(error, CekalwatchError):
        assert error.code is code
        assert code is Code.SITE_NOT_ALLOWED or error.detail == field
    else:  # the interceptor answers it so
        assert isinstance(error, Refused)
        assert (Code.ARGUMENT_INVALID, error.field) == (code, field)


def test_a_new_judgement_of_look_alikes_at_a_port_hinders_no_report() -> None:
    request: Any = pb.ReportAlertsRequest.FromString(SOUND)
    request.event.event.alert.candidates[0].look_alikes.add(subject_id="S-9", judgement=77)
    assert isinstance(port_reports.message(request, HERE, NOON), PortReport)


def test_the_handshake_is_asked_for_once_whatever_else_is_wrong_with_a_message() -> None:
    unfit = port_pb2.PortHello(server_version="9" * 100)
    for request, read_it, code in (
        (pb.ReportAlertsRequest(log_start=port_pb2.LogStart(after_sequence=-1)), first, Code.HELLO_EXPECTED),
        (pb.ReportAlertsRequest(), first, Code.HELLO_EXPECTED),
        (pb.ReportAlertsRequest(hello=unfit), later, Code.HELLO_REPEATED),
        (pb.ReportAlertsRequest(), later, Code.MESSAGE_EMPTY),
    ):
        with pytest.raises(CekalwatchError) as refused:
            read_it(request)
        assert refused.value.code is code
    with pytest.raises(Refused, match="server_version"):
        first(pb.ReportAlertsRequest(hello=unfit))


def first(request: pb.ReportAlertsRequest) -> object:
    return port_reports.hello(request)


def later(request: pb.ReportAlertsRequest) -> object:
    return port_reports.message(request, HERE, NOON)
