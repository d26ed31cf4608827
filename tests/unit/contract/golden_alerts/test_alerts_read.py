"""What an office reads of a server's messages about alerts, also of a hostile or newer server's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.codec.alerts import ALERT, PICTURES, SHIFT_REPORT, STREAM
from cekalwatch.contract.values.adjudication import (
    AlertEventType,
    AlertState,
    Claim,
    Escalation,
    Finding,
    FollowUp,
    Outcome,
    Reason,
)
from cekalwatch.contract.values.alerts import Alert, AlertEvent, Candidate, JudgedLookalike, KeepAlive, Subscribed
from cekalwatch.contract.values.orders import Direction, OrderKind, OrderStatus
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.contract.values.watchlist import Freshness, LookalikeJudgement, SourceFreshness
from cekalwatch.v1 import adjudication_pb2, alert_pb2, alert_service_pb2, watchlist_pb2

GOLDEN = json.loads(Path(__file__).with_name("messages.json").read_text("utf-8"))
NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 5, 3, 0, 250_000, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = "01980000-0000-7000-8000-000000000001"
BUDI = PersonReference("00000000-0000-0000-0000-00000000000b", "Budi Santoso")
SITI = PersonReference("00000000-0000-0000-0000-00000000000c", "Siti Aminah")
GONE = PersonReference("00000000-0000-0000-0000-00000000000d", "")


def sent(name: str) -> bytes:
    return bytes.fromhex(GOLDEN[f"server: {name}"])


def response(name: str) -> alert_service_pb2.SubscribeAlertsResponse:
    return alert_service_pb2.SubscribeAlertsResponse.FromString(sent(name))


def worked_on() -> alert_pb2.Alert:
    return alert_pb2.Alert.FromString(sent("alert, worked on"))


def test_an_alert_is_read_as_it_was_written() -> None:
    found = ALERT.read(worked_on())
    assert (found.alert_id, found.state, found.version) == (FIRST[:-1] + "2", AlertState.CONFIRMED, 7)
    assert (found.camera.camera_id, found.camera.site, found.camera.counter) == ("dep-1", "batam-center", "D1")
    assert found.camera.direction is Direction.DEPARTURE
    assert (found.captured_at, found.raised_at, found.orders_ended_at) == (NOON, NOON, LATER)
    assert (found.score, found.threshold) == pytest.approx((0.75, 0.48))
    assert (found.late, found.probe_capture_id) == (True, FIRST)
    alike = (
        JudgedLookalike("S-8", LookalikeJudgement.SAME_PERSON),
        JudgedLookalike("S-9", LookalikeJudgement.DIFFERENT_PEOPLE),
    )
    assert found.candidates == (
        Candidate("S-1", 0.75, "Contoh Satu", ruled_out=False, lookalikes=alike),
        Candidate("S-2", 0.5, ruled_out=True, lookalikes=(JudgedLookalike("S-7", LookalikeJudgement.NOT_JUDGED),)),
    )
    seen = [(one.captured_at, one.camera.counter, one.camera.direction, one.score) for one in found.sightings]
    assert seen == [(NOON, "D1", Direction.DEPARTURE, 0.75), (LATER, "A1", Direction.ARRIVAL, 0.625)]


def test_the_handling_is_read_as_it_was_written() -> None:
    handling = ALERT.read(worked_on()).handling
    assert handling.claim == Claim(BUDI, "pc-1", LATER)
    assert handling.findings == (
        Finding(Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS, "", BUDI, NOON, "S-2"),
        Finding(Outcome.REFERRED, Reason.OTHER, "parut di dagu sama", BUDI, NOON, "S-1"),
        Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", GONE, LATER, "S-1"),
    )
    assert handling.reference == "CO-2026/0117"
    assert handling.follow_ups == (FollowUp("Kejaksaan Agung", "piket", "dua petugas datang", NOON, SITI, LATER),)
    assert (handling.escalation, handling.escalated_at, handling.escalations) == (Escalation.SITE, LATER, 3)
    assert handling.unclaimed_since is None
    unclaimed = ALERT.read(alert_pb2.Alert.FromString(sent("alert, unclaimed"))).handling
    assert (unclaimed.unclaimed_since, unclaimed.claim) == (LATER, None)


def test_subject_and_orders_are_read_as_they_were_written() -> None:
    found = ALERT.read(worked_on())
    who = found.subject
    assert (who.subject_id, who.name, who.aliases) == ("S-1", "Contoh Satu", ("Si Contoh", "C. Satu"))
    assert (who.sex, who.place_of_birth, who.date_of_birth) == ("M", "Batam", "1979-04-12")
    assert (who.nationality, who.nik, len(who.travel_documents)) == ("IDN", "3171234567890001", 2)
    assert [one.order_id for one in found.orders] == ["O-1", "O-2", "O-3"]
    first, second, third = found.orders
    assert (first.kind, second.kind) == (OrderKind.CEGAH, OrderKind.TANGKAL)
    assert (first.valid_from, first.valid_until, first.decree_date) == ("2026-01-01", "2026-06-30", "2026-01-01")
    assert (second.urgent, second.decree_number, second.decree_date) == (True, "", "")
    assert (first.status, third.status) == (OrderStatus.ACTIVE, OrderStatus.REVOKED)


def test_a_stream_is_read_as_it_was_written() -> None:
    sources = SourceFreshness("cekal", NOON, stale=False), SourceFreshness("", None, stale=True)
    stale = Freshness(None, stale=True, active_subjects=812, sources=sources)
    assert STREAM.read(response("subscribed")) == Subscribed(7, 9, stale, 3)
    fresh = Freshness(NOON, stale=False, active_subjects=5, sources=sources[:1])
    assert STREAM.read(response("keep alive")) == KeepAlive(LATER, 9, fresh)
    new = ALERT.read(alert_pb2.Alert.FromString(sent("alert, new")))
    assert STREAM.read(response("waiting alert")) == new
    assert STREAM.read(response("event, of a person")) == AlertEvent(3, AlertEventType.CONFIRMED, LATER, alert=new)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    of_capture = AlertEvent(4, AlertEventType.CONFIRMED, LATER, trace=trace, alert=ALERT.read(worked_on()))
    assert STREAM.read(response("event, of a capture")) == of_capture


def test_what_only_a_newer_program_sends_on_a_stream_is_left_out() -> None:
    assert STREAM.read(alert_service_pb2.SubscribeAlertsResponse()) is None


def test_pictures_and_figures_are_read_as_they_were_written() -> None:
    answer = alert_service_pb2.GetAlertResponse.FromString(sent("alert with pictures"))
    found = PICTURES.read(answer.images)
    assert (found.probe, found.reference_jpegs) == (b"probe", (b"reference r-1", b"reference r-2"))
    bare = alert_pb2.AlertImages(references=[watchlist_pb2.ReferenceFace(reference_id="r-1")])
    assert (PICTURES.read(bare).probe, PICTURES.read(bare).reference_jpegs) == (b"", ())
    report = SHIFT_REPORT.read(alert_service_pb2.GetShiftReportResponse.FromString(sent("shift report")))
    cameras = (Tally("dep-1", 3, 1), Tally("arr-1", 0, 1))
    assert report == ShiftReport(9, 4, 2, 3, 1, 12.5, 61.25, cameras, (Tally("CEGAH", 4, 2),), 3)


def hostile() -> alert_pb2.Alert:
    """An alert with text that no screen may show, and numbers that only a newer server knows."""
    message: Any = worked_on()  # the typing stubs want members of enums
    unsafe = "a\x1b[2J\u202eb" + "x" * 300
    message.alert_id = message.subject.name = message.subject.nik = message.camera.counter = unsafe
    message.candidates[0].name = message.handling.cekal_online_reference = message.probe_capture_id = unsafe
    message.orders[0].decree_number = message.handling.claim.agent_id = unsafe
    message.handling.claim.holder.display_name = unsafe
    message.handling.findings[0].note = message.handling.follow_ups[0].agency = unsafe * 10
    message.state = message.camera.direction = message.handling.escalation = 77
    message.handling.findings[0].outcome = message.handling.findings[1].reason = 77
    message.candidates[0].look_alikes[0].judgement = 77
    message.orders[0].kind = message.orders[0].status = 77
    assert isinstance(message, alert_pb2.Alert)
    return message


def test_unsafe_text_is_cleaned_and_cut() -> None:
    found = ALERT.read(hostile())
    handling = found.handling
    assert handling.claim
    for text in (
        *(found.alert_id, found.subject.name, found.subject.nik, found.camera.counter, found.candidates[0].name),
        *(handling.reference, found.probe_capture_id, found.orders[0].decree_number, handling.claim.agent_id),
        handling.claim.holder.display_name,
    ):
        assert text == "a[2Jb" + "x" * 194 + "…"
    for text in (handling.findings[0].note, handling.follow_ups[0].agency):
        assert (len(text), text[:5], text[-1]) == (1000, "a[2Jb", "…")


def test_what_only_a_newer_server_knows_is_none_or_left_out() -> None:
    found = ALERT.read(hostile())
    assert (found.state, found.camera.direction) == (None, None)
    assert found.handling.escalation is Escalation.COUNTER
    assert (found.handling.findings[0].outcome, found.handling.findings[1].reason) == (None, None)
    assert [one.judgement for one in found.candidates[0].lookalikes] == [None, LookalikeJudgement.DIFFERENT_PEOPLE]
    assert (found.orders[0].kind, found.orders[0].status) == (None, None)
    event = response("event, of a person")
    event.event.type = 77  # type: ignore[assignment]  # a newer member
    read = STREAM.read(event)
    assert isinstance(read, AlertEvent)
    assert read.type is None


def test_an_empty_message_is_an_alert_of_which_nothing_is_known() -> None:
    found = ALERT.read(alert_pb2.Alert())
    assert isinstance(found, Alert)
    assert (found.alert_id, found.state, found.version, found.camera.counter) == ("", None, 0, "")
    assert (found.captured_at, found.raised_at, found.orders_ended_at) == (EPOCH, EPOCH, None)
    assert (found.candidates, found.sightings, found.orders) == ((), (), ())
    assert (found.handling.claim, found.handling.findings) == (None, ())
    bare = adjudication_pb2.Handling(
        claim=adjudication_pb2.Claim(), findings=[adjudication_pb2.Finding()], follow_ups=[adjudication_pb2.FollowUp()]
    )
    handling = ALERT.read(alert_pb2.Alert(handling=bare)).handling
    nobody = PersonReference("", "")
    assert handling.claim == Claim(nobody, "", EPOCH)
    assert handling.findings == (Finding(None, None, "", nobody, EPOCH),)
    assert handling.follow_ups == (FollowUp("", "", "", EPOCH),)
    sighting = ALERT.read(alert_pb2.Alert(sightings=[alert_pb2.Sighting()])).sightings[0]
    assert (sighting.captured_at, sighting.camera.counter, sighting.camera.direction) == (EPOCH, "", None)


def test_an_absurd_time_is_an_error() -> None:
    message = worked_on()
    message.raised_time.seconds = 2**60
    with pytest.raises((ValueError, OverflowError)):
        ALERT.read(message)
