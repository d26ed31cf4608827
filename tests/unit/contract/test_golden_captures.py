"""Cameras' messages are written byte for byte as they were, and read as the values that they were written from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.camera.outbox import capture_message
from cekalwatch.contract.codec.camera_service import CAMERA_POLICY, CHANGES, KEPT_SURVEY, PICTURE, SURVEY
from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.codec.captures import CLIENT_TIME, FACE, FROM_CAMERA, MAX_SECONDS, TO_CAMERA
from cekalwatch.contract.codec.devices import DEVICE, DEVICE_TO_INVITE
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.cameras import (
    AimingAnswer,
    AimingPicture,
    AimingRefusal,
    AimingRequest,
    CameraReference,
    Drops,
    Heartbeat,
    SpoolState,
    SpoolStatus,
    TakenPicture,
    ViewState,
)
from cekalwatch.contract.values.capture_policy import CameraPolicy, CapturePolicy, CapturePolicyChanges
from cekalwatch.contract.values.captures import (
    UNMEASURED,
    CameraHello,
    CaptureOutcome,
    CaptureReceipt,
    Drain,
    FaceCapture,
    FaceQuality,
    Goodbye,
    Receipts,
    Welcome,
)
from cekalwatch.contract.values.devices import DeviceCertificate, DeviceRecord
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.surveys import Advice, Grade, KeptSurvey, SurveyFigures
from cekalwatch.contract.values.unusable_faces import UnusablePassage, UnusableReason
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.servicers.cameras import read_changes, read_survey
from cekalwatch.server.grpc_api.servicers.capture import REJECTED_FOR
from cekalwatch.v1 import camera_service_pb2, capture_pb2, capture_service_pb2, device_pb2, device_service_pb2
from cekalwatch.wire.bounds import MAX_AIMING_AGE_S, MAX_CROP_BYTES
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.surveys import survey_figures

GOLDEN = json.loads(Path(__file__).with_name("golden_captures.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)
RUN = "0198a4b0-aaaa-4bbb-8ccc-dddddddddddd"
CAPTURE = "0198a4b0-aaaa-7bbb-8ccc-dddddddddddd"
POLICY = CapturePolicy(24.5, 40.0, 30.0, 4, 90, 0.75)
FACE_SENT = FaceCapture(
    capture_id=CAPTURE,
    track_id="17",
    captured_at=NOON,
    jpeg=b"\xff\xd8crop",
    landmarks=((1.5, 2.5), (3.5, 4.5), (5.5, 6.5), (7.5, 8.5), (9.5, 10.5)),
    detector_score=0.75,
    quality=FaceQuality(60.5, -12.25, 7.75, 0.625, 0.5, 0.875),
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    run_id=RUN,
    clock_ahead=timedelta(seconds=-3, milliseconds=-500),
)
PLAIN_FACE = FaceCapture(CAPTURE, "1", NOON, b"j", FACE_SENT.landmarks, 0.5, FACE_SENT.quality)
FIGURES = survey_figures(watched_s=600.5)
NOBODY = SurveyFigures("0.2.0", "light", 640, 480, 60.0, 5.0, 0, 0, 0, Grade.UNKNOWN, (Advice.NOBODY,))
HEARTBEAT = Heartbeat(
    frames_per_second=14.5,
    outbox_depth=3,
    outbox_age_s=1.25,
    view_state=ViewState.TURNED_AWAY,
    passages_total=1234,
    spool=SpoolStatus(SpoolState.DISK_FULL, 5, 2**40, 3600.5),
    drops=Drops(1, 2, 3, 4),
    dropped_total=10,
)
SET, BEFORE = CapturePolicyChanges(max_yaw_degrees=30.0, jpeg_quality=90), CapturePolicyChanges(jpeg_quality=80)
UNSET = CapturePolicyChanges()
RECEIPTS = Receipts(
    (
        CaptureReceipt(CAPTURE, CaptureOutcome.ACCEPTED),
        CaptureReceipt("?", CaptureOutcome.REJECTED, "CAPTURE_ID_INVALID"),
        CaptureReceipt(CAPTURE, CaptureOutcome.RETRY, "SERVER_BUSY"),
    ),
    2,
)
CERTIFICATES = (DeviceCertificate("abc", NOON, None), DeviceCertificate("123", NOON, NOON))
Codecs = Any
"""A Codec or a OneOf."""
WRITTEN: dict[str, tuple[Codecs, Any]] = {
    "hello": (FROM_CAMERA, CameraHello("dep-1", RUN, "light" * 12 + "ligh", "0.2.0", gives_aiming_pictures=True)),
    "heartbeat": (FROM_CAMERA, HEARTBEAT),
    "heartbeat, empty": (FROM_CAMERA, Heartbeat()),
    "aiming picture": (FROM_CAMERA, AimingAnswer(7, AimingPicture(b"jpeg", 0.5, 1920, 1080, 2))),
    "aiming refusal": (FROM_CAMERA, AimingAnswer(8, AimingRefusal.TURNED_AWAY)),
    "goodbye": (FROM_CAMERA, Goodbye(("the client stops" * 20)[:200])),
    "unusable passage": (FROM_CAMERA, UnusablePassage(NOON, UnusableReason.COVERED, 3.5, sent=True)),
    "face": (FROM_CAMERA, FACE_SENT),
    "face, plain": (FROM_CAMERA, PLAIN_FACE),
    "face on the disk": (FACE, replace(PLAIN_FACE, run_id=RUN)),
    "survey": (SURVEY, FIGURES),
    "survey of nobody": (SURVEY, NOBODY),
    "welcome": (TO_CAMERA, Welcome(32, 5.0, POLICY, NOON)),
    "welcome of a server that takes unusable passages": (
        TO_CAMERA,
        Welcome(32, 5.0, POLICY, NOON, takes_unusable_passages=True),
    ),
    "receipts": (TO_CAMERA, RECEIPTS),
    "policy": (TO_CAMERA, POLICY),
    "drain": (TO_CAMERA, Drain(1.5)),
    "aiming request": (TO_CAMERA, AimingRequest(7)),
    "camera": (PLACE, CameraReference("dep-1", "batam-center", "D1", Direction.DEPARTURE)),
    "camera policy": (
        CAMERA_POLICY,
        CameraPolicy(
            camera_id="dep-1",
            in_force=POLICY,
            of_settings=CapturePolicy(),
            changes=SET,
            before=BEFORE,
            number=3,
            set_at=NOON,
        ),
    ),
    "camera policy of the settings": (
        CAMERA_POLICY,
        CameraPolicy(
            camera_id="dep-1", in_force=POLICY, of_settings=POLICY, changes=UNSET, before=UNSET, number=0, set_at=None
        ),
    ),
    "picture of a camera": (PICTURE, TakenPicture(b"jpeg", NOON, 1920, 1080, 2)),
    "kept survey": (KEPT_SURVEY, KeptSurvey(NOON, FIGURES)),
    "kept survey of nobody": (KEPT_SURVEY, KeptSurvey(NOON, NOBODY)),
    "device": (
        DEVICE,
        DeviceRecord(
            DeviceRole.CAMERA, "batam-center", "dep-1", "D1", CERTIFICATES, NOON, connected=True, heard_at=NOON
        ),
    ),
    "device, new": (
        DEVICE,
        DeviceRecord(DeviceRole.NOTIFIER, "batam-center", "pc-1", "", (), None, connected=False, heard_at=None),
    ),
}


def test_every_message_has_its_golden_bytes() -> None:
    assert WRITTEN.keys() == GOLDEN.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_written_as_it_was(name: str) -> None:
    codec, value = WRITTEN[name]
    assert codec.write(value).SerializeToString(deterministic=True).hex() == GOLDEN[name]


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_read_as_what_was_written(name: str, reading: Reading) -> None:
    codec, value = WRITTEN[name]
    assert codec.read(golden(name), reading) == value


def golden(name: str, **changes: object) -> Any:
    """The golden message, with changes to the message that it carries or is."""
    codec, value = WRITTEN[name]
    message: Message = type(codec.write(value)).FromString(bytes.fromhex(GOLDEN[name]))
    changed: Any = message
    if changes and "message" in message.DESCRIPTOR.oneofs_by_name:
        changed = getattr(message, message.WhichOneof("message"))
    for field, content in changes.items():
        if isinstance(content, Message):
            getattr(changed, field).CopyFrom(content)
        elif content is None:
            changed.ClearField(field)
        else:
            setattr(changed, field, content)
    return message


def test_what_is_stored_on_a_capture_hosts_disk_is_what_is_sent() -> None:
    content = capture_message.to_bytes(PLAIN_FACE, RUN)
    assert content.hex() == GOLDEN["face on the disk"]
    assert capture_message.from_bytes(content) == replace(PLAIN_FACE, run_id=RUN)
    assert capture_message.to_request(FACE_SENT).SerializeToString().hex() == GOLDEN["face"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"capture_id": RUN}, Code.CAPTURE_ID_INVALID),
        ({"capture_id": CAPTURE.upper()}, Code.CAPTURE_ID_INVALID),
        ({"capture_id": ""}, Code.CAPTURE_ID_INVALID),
        ({"track_id": ""}, Code.TRACK_ID_INVALID),
        ({"track_id": "x" * 65}, Code.TRACK_ID_INVALID),
        ({"track_id": "1\n"}, Code.TRACK_ID_INVALID),
        ({"jpeg": bytes(MAX_CROP_BYTES + 1)}, Code.CROP_TOO_LARGE),
        ({"run_id": "earlier"}, Code.RUN_ID_INVALID),
        ({"capture_time": None}, Code.CAPTURE_TIME_UNPLACEABLE),
        ({"capture_time": Timestamp(seconds=2**62)}, Code.CAPTURE_TIME_UNPLACEABLE),
        ({"clock_ahead": Duration(seconds=2**62)}, Code.CAPTURE_TIME_UNPLACEABLE),
        ({"landmarks": None}, Code.LANDMARKS_INVALID),
        ({"landmarks": capture_pb2.FaceLandmarks(nose=capture_pb2.Point(x=-1))}, Code.LANDMARKS_INVALID),
        ({"landmarks": capture_pb2.FaceLandmarks(nose=capture_pb2.Point(y=2**17))}, Code.LANDMARKS_INVALID),
        ({"landmarks": capture_pb2.FaceLandmarks(nose=capture_pb2.Point(y=float("nan")))}, Code.LANDMARKS_INVALID),
        ({"detector_score": 1.5}, Code.QUALITY_INVALID),
        ({"detector_score": float("nan")}, Code.QUALITY_INVALID),
        ({"quality": capture_pb2.FaceQuality(score=-0.5)}, Code.QUALITY_INVALID),
    ],
)
def test_a_face_out_of_its_bounds_is_refused_with_its_code(changes: dict[str, object], code: Code) -> None:
    with pytest.raises(Refused) as refused:
        FROM_CAMERA.read(golden("face", **changes), Reading.STRICT)
    assert REJECTED_FOR[refused.value.field] is code


def test_what_a_face_may_lack() -> None:
    found = FROM_CAMERA.read(
        golden("face", quality=None, run_id="", clock_ahead=None, trace_parent="?"), Reading.STRICT
    )
    assert found == replace(FACE_SENT, quality=UNMEASURED, run_id="", clock_ahead=None, trace="")


@pytest.mark.parametrize("reading", Reading)
def test_a_heartbeat_says_what_it_can_whatever_it_holds(reading: Reading) -> None:
    spool = capture_pb2.SpoolStatus(state=77, age=Duration(seconds=2**60))  # type: ignore[arg-type]  # a newer state
    odd = {"frames_per_second": float("inf"), "outbox_age": Duration(seconds=-5), "view_state": 77, "spool": spool}
    expected = replace(
        HEARTBEAT,
        frames_per_second=0.0,
        outbox_age_s=0.0,
        view_state=ViewState.UNSPECIFIED,
        spool=SpoolStatus(age_s=MAX_SECONDS),
    )
    assert FROM_CAMERA.read(golden("heartbeat", **odd), reading) == expected
    nothing = capture_service_pb2.StreamFacesRequest(heartbeat=capture_service_pb2.Heartbeat())
    assert FROM_CAMERA.read(nothing, reading) == Heartbeat()


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("hello", {"run_id": "one"}, "run_id"),
        ("hello", {"client_version": "x" * 65}, "client_version"),
        ("hello", {"detector": "a\nb"}, "detector"),
        ("goodbye", {"reason": "x" * 201}, "reason"),
        ("aiming picture", {"frame_width": 0}, "aiming_picture"),
        ("aiming picture", {"frame_height": 16_385}, "aiming_picture"),
        ("aiming picture", {"faces": 1001}, "aiming_picture"),
    ],
)
def test_what_breaks_a_bound_is_refused_with_its_field(name: str, changes: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        FROM_CAMERA.read(golden(name, **changes), Reading.STRICT)
    assert refused.value.field == field


def test_hello_may_name_any_camera() -> None:
    """Which there are is known to the server, whose answer to any other key is that it is unknown."""
    found = FROM_CAMERA.read(golden("hello", camera_id="?" * 100), Reading.STRICT)
    assert isinstance(found, CameraHello)
    assert found.camera_id == "?" * 100


def test_a_picture_is_at_most_a_minute_old_and_a_refusal_of_a_newer_camera_is_one() -> None:
    old = FROM_CAMERA.read(golden("aiming picture", age=Duration(seconds=2**40)), Reading.STRICT)
    assert old == AimingAnswer(7, AimingPicture(b"jpeg", MAX_AIMING_AGE_S, 1920, 1080, 2))
    newer = FROM_CAMERA.read(golden("aiming refusal", refusal=77), Reading.STRICT)
    assert newer == AimingAnswer(8, AimingRefusal.NO_FRAMES)


@pytest.mark.parametrize(
    "times",
    [
        {"client_time": Timestamp(seconds=2**62)},
        {"client_time": Timestamp(seconds=-(2**62))},
        {"client_uptime": Duration(seconds=2**62)},
    ],
)
def test_no_time_is_refused(times: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        CLIENT_TIME.read(capture_service_pb2.StreamFacesRequest(**times), Reading.STRICT)


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("receipts", {"receipts": None}, Receipts((), 2)),
        ("drain", {"reconnect_after": Duration(seconds=-1)}, Drain(0.0)),
        ("welcome", {"server_time": None}, Welcome(32, 5.0, POLICY, None)),
    ],
)
def test_what_a_server_may_say(name: str, changes: dict[str, object], expected: object) -> None:
    assert TO_CAMERA.read(golden(name, **changes)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"credits": 0},
        {"credits": 1001},
        {"heartbeat_period": Duration()},
        {"policy": None},
        {"server_time": Timestamp(seconds=2**62)},
    ],
)
def test_what_no_server_may_say(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of the value or of the codec
        TO_CAMERA.read(golden("welcome", **changes))


def survey_of(**changes: object) -> camera_service_pb2.Survey:
    found: camera_service_pb2.Survey = golden("survey", **changes)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_width": 0},
        {"frame_height": 16_385},
        {"watched": Duration(seconds=-1)},
        {"watched": Duration(seconds=172_801)},
        {"frames_per_second": float("nan")},
        {"frames_per_second": 1000.5},
        {"passages": 10_000_001},
        {"passages_fit": 41},
        {"passages_sendable": 41},
        {"passages": 0, "passages_fit": 0, "passages_sendable": 0},
        {"sharpness": None},
        {"sharpness": camera_service_pb2.SurveySpread(p10=0.5, p50=0.25, p90=0.75)},
        {"sharpness": camera_service_pb2.SurveySpread(p10=0.5, p50=0.6, p90=1.5)},
        {"sharpness": camera_service_pb2.SurveySpread(p10=0.5, p50=float("nan"), p90=0.75)},
    ],
)
def test_a_survey_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(CekalwatchError) as refused:
        read_survey(survey_of(**changes))
    assert refused.value.code is Code.SURVEY_INVALID


def test_a_survey_has_no_more_advice_than_there_is_and_what_is_not_known_is_left_out() -> None:
    newer = survey_of(grade=77)
    newer.advice.extend([77] * (len(Advice) - 2))  # type: ignore[list-item]  # a newer member
    assert read_survey(newer) == replace(FIGURES, grade=Grade.UNKNOWN)
    newer.advice.append(77)  # type: ignore[arg-type]  # a newer member
    with pytest.raises(CekalwatchError) as refused:
        read_survey(newer)
    assert refused.value.code is Code.SURVEY_INVALID


@pytest.mark.parametrize("field", ["client_version", "detector"])
def test_a_surveys_texts_are_short_and_printable(field: str) -> None:
    for text in ("x" * 65, "a\nb"):
        with pytest.raises(Refused) as refused:
            read_survey(survey_of(**{field: text}))
        assert refused.value.field == field


@pytest.mark.parametrize(
    "changes",
    [{"max_yaw_degrees": float("nan")}, {"jpeg_quality": 101}, {"min_detector_score": -1}, {"max_pitch_degrees": 0}],
)
def test_what_no_policy_can_have_is_out_of_bounds(changes: dict[str, Any]) -> None:
    with pytest.raises(CekalwatchError) as refused:
        read_changes(camera_service_pb2.CapturePolicyChanges(**changes))
    assert refused.value.code is Code.POLICY_OUT_OF_BOUNDS


def test_figures_of_a_policy_have_four_digits() -> None:
    found = CHANGES.read(camera_service_pb2.CapturePolicyChanges(min_detector_score=0.7, max_yaw_degrees=33.33333))
    assert found == CapturePolicyChanges(min_detector_score=0.7, max_yaw_degrees=33.3333)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"role": 0}, "role"),
        ({"role": 77}, "role"),
        ({"valid_minutes": 1441}, "valid_minutes"),
        ({"counters": ["x" * 65]}, "counters"),
        ({"counters": ["a\nb"]}, "counters"),
        ({"counters": [str(number) for number in range(65)]}, "counters"),
    ],
)
def test_a_device_that_cannot_be_invited_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    usual: dict[str, Any] = {"role": device_pb2.DEVICE_ROLE_CAMERA, "site": "?" * 100, "name": "?" * 100}
    DEVICE_TO_INVITE.read(device_service_pb2.InviteDeviceRequest(**usual), Reading.STRICT)
    with pytest.raises(Refused) as refused:
        DEVICE_TO_INVITE.read(device_service_pb2.InviteDeviceRequest(**usual | changes), Reading.STRICT)
    assert refused.value.field == field


def test_texts_of_a_server_are_made_safe() -> None:
    device = DEVICE.read(golden("device", site="a\x1b[2J", counter="b\u202e"))
    assert (device.site, device.counter) == ("a[2J", "b")
    assert KEPT_SURVEY.read(camera_service_pb2.KeptSurvey(survey=survey_of(client_version="1\n2"))).figures == replace(
        FIGURES, client_version="1 2"
    )
    assert PLACE.read(golden("camera", direction=77)).direction is None
