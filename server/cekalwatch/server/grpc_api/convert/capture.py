"""Messages of the capture stream."""

from __future__ import annotations

import math
from dataclasses import asdict, astuple
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.aiming import AimingAnswer, AimingPicture, AimingRefusal
from cekalwatch.contract.values.cameras import (
    Drops,
    Heartbeat,
    SpoolState,
    SpoolStatus,
    ViewState,
)
from cekalwatch.contract.values.captures import LANDMARKS, CaptureOutcome, CapturePolicy
from cekalwatch.program.traces import trace_context
from cekalwatch.server.capture.aiming import AimingRequest
from cekalwatch.server.capture.session import Drain, Goodbye, Hello, Inbound, Outbound, Receipts, Welcome
from cekalwatch.server.domain.cameras.clock import CameraClock
from cekalwatch.server.domain.captures import Capture, Receipt, Rejected
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.common import duration, text, timestamp, uuid
from cekalwatch.v1 import capture_pb2, capture_service_pb2
from cekalwatch.vision.fitness import flaws
from cekalwatch.vision.quality import FaceQuality
from cekalwatch.wire.bounds import (
    MAX_AIMING_AGE_S,
    MAX_AIMING_FACES,
    MAX_CROP_BYTES,
    MAX_FRAME_SIDE,
    MAX_REASON,
    MAX_WORD,
)

MAX_SECONDS = 10 * 365 * 86_400.0
"""Longest age that is kept; a client may send any number."""
VIEW_STATES = ProtoEnum(capture_pb2.ViewState, "VIEW_STATE", ViewState)
SPOOL_STATES = ProtoEnum(capture_pb2.SpoolState, "SPOOL_STATE", SpoolState)
_AIMING_REFUSALS = ProtoEnum(capture_pb2.AimingRefusal, "AIMING_REFUSAL", AimingRefusal)
_OUTCOMES = ProtoEnum(capture_pb2.CaptureOutcome, "CAPTURE_OUTCOME", CaptureOutcome)


def hello(request: capture_service_pb2.StreamFacesRequest) -> Hello:
    """Read the handshake; raises HELLO_EXPECTED, ARGUMENT_INVALID or CLIENT_TIME_INVALID."""
    if request.WhichOneof("message") != "hello":
        raise CekalwatchError(Code.HELLO_EXPECTED)
    message = request.hello
    if uuid(message.run_id) is None:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "run_id")
    return Hello(
        camera_id=message.camera_id,
        client_version=text(message.client_version, "client_version"),
        run_id=message.run_id,
        detector=text(message.detector, "detector"),
        client_time=client_time(request),
        client_uptime=client_uptime(request),
        gives_aiming_pictures=message.gives_aiming_pictures,
    )


def client_time(request: capture_service_pb2.StreamFacesRequest) -> datetime | None:
    """Read the client's clock; None when it does not say. Raises CLIENT_TIME_INVALID for what is no time."""
    try:
        return request.client_time.ToDatetime(UTC) if request.HasField("client_time") else None
    except (ValueError, OverflowError):
        raise CekalwatchError(Code.CLIENT_TIME_INVALID) from None


def client_uptime(request: capture_service_pb2.StreamFacesRequest) -> timedelta | None:
    """Read the client's uptime; None when it does not say. Raises CLIENT_TIME_INVALID for what is no duration."""
    try:
        return request.client_uptime.ToTimedelta() if request.HasField("client_uptime") else None
    except (ValueError, OverflowError):
        raise CekalwatchError(Code.CLIENT_TIME_INVALID) from None


def stream_message(
    request: capture_service_pb2.StreamFacesRequest, camera: Camera, run_id: str, clock: CameraClock, now: datetime
) -> Inbound:
    """Read a message after the handshake, and note the client's time in `clock`.

    A face that breaks a bound becomes Rejected; a broken stream raises.
    """
    if said := client_time(request):
        clock.note(said, now, client_uptime(request))
    match request.WhichOneof("message"):
        case "face":
            try:
                return capture(request.face, camera, run_id, clock, now)
            except CekalwatchError as error:
                return Rejected(request.face.capture_id[:MAX_WORD], error.code)
        case "heartbeat":
            return _heartbeat(request.heartbeat)
        case "aiming_picture":
            return _aiming_answer(request.aiming_picture)
        case "goodbye":
            return Goodbye(text(request.goodbye.reason, "reason", MAX_REASON))
        case "hello":
            raise CekalwatchError(Code.HELLO_REPEATED)
        case _:
            raise CekalwatchError(Code.MESSAGE_EMPTY)


def capture(face: capture_pb2.FaceCapture, camera: Camera, run_id: str, clock: CameraClock, now: datetime) -> Capture:
    """Read a face, with its time by the server's clock; raises the code of the first bound that it breaks.

    The JPEG itself is checked when it is decoded.
    """
    capture_id = uuid(face.capture_id)
    if capture_id is None or capture_id.version != 7:  # the contract's UUID version
        raise CekalwatchError(Code.CAPTURE_ID_INVALID)
    if not 1 <= len(face.track_id) <= MAX_WORD or not face.track_id.isprintable():
        raise CekalwatchError(Code.TRACK_ID_INVALID)
    if len(face.jpeg) > MAX_CROP_BYTES:
        raise CekalwatchError(Code.CROP_TOO_LARGE)
    if face.run_id and uuid(face.run_id) is None:
        raise CekalwatchError(Code.RUN_ID_INVALID)
    captured_at = _capture_time(face, clock, now)
    if not face.HasField("landmarks"):
        raise CekalwatchError(Code.LANDMARKS_INVALID)
    points = tuple((getattr(face.landmarks, name).x, getattr(face.landmarks, name).y) for name in LANDMARKS)
    if not all(math.isfinite(value) and 0 <= value <= 2**16 for point in points for value in point):
        raise CekalwatchError(Code.LANDMARKS_INVALID)
    if not all(0 <= figure <= 1 for figure in (face.detector_score, face.quality.score)):
        raise CekalwatchError(Code.QUALITY_INVALID)
    return Capture(
        capture_id=capture_id,
        camera=camera,
        passage=f"{camera.camera_id}/{face.run_id or run_id}/{face.track_id}",
        captured_at=captured_at,
        jpeg=face.jpeg,
        landmarks=points,
        quality=face.quality.score,
        fit=_is_fit(face.quality),
        trace=trace_context(face.trace_parent),
    )


def _is_fit(measured: capture_pb2.FaceQuality) -> bool:
    """Whether a face is fit for an alert; one without figures, or with some that are none, is not."""
    figures = FaceQuality(
        measured.eye_distance_px,
        measured.yaw_degrees,
        measured.pitch_degrees,
        measured.sharpness,
        measured.brightness,
        measured.score,
    )
    return all(map(math.isfinite, astuple(figures))) and not flaws(figures)


def _capture_time(face: capture_pb2.FaceCapture, clock: CameraClock, now: datetime) -> datetime:
    if not face.HasField("capture_time"):
        raise CekalwatchError(Code.CAPTURE_TIME_UNPLACEABLE)
    of_its_run = face.run_id and face.HasField("clock_ahead")
    try:
        taken_at = face.capture_time.ToDatetime(UTC)
        ahead = face.clock_ahead.ToTimedelta() if of_its_run else None
    except (ValueError, OverflowError):
        raise CekalwatchError(Code.CAPTURE_TIME_UNPLACEABLE) from None
    placed_at = clock.place(taken_at, now, ahead)
    if placed_at is None:
        raise CekalwatchError(Code.CAPTURE_TIME_UNPLACEABLE)
    return placed_at


def _heartbeat(message: capture_service_pb2.Heartbeat) -> Heartbeat:
    rate = message.frames_per_second
    return Heartbeat(
        frames_per_second=rate if math.isfinite(rate) and rate >= 0 else 0.0,
        dropped_total=message.dropped_total,
        outbox_depth=message.outbox_depth,
        outbox_age_s=_age_s(message.outbox_age),
        view_state=VIEW_STATES.member(message.view_state) or ViewState.UNSPECIFIED,
        spool=SpoolStatus(
            state=SPOOL_STATES.member(message.spool.state) or SpoolState.UNSPECIFIED,
            depth=message.spool.depth,
            size=message.spool.bytes,
            age_s=_age_s(message.spool.age),
        ),
        drops=Drops(message.drops.no_room, message.drops.too_old, message.drops.unreadable, message.drops.refused),
    )


def _aiming_answer(message: capture_pb2.AimingPicture) -> AimingAnswer:
    """Read the answer to a request for a picture, which is not decoded yet; raises ARGUMENT_INVALID."""
    if not message.jpeg:
        refusal = _AIMING_REFUSALS.member(message.refusal) or AimingRefusal.NO_FRAMES
        return AimingAnswer(message.request_id, refusal)
    sides = (message.frame_width, message.frame_height)
    if not all(1 <= side <= MAX_FRAME_SIDE for side in sides) or message.faces > MAX_AIMING_FACES:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "aiming_picture")
    picture = AimingPicture(message.jpeg, min(_age_s(message.age), MAX_AIMING_AGE_S), *sides, message.faces)
    return AimingAnswer(message.request_id, picture)


def _age_s(age: Duration) -> float:
    return min(max(0.0, age.seconds + age.nanos / 1e9), MAX_SECONDS)


def stream_response(message: Outbound) -> capture_service_pb2.StreamFacesResponse:
    """Write a message to a camera."""
    match message:
        case Welcome(credits=granted, heartbeat_period_s=period_s, policy=policy, server_time=now):
            return capture_service_pb2.StreamFacesResponse(
                welcome=capture_service_pb2.Welcome(
                    credits=granted,
                    heartbeat_period=duration(period_s),
                    policy=policy_message(policy),
                    server_time=timestamp(now),
                )
            )
        case Receipts(receipts=receipts, credits=given_back):
            return capture_service_pb2.StreamFacesResponse(
                receipts=capture_service_pb2.Receipts(
                    receipts=[_receipt(receipt) for receipt in receipts], credits=given_back
                )
            )
        case CapturePolicy():
            return capture_service_pb2.StreamFacesResponse(policy=policy_message(message))
        case AimingRequest(request_id=request_id):
            return capture_service_pb2.StreamFacesResponse(
                aiming_request=capture_service_pb2.AimingRequest(request_id=request_id)
            )
        case Drain(reconnect_after_s=after_s):
            return capture_service_pb2.StreamFacesResponse(
                drain=capture_service_pb2.Drain(reconnect_after=duration(after_s))
            )


def policy_message(policy: CapturePolicy) -> capture_pb2.CapturePolicy:
    """Write what a camera may send."""
    return capture_pb2.CapturePolicy(**asdict(policy))


def _receipt(receipt: Receipt) -> capture_pb2.CaptureReceipt:
    return capture_pb2.CaptureReceipt(
        capture_id=receipt.capture_id,
        outcome=_OUTCOMES.number(receipt.outcome),
        reason=receipt.reason or "",
    )
