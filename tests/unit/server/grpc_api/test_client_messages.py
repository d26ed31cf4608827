"""Whatever a client sends becomes a valid domain value or an error of the catalogue, and can be told again."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import uuid6
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cekalwatch.contract.codec.alerts import HANDLING
from cekalwatch.contract.codec.captures import FACE, TO_CAMERA
from cekalwatch.contract.codec.imports import RECORD_REPORT
from cekalwatch.contract.codec.status import CAMERA_STATUS
from cekalwatch.contract.codec.watchlist import ORDER
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.adjudication import MAX_NOTE, REASONS
from cekalwatch.contract.values.cameras import AimingAnswer, AimingPicture, AimingRefusal, Heartbeat
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import (
    CaptureOutcome,
    CaptureReceipt,
    ExercisePlayed,
    FaceCapture,
    Goodbye,
    Receipts,
)
from cekalwatch.contract.values.reports import MAX_SPAN
from cekalwatch.contract.values.unusable_faces import UnusablePassage, UnusableReason
from cekalwatch.server.alerts.shown import shown_handling
from cekalwatch.server.capture.passages import track_key
from cekalwatch.server.capture.session import placed
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.captures import EARLIEST, CameraClock, Capture, Rejected
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.presence import CameraPresence
from cekalwatch.server.foundation.errors import CekalwatchError, Code, Kind
from cekalwatch.server.grpc_api import alert_requests as alerts
from cekalwatch.server.grpc_api.messages import page_size
from cekalwatch.server.grpc_api.servicers.capture import read_hello, read_message
from cekalwatch.server.grpc_api.servicers.watchlist import subjects
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import record_begun
from cekalwatch.server.health.state.status import camera_status
from cekalwatch.server.watchlist.imports.upload import RecordAssembly
from cekalwatch.v1 import (
    adjudication_pb2,
    alert_service_pb2,
    capture_pb2,
    capture_service_pb2,
    report_service_pb2,
    watchlist_pb2,
)
from cekalwatch.v1.watchlist_service_pb2 import ImportRecord
from cekalwatch.wire.bounds import MAX_REASON
from tests.support.builders.alerts import DEPARTURE, NOON
from tests.support.builders.messages import RECORD, RUN, SENT, TEXTS, ValidValues, messages, scrambled
from tests.support.scenarios.people import person

Value = TypeVar("Value")
MANY = examples(  # the fuzzer tries thousands of inputs of the same functions
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def read(work: Callable[[], Value]) -> Value | CekalwatchError:
    """What the work returns, or its error of the catalogue; any other error fails the test."""
    try:
        return work()
    except Refused as error:  # as the interceptor answers it
        found = CekalwatchError(Code.ARGUMENT_INVALID, error.field)
    except CekalwatchError as error:
        found = error
    assert found.code.kind in {Kind.INVALID_ARGUMENT, Kind.NOT_FOUND}
    assert len(found.detail) <= 64
    return found


def arrived(request: capture_service_pb2.StreamFacesRequest) -> object:
    """A message after the handshake as the camera's session takes it."""
    said, message = read_message(request)
    clock = CameraClock()
    clock.note(said.time, NOON, said.uptime)
    return placed(message, DEPARTURE, RUN, clock, NOON) if isinstance(message, FaceCapture) else message


def any_request() -> st.SearchStrategy[capture_service_pb2.StreamFacesRequest]:
    kind = capture_service_pb2.StreamFacesRequest
    return messages(kind, SENT) | scrambled(kind, SENT)


@pytest.mark.slow
@given(any_request())
@MANY
def test_any_first_message_is_hello_or_an_error(request: capture_service_pb2.StreamFacesRequest) -> None:
    found = read(lambda: read_hello(request)[0])
    if not isinstance(found, CekalwatchError):
        assert len(found.run_id) == len(RUN)
        for text in (found.client_version, found.detector):
            assert len(text) <= 64
            assert text.isprintable()


@pytest.mark.slow
@given(any_request())
@MANY
def test_any_later_message_is_a_valid_value_or_an_error(request: capture_service_pb2.StreamFacesRequest) -> None:
    match read(lambda: arrived(request)):
        case Capture() as face:
            holds_its_bounds(face, request.face)
        case Rejected(capture_id=sent, reason=reason):
            assert len(sent) <= 64
            assert request.face.capture_id.startswith(sent)
            assert reason.kind is Kind.INVALID_ARGUMENT
            TO_CAMERA.write(Receipts((CaptureReceipt(sent, CaptureOutcome.REJECTED, reason),), 1))
        case Heartbeat() as heartbeat:
            assert told(heartbeat).view_state in capture_pb2.ViewState.values()
        case Goodbye(reason=text):
            assert len(text) <= 200
            assert text.isprintable()
        case AimingAnswer(given=AimingPicture() as picture):
            assert picture.jpeg == request.aiming_picture.jpeg
            assert min(picture.frame_width, picture.frame_height) >= 1
        case AimingAnswer(given=AimingRefusal()):
            assert not request.aiming_picture.jpeg
        case UnusablePassage(duration_s=duration_s, reason=reason):
            assert 0 <= duration_s <= 3600
            assert reason in UnusableReason
        case ExercisePlayed(token=token, crops=crops):
            assert len(token) <= MAX_REASON
            assert 0 <= crops < 2**32
        case found:
            assert isinstance(found, CekalwatchError)


def holds_its_bounds(face: Capture, sent: capture_pb2.FaceCapture) -> None:
    assert UUID(face.capture_id).version == 7
    assert face.capture_id == sent.capture_id, "a receipt names the capture as it was sent"
    assert face.passage == track_key("dep-1", sent.run_id or RUN, sent.track_id)
    assert face.passage.isprintable()
    assert len(face.passage) <= len(f"dep-1/{RUN}/") + 64
    assert face.captured_at.tzinfo is not None
    assert EARLIEST <= face.captured_at <= NOON
    assert 0 <= face.quality <= 1
    assert len(face.landmarks) == 5
    assert all(math.isfinite(value) and value >= 0 for point in face.landmarks for value in point)


def told(heartbeat: Heartbeat) -> Any:
    """The camera's status as operators get it."""
    presence = CameraPresence(1, NOON, heartbeat=heartbeat)
    camera: Any = CAMERA_STATUS.write(camera_status(DEPARTURE, presence, "server-1", CapturePolicy()))
    camera.SerializeToString()
    assert math.isfinite(camera.frames_per_second)
    assert camera.outbox_age.seconds >= 0
    assert camera.spool.age.seconds >= 0
    assert camera.spool.state in capture_pb2.SpoolState.values()
    return camera


@given(st.sampled_from(["face", "hello", "heartbeat", "goodbye"]))
def test_usual_messages_are_read(name: str) -> None:
    """Without this, the tests above could pass with everything refused."""
    face = capture_pb2.FaceCapture(
        **{key: SENT[key][0] for key in ("capture_id", "track_id", "capture_time", "landmarks", "detector_score")}
    )
    hello = capture_service_pb2.Hello(camera_id="dep-1", run_id=RUN, client_version="1.0", detector="light")
    request: Any = {
        "face": capture_service_pb2.StreamFacesRequest(face=face),
        "hello": capture_service_pb2.StreamFacesRequest(hello=hello),
        "heartbeat": capture_service_pb2.StreamFacesRequest(heartbeat=capture_service_pb2.Heartbeat()),
        "goodbye": capture_service_pb2.StreamFacesRequest(goodbye=capture_service_pb2.Goodbye(reason="end")),
    }[name]
    found = read_hello(request)[0] if name == "hello" else arrived(request)
    assert not isinstance(found, Rejected)


def test_a_face_that_waited_on_the_disk_belongs_to_the_passage_of_its_own_run() -> None:
    """Track 1 of today's run and track 1 of the run before are two travellers, whose templates must not be fused."""
    earlier = str(uuid6.uuid7())
    usual = {key: SENT[key][0] for key in ("capture_id", "track_id", "capture_time", "landmarks", "detector_score")}
    faces = [FACE.read(capture_pb2.FaceCapture(**usual, run_id=run_id)) for run_id in ("", RUN, earlier)]
    captures = [placed(face, DEPARTURE, RUN, CameraClock(), NOON) for face in faces]
    assert [capture.passage for capture in captures if isinstance(capture, Capture)] == [
        track_key("dep-1", RUN, "1"),
        track_key("dep-1", RUN, "1"),
        track_key("dep-1", earlier, "1"),
    ]


@pytest.mark.parametrize(
    "written",
    [str.upper, lambda text: f"{{{text}}}", lambda text: f"urn:uuid:{text}", lambda text: text.replace("-", "")],
)
def test_ids_come_in_one_form(written: Callable[[str], str]) -> None:
    face = capture_pb2.FaceCapture(capture_id=written(str(uuid6.UUID("0198a4b0-aaaa-7bbb-8ccc-dddddddddddd"))))
    request = capture_service_pb2.StreamFacesRequest(face=face)
    found = arrived(request)
    assert isinstance(found, Rejected)
    assert found.reason is Code.CAPTURE_ID_INVALID


def any_filter() -> st.SearchStrategy[alert_service_pb2.AlertFilter]:
    usual: ValidValues = {"site": ["", "batam-center"], "counters": [[], ["D1", "A1"]], "direction": [0, 1, 2]}
    return messages(alert_service_pb2.AlertFilter, usual) | scrambled(alert_service_pb2.AlertFilter, usual)


@pytest.mark.slow
@given(any_filter())
@MANY
def test_any_filter_is_valid_or_an_error(message: alert_service_pb2.AlertFilter) -> None:
    found = read(lambda: alerts.alert_filter(message))
    if not isinstance(found, CekalwatchError):
        assert len(found.site) <= 64
        assert len(found.counters) <= 64
        assert all(len(counter) <= 64 and counter.isprintable() for counter in found.counters)
        assert set(message.counters) == found.counters


WORK: ValidValues = {
    "alert_id": ["01a210d1-c675-7147-9ff8-c79e4db1539a"],
    "agent_id": ["pc-1"],
    "version": [0, 3],
    "outcome": [1, 2, 3, 4, 5],
    "reason": list(range(1, 13)),
    "note": ["", "same scar", "x" * 1000],
    "candidate_subject_id": ["", "S-1"],
    "agency": ["Kejaksaan Agung"],
    "contact": ["duty desk"],
    "result": ["two officers come"],
    "contact_time": [Timestamp(seconds=int(NOON.timestamp()))],
    "start_time": [Timestamp(seconds=int(NOON.timestamp()) - 3600)],
    "end_time": [Timestamp(seconds=int(NOON.timestamp()))],
}
OFFICER = person("budi")


def any_work(kind: type[Any]) -> st.SearchStrategy[Any]:
    return messages(kind, WORK) | scrambled(kind, WORK)


@pytest.mark.slow
@given(any_work(alert_service_pb2.AdjudicateAlertRequest), any_work(alert_service_pb2.ClearAlertRequest))
@MANY
def test_any_judgement_is_a_finding_or_an_error(
    judged: alert_service_pb2.AdjudicateAlertRequest, cleared: alert_service_pb2.ClearAlertRequest
) -> None:
    for give in (lambda: alerts.adjudication(judged), lambda: alerts.clearing(cleared)):
        found = read(lambda give=give: give().by(OFFICER, NOON))  # type: ignore[misc]  # one at a time
        if isinstance(found, Finding):
            assert found.reason in REASONS[found.outcome]
            assert len(found.note) <= MAX_NOTE
            check_readable(Handling(raised_at=NOON, findings=(found,)))


@given(any_work(adjudication_pb2.FollowUp))
@MANY
def test_any_follow_up_is_one_that_can_be_shown_or_an_error(message: adjudication_pb2.FollowUp) -> None:
    found = read(lambda: alerts.follow_up(message, OFFICER.reference, NOON))
    if isinstance(found, FollowUp):
        assert all(0 < len(text) <= MAX_NOTE for text in (found.agency, found.contact, found.result))
        assert found.contacted_at <= NOON + alerts.CLOCK_AHEAD
        check_readable(Handling(raised_at=NOON, follow_ups=(found,)))


@given(any_work(alert_service_pb2.GetShiftReportRequest), st.lists(st.integers(-(2**31), 2**31 - 1)))
@MANY
def test_any_shift_and_any_states_are_valid_or_an_error(
    request: alert_service_pb2.GetShiftReportRequest, states: list[Any]
) -> None:
    found = read(lambda: alerts.span(request, NOON))
    if not isinstance(found, CekalwatchError):
        assert timedelta(0) <= found[1] - found[0] <= timedelta(days=31)
    longer = report_service_pb2.GetFieldReportRequest.FromString(request.SerializeToString())
    spanned = read(lambda: alerts.span(longer, NOON, MAX_SPAN))
    if not isinstance(spanned, CekalwatchError):
        assert timedelta(0) <= spanned[1] - spanned[0] <= timedelta(days=366)
    asked = read(lambda: alerts.states(states))
    assert isinstance(asked, CekalwatchError) or len(asked) == len(set(states))


def check_readable(handling: Handling) -> None:
    """Write it as a message, which a client can read."""
    message = HANDLING.write(shown_handling(handling, {str(OFFICER.person_id): OFFICER.display_name}))
    assert adjudication_pb2.Handling.FromString(message.SerializeToString()) == message


@given(TEXTS, st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1))
@MANY
def test_any_key_token_sequence_or_size_is_valid_or_an_error(text: str, number: int, size: int) -> None:
    for key in (alerts.agent_id, subjects.subject_key, subjects.subject_page_token):
        found = read(lambda key=key: key(text))  # type: ignore[misc]  # a key's own reader
        if isinstance(found, str):
            assert len(found) <= 64
            assert found.isprintable()
    read(lambda: alerts.alert_page_token(text))
    read(lambda: alerts.alert_id(text))
    position = read(lambda: alerts.sequence(number))
    assert isinstance(position, CekalwatchError) or 0 <= position < 2**63
    limit = read(lambda: page_size(size, default=20))
    assert isinstance(limit, CekalwatchError) or 1 <= limit <= 100


@pytest.mark.slow
@given(messages(ImportRecord, RECORD) | scrambled(ImportRecord, RECORD))
@MANY
def test_any_record_is_valid_or_refused_with_its_field(message: ImportRecord) -> None:
    found = read(lambda: record_begun(message))
    if isinstance(found, RecordAssembly):
        record = found.record()
        for zone in (ZoneInfo("Asia/Jakarta"), ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
            for now in (NOON, datetime(9999, 1, 1, tzinfo=UTC)):
                judgement = judge(record.order, SubjectFile(record.subject, (record.order,), ()), now, zone, Law())
                judged = JudgedOrder(record.order, judgement, record.order.valid_until)
                ORDER.write(judged.shown).SerializeToString()
        assert len(record.photographs) <= 10
    else:
        assert not isinstance(found, CekalwatchError)
        assert (found.reason, bool(found.field)) == (Code.RECORD_INVALID, True)
        report = RECORD_REPORT.write(found)
        assert report.outcome == watchlist_pb2.IMPORT_OUTCOME_REFUSED
        assert max(len(report.order_id), len(report.subject_id), len(report.field)) <= 64


@pytest.mark.parametrize("year", [1, 1899, 2201, 9999])
def test_a_revocation_in_no_plausible_year_is_refused(year: int) -> None:
    message = ImportRecord(
        subject={"subject_id": "S-1", "name": "Contoh Satu"},  # type: ignore[arg-type]  # protobuf takes them
        order=watchlist_pb2.BanOrder(
            order_id="O-1",
            subject_id="S-1",
            kind=watchlist_pb2.ORDER_KIND_CEGAH,
            requesting_agency="Kejaksaan Agung",
            valid_from="2026-01-01",
            valid_until="2026-06-30",
            received_on="2026-01-01",
        ),
    )
    assert isinstance(record_begun(message), RecordAssembly)
    message.order.revoked_time.FromDatetime(datetime(year, 6, 1, tzinfo=UTC))
    refused = record_begun(message)
    assert not isinstance(refused, RecordAssembly)
    assert refused.field == "revoked_at"
