"""The messages of a capture stream: writes the client's, and reads and checks the server's. Faces are written by
`outbox.capture_message`, which stores them too."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from google.protobuf.duration_pb2 import Duration

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.aiming import AimingAnswer, AimingPicture, AimingRefusal
from cekalwatch.contract.values.cameras import Heartbeat, SpoolState, ViewState
from cekalwatch.contract.values.captures import CaptureOutcome, CapturePolicy
from cekalwatch.v1 import capture_pb2, capture_service_pb2
from cekalwatch.v1.capture_service_pb2 import StreamFacesRequest, StreamFacesResponse
from cekalwatch.wire.bounds import MAX_REASON, MAX_WORD

_OUTCOMES = ProtoEnum(capture_pb2.CaptureOutcome, "CAPTURE_OUTCOME", CaptureOutcome)
_VIEW_STATES = ProtoEnum(capture_pb2.ViewState, "VIEW_STATE", ViewState)
_SPOOL_STATES = ProtoEnum(capture_pb2.SpoolState, "SPOOL_STATE", SpoolState)
_AIMING_REFUSALS = ProtoEnum(capture_pb2.AimingRefusal, "AIMING_REFUSAL", AimingRefusal)


class ProtocolError(Exception):
    """The server sent what the contract does not allow."""


@dataclass(frozen=True)
class Hello:
    """Who this client is."""

    camera_id: str
    run_id: str
    """UUID of this run of the program."""
    detector: str
    gives_aiming_pictures: bool = False
    """Whether it can be asked for a picture by which the camera is aimed."""


@dataclass(frozen=True)
class Welcome:
    """The server accepts the camera."""

    credits: int
    heartbeat_period_s: float
    policy: CapturePolicy
    server_time: datetime | None = None
    """What the server's clock showed when it answered; None if it did not say."""


@dataclass(frozen=True)
class Receipt:
    """What the server did with a capture; `reason` is a code of its catalogue, with REJECTED and RETRY."""

    capture_id: str
    outcome: CaptureOutcome
    reason: str = ""


@dataclass(frozen=True)
class Receipts:
    """What became of captures, and the credits that come back, of these or of others."""

    receipts: tuple[Receipt, ...]
    credits: int


@dataclass(frozen=True)
class Drain:
    """The server is about to stop."""

    reconnect_after_s: float


@dataclass(frozen=True)
class AimingRequest:
    """Somebody who aims the camera asks for a picture."""

    request_id: int


ServerMessage = Welcome | Receipts | CapturePolicy | Drain | AimingRequest


def hello(value: Hello) -> StreamFacesRequest:
    """Write the handshake."""
    return StreamFacesRequest(
        hello=capture_service_pb2.Hello(
            camera_id=value.camera_id,
            client_version=version("cekalwatch"),
            run_id=value.run_id,
            detector=value.detector[:MAX_WORD],
            gives_aiming_pictures=value.gives_aiming_pictures,
        )
    )


def heartbeat(value: Heartbeat) -> StreamFacesRequest:
    """Write the client's state."""
    spool, drops = value.spool, value.drops
    return StreamFacesRequest(
        heartbeat=capture_service_pb2.Heartbeat(
            frames_per_second=value.frames_per_second,
            dropped_total=value.dropped_total,
            outbox_depth=value.outbox_depth,
            outbox_age=_duration(value.outbox_age_s),
            view_state=_VIEW_STATES.number(value.view_state),
            passages_total=value.passages_total,
            spool=capture_pb2.SpoolStatus(
                state=_SPOOL_STATES.number(spool.state),
                depth=spool.depth,
                bytes=spool.size,
                age=_duration(spool.age_s),
            ),
            drops=capture_pb2.DropCounts(**asdict(drops)),
        )
    )


def _duration(seconds: float) -> Duration:
    message = Duration()
    message.FromTimedelta(timedelta(seconds=seconds))
    return message


def aiming_picture(answer: AimingAnswer) -> StreamFacesRequest:
    """Write the picture that was asked for, or why there is none."""
    message = capture_pb2.AimingPicture(request_id=answer.request_id)
    match answer.given:
        case AimingPicture() as picture:
            message.jpeg, message.faces = picture.jpeg, picture.faces
            message.age.CopyFrom(_duration(picture.age_s))
            message.frame_width, message.frame_height = picture.frame_width, picture.frame_height
        case AimingRefusal() as refusal:
            message.refusal = _AIMING_REFUSALS.number(refusal)
    return StreamFacesRequest(aiming_picture=message)


def goodbye(reason: str) -> StreamFacesRequest:
    """Write the end of the stream."""
    return StreamFacesRequest(goodbye=capture_service_pb2.Goodbye(reason=reason[:MAX_REASON]))


def server_message(message: StreamFacesResponse) -> ServerMessage | None:
    """Read a message of the server; None for one of a newer contract. Raises ProtocolError."""
    match message.WhichOneof("message"):
        case "welcome":
            return _welcome(message.welcome)
        case "receipts":
            return Receipts(tuple(map(_receipt, message.receipts.receipts)), message.receipts.credits)
        case "policy":
            return _policy(message.policy)
        case "drain":
            return Drain(max(0.0, _seconds(message.drain.reconnect_after)))
        case "aiming_request":
            return AimingRequest(message.aiming_request.request_id)
        case _:
            return None


def _welcome(message: capture_service_pb2.Welcome) -> Welcome:
    period_s = _seconds(message.heartbeat_period)
    if period_s <= 0:
        raise ProtocolError("the heartbeat period is not above zero")
    if not 1 <= message.credits <= 1000:
        raise ProtocolError("the credits are not 1 to 1000")
    return Welcome(message.credits, period_s, _policy(message.policy), _server_time(message))


def _server_time(message: capture_service_pb2.Welcome) -> datetime | None:
    try:
        return message.server_time.ToDatetime(UTC) if message.HasField("server_time") else None
    except (ValueError, OverflowError):
        raise ProtocolError("the server's time is none") from None


def _policy(message: capture_pb2.CapturePolicy) -> CapturePolicy:
    try:
        return CapturePolicy(
            min_eye_distance_px=message.min_eye_distance_px,
            max_yaw_degrees=message.max_yaw_degrees,
            max_pitch_degrees=message.max_pitch_degrees,
            max_crops_per_track=message.max_crops_per_track,
            jpeg_quality=message.jpeg_quality,
            min_detector_score=message.min_detector_score,
        )
    except ValueError as error:
        raise ProtocolError(str(error)) from None


def _receipt(message: capture_pb2.CaptureReceipt) -> Receipt:
    # An outcome of a newer contract is no promise that the capture was dealt with: it is sent again.
    return Receipt(message.capture_id, _OUTCOMES.member(message.outcome) or CaptureOutcome.RETRY, message.reason)


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
