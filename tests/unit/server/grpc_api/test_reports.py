"""What a port tells of an alert is what the centre reads, and nothing leaves the port that should stay there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import uuid6
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from cekalwatch.contract.codec.scalars import Refused
from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.server.alerts.details import AlertDetails
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.alerts.shown import shown_alert
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent, Sighting
from cekalwatch.server.domain.alerts.handling import Claim, Handling, Holder
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.errors import CekalwatchError, Kind
from cekalwatch.server.domain.orders.ban_order import JudgedOrder
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.grpc_api.clients import report_stream
from cekalwatch.server.grpc_api.servicers import port_reports
from cekalwatch.server.ports.report_receiver import Inbound
from cekalwatch.v1 import port_service_pb2 as pb
from tests.support.builders.alerts import DEPARTURE, NOON
from tests.support.builders.ports import BUDI, port_alert
from tests.support.builders.watchlist import WIB, order, subject

HERE = Port(DEPARTURE.site, "server")
SARI = UUID("22222222-2222-2222-2222-222222222222")
NAMES = {BUDI: "Budi Santoso", SARI: "Sari Dewi"}


def worked_on() -> Alert:
    """An alert with everything that people can have done with it."""
    capture_id = uuid6.uuid7()
    findings = (
        Finding(Outcome.REFERRED, Reason.OTHER, "parut di dagu\nsama", BUDI, NOON, "S-1"),
        Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", SARI, NOON, "S-1"),
    )
    handling = Handling(
        raised_at=NOON,
        state=AlertState.CONFIRMED,
        claim=Claim(Holder(BUDI, "pc-1"), NOON + timedelta(seconds=90)),
        findings=findings,
        reference="CO-2026/0117",
        follow_ups=(FollowUp("Kejaksaan Agung", "piket", "dua petugas datang", NOON, SARI, NOON),),
        escalation=Escalation.SITE,
        escalated_at=NOON,
        escalations=3,
        orders_ended_at=NOON,
    )
    return replace(
        port_alert(),
        camera=DEPARTURE,
        cameras=frozenset({DEPARTURE}),
        candidates=(Candidate("S-1", 0.75, ("O-1",)), Candidate("S-2", 0.5, (), ruled_out=True)),
        handling=handling,
        late=True,
        sightings=(Sighting(capture_id, NOON, DEPARTURE, 0.75, 2),),
        probe_capture_id=capture_id,
    )


def told(alert: Alert) -> bytes:
    """The bytes with which the port reports its alert, as its event 7 after event 3."""
    listed, ban = subject("S-1", name="Contoh Satu", nik="3171234567890001"), order(decree_number="KEP-1/2026")
    judged = JudgedOrder(ban, judge(ban, listed, [ban], NOON, WIB, LegalParameters()), ban.valid_until)
    names = {"S-1": "Contoh Satu", "S-2": "Contoh Dua"}
    details = AlertDetails(alert, shown_alert(alert, listed, (judged,), names, {}, NAMES))
    event = AlertEvent(7, AlertEventType.CONFIRMED, NOON, alert.alert_id)
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
