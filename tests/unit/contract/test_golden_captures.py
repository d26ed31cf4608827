"""Cameras' messages are written byte for byte as they were, and read as the values that they were written from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.protobuf.message import Message

from cekalwatch.camera.outbox import capture_message
from cekalwatch.camera.outbox.face_capture import FaceCapture
from cekalwatch.camera.uplink import messages, survey_report
from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.values.aiming import AimingAnswer, AimingPicture, AimingRefusal
from cekalwatch.contract.values.cameras import Drops, Heartbeat, SpoolState, SpoolStatus, ViewState
from cekalwatch.contract.values.captures import CaptureOutcome, CapturePolicy, CapturePolicyChanges
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.surveys import Advice, Grade, Spread, SurveyFigures
from cekalwatch.server.capture import session
from cekalwatch.server.capture.aiming import AimingRequest, TakenPicture
from cekalwatch.server.capture.policies import CameraPolicyState
from cekalwatch.server.domain.cameras.kept import KeptSurvey, SetPolicy
from cekalwatch.server.domain.captures import Receipt
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.grpc_api.convert import cameras, capture, devices, surveys
from cekalwatch.server.pki.devices import KnownDevice
from cekalwatch.vision.quality import FaceQuality
from cekalwatch.wire.identity import DeviceRole, Identity

GOLDEN = json.loads(Path(__file__).with_name("golden_captures.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)
RUN = "0198a4b0-aaaa-4bbb-8ccc-dddddddddddd"
CAPTURE = "0198a4b0-aaaa-7bbb-8ccc-dddddddddddd"
POLICY = CapturePolicy(24.5, 40.0, 30.0, 4, 90, 0.75)
FACE = FaceCapture(
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
PLAIN_FACE = FaceCapture(CAPTURE, "1", NOON, b"j", FACE.landmarks, 0.5, FACE.quality)
FIGURES = SurveyFigures(
    client_version="0.2.0",
    detector="light",
    frame_width=1920,
    frame_height=1080,
    watched_s=600.5,
    frames_per_second=14.5,
    passages=40,
    passages_fit=31,
    passages_sendable=39,
    spreads={
        "eye_distance_px": Spread(41.0, 66.0, 90.0),
        "yaw_degrees": Spread(-12.0, 1.0, 14.0),
        "pitch_degrees": Spread(2.0, 9.0, 15.0),
        "sharpness": Spread(0.25, 0.5, 0.75),
        "brightness": Spread(0.375, 0.5, 0.625),
    },
    grade=Grade.FAIR,
    advice=(Advice.NEARER, Advice.FOCUS),
)
NOBODY = SurveyFigures("0.2.0", "light", 640, 480, 60.0, 5.0, 0, 0, 0, {}, Grade.UNKNOWN, (Advice.NOBODY,))
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
IDENTITY = Identity(DeviceRole.CAMERA, "batam-center", "dep-1")
CERTIFICATES = (
    SimpleNamespace(certificate=SimpleNamespace(serial_number=0xABC, not_valid_after_utc=NOON), revoked_at=None),
    SimpleNamespace(certificate=SimpleNamespace(serial_number=0x123, not_valid_after_utc=NOON), revoked_at=NOON),
)
CHANGES, BEFORE = CapturePolicyChanges(max_yaw_degrees=30.0, jpeg_quality=90), CapturePolicyChanges(jpeg_quality=80)


def written() -> dict[str, Message]:
    """Every message of a camera's, as the program writes it that sends it."""
    hello = messages.hello(messages.Hello("dep-1", RUN, "light" * 20, gives_aiming_pictures=True))
    hello.hello.client_version = "0.2.0"
    picture = AimingPicture(b"jpeg", 0.5, 1920, 1080, 2)
    set_policy = SetPolicy(3, CHANGES, BEFORE, NOON)
    return {
        "hello": hello,
        "heartbeat": messages.heartbeat(HEARTBEAT),
        "heartbeat, empty": messages.heartbeat(Heartbeat()),
        "aiming picture": messages.aiming_picture(AimingAnswer(7, picture)),
        "aiming refusal": messages.aiming_picture(AimingAnswer(8, AimingRefusal.TURNED_AWAY)),
        "goodbye": messages.goodbye("the client stops" * 20),
        "face": capture_message.to_request(FACE),
        "face, plain": capture_message.to_request(PLAIN_FACE),
        "face on the disk": stored(capture_message.to_bytes(PLAIN_FACE, RUN)),
        "survey": survey_report.message(FIGURES),
        "survey of nobody": survey_report.message(NOBODY),
        "welcome": capture.stream_response(session.Welcome(32, 5.0, POLICY, NOON)),
        "receipts": capture.stream_response(
            session.Receipts(
                (
                    Receipt(CAPTURE, CaptureOutcome.ACCEPTED),
                    Receipt("?", CaptureOutcome.REJECTED, Code.CAPTURE_ID_INVALID),
                    Receipt(CAPTURE, CaptureOutcome.RETRY, Code.SERVER_BUSY),
                ),
                2,
            )
        ),
        "policy": capture.stream_response(POLICY),
        "drain": capture.stream_response(session.Drain(1.5)),
        "aiming request": capture.stream_response(AimingRequest(7)),
        "camera": PLACE.write(Camera("dep-1", "batam-center", "D1", Direction.DEPARTURE)),
        "camera policy": cameras.camera_policy("dep-1", CameraPolicyState(POLICY, CapturePolicy(), set_policy)),
        "camera policy of the settings": cameras.camera_policy("dep-1", CameraPolicyState(POLICY, POLICY, None)),
        "picture of a camera": cameras.aiming_picture(TakenPicture(b"jpeg", NOON, 1920, 1080, 2)),
        "kept survey": surveys.kept_survey(KeptSurvey(NOON, FIGURES)),
        "kept survey of nobody": surveys.kept_survey(KeptSurvey(NOON, NOBODY)),
        "device": devices.device_message(
            KnownDevice(IDENTITY, CERTIFICATES, NOON),  # type: ignore[arg-type]  # what is read of certificates
            "D1",
            devices.DevicePresence(connected=True, heard_at=NOON),
        ),
        "device, new": devices.device_message(
            KnownDevice(Identity(DeviceRole.NOTIFIER, "batam-center", "pc-1")), "", devices.DevicePresence(False, None)
        ),
    }


def stored(content: bytes) -> Message:
    from cekalwatch.v1.capture_pb2 import FaceCapture as Stored

    return Stored.FromString(content)


def to_hexadecimal(message: Message) -> str:
    return message.SerializeToString(deterministic=True).hex()


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_is_written_as_it_was(name: str) -> None:
    assert to_hexadecimal(written()[name]) == GOLDEN[name]


def test_every_message_has_its_golden_bytes() -> None:
    assert written().keys() == GOLDEN.keys()
