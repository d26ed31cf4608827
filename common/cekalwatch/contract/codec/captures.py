"""The messages of a capture stream, in both directions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cekalwatch.contract.codec.converters import TRACE, known_or, seconds_up_to, unchanged
from cekalwatch.contract.codec.unusable_faces import UNUSABLE_PASSAGE
from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.engine.scalars import Reading, Refused, read_uuid
from cekalwatch.contract.values.cameras import (
    AimingAnswer,
    AimingPicture,
    AimingRefusal,
    AimingRequest,
    Drops,
    Heartbeat,
    SpoolState,
    SpoolStatus,
    ViewState,
)
from cekalwatch.contract.values.capture_policy import DIGITS, POLICY_BOUNDS, WHOLE, CapturePolicy
from cekalwatch.contract.values.captures import (
    LANDMARKS,
    CameraHello,
    CaptureReceipt,
    ClientTime,
    Drain,
    ExercisePlayed,
    ExerciseRequest,
    FaceCapture,
    FromCamera,
    Goodbye,
    Point,
    Receipts,
    ToCamera,
    Welcome,
)
from cekalwatch.v1 import capture_pb2, capture_service_pb2
from cekalwatch.v1.capture_service_pb2 import StreamFacesRequest, StreamFacesResponse
from cekalwatch.wire.bounds import MAX_AIMING_AGE_S, MAX_WORD

MAX_SECONDS = 10 * 365 * 86_400.0
"""Longest age that is kept; a peer may send any number."""
MAX_COORDINATE = 2**16

ROUNDED = dict.fromkeys(
    POLICY_BOUNDS.keys() - WHOLE,
    Converter(lambda content, _reading: round(content, DIGITS), float),
)
"""A policy's figures that are floats."""
VIEW_STATES = bound_enum(ViewState, capture_pb2.ViewState.DESCRIPTOR)
VIEW_STATE = known_or(VIEW_STATES, ViewState.UNSPECIFIED)
_SPOOL_STATE = known_or(bound_enum(SpoolState, capture_pb2.SpoolState.DESCRIPTOR), SpoolState.UNSPECIFIED)
_REFUSAL = known_or(bound_enum(AimingRefusal, capture_pb2.AimingRefusal.DESCRIPTOR), AimingRefusal.NO_FRAMES)
AGE = seconds_up_to(MAX_SECONDS)
_RATE = Converter(lambda rate, _reading: rate if math.isfinite(rate) and rate >= 0 else 0.0, float)


def _is_key(content: str, version: int | None = None) -> bool:
    try:
        found = read_uuid(content)
    except ValueError:
        return False
    return version in {None, found.version}


def _read_landmarks(message: capture_pb2.FaceLandmarks, reading: Reading) -> tuple[Point, ...]:
    points = tuple((getattr(message, name).x, getattr(message, name).y) for name in LANDMARKS)
    # Written so that NaN is out of bounds as well.
    if reading is Reading.STRICT and not all(0 <= value <= MAX_COORDINATE for point in points for value in point):
        raise ValueError("landmarks that are in no crop")
    return points


def _write_landmarks(points: Sequence[Point]) -> capture_pb2.FaceLandmarks:
    return capture_pb2.FaceLandmarks(
        **{name: capture_pb2.Point(x=x, y=y) for name, (x, y) in zip(LANDMARKS, points, strict=True)}
    )


class _AimingAnswers(Codec[AimingAnswer, capture_pb2.AimingPicture]):
    """An answer without a picture has a reason."""

    picture = Codec(
        AimingPicture,
        capture_pb2.AimingPicture,
        names={"age_s": "age"},
        special={"age_s": seconds_up_to(MAX_AIMING_AGE_S)},
        unread=("request_id", "refusal"),
    )

    def read(self, message: capture_pb2.AimingPicture, reading: Reading = Reading.LENIENT) -> AimingAnswer:
        if not message.jpeg:
            return AimingAnswer(message.request_id, _REFUSAL.read(message.refusal, reading))
        try:
            return AimingAnswer(message.request_id, self.picture.read(message, reading))
        except Refused:
            raise Refused("aiming_picture") from None

    def write(self, value: AimingAnswer) -> capture_pb2.AimingPicture:
        match value.given:
            case AimingPicture() as picture:
                message = self.picture.write(picture)
            case refusal:
                message = capture_pb2.AimingPicture(refusal=_REFUSAL.write(refusal))
        message.request_id = value.request_id
        return message


HELLO = Codec(
    CameraHello,
    capture_service_pb2.Hello,
    special={"camera_id": unchanged(), "run_id": unchanged(_is_key)},
)
FACE = Codec(
    FaceCapture,
    capture_pb2.FaceCapture,
    names={"captured_at": "capture_time", "trace": "trace_parent"},
    special={
        "capture_id": unchanged(lambda content: _is_key(content, version=7)),
        "track_id": unchanged(lambda content: 1 <= len(content) <= MAX_WORD and content.isprintable()),
        "run_id": unchanged(lambda content: not content or _is_key(content)),
        "landmarks": Converter(_read_landmarks, _write_landmarks),
        "trace": TRACE,
    },
)
SPOOL = Codec(
    SpoolStatus,
    capture_pb2.SpoolStatus,
    names={"size": "bytes", "age_s": "age"},
    special={"state": _SPOOL_STATE, "age_s": AGE},
)
DROPS = Codec(Drops, capture_pb2.DropCounts)
HEARTBEAT = Codec(
    Heartbeat,
    capture_service_pb2.Heartbeat,
    names={"outbox_age_s": "outbox_age"},
    parts=(SPOOL, DROPS),
    special={"frames_per_second": _RATE, "outbox_age_s": AGE, "view_state": VIEW_STATE},
)
POLICY = Codec(CapturePolicy, capture_pb2.CapturePolicy, special=ROUNDED)
WELCOME = Codec(Welcome, capture_service_pb2.Welcome, names={"heartbeat_period_s": "heartbeat_period"}, parts=(POLICY,))
RECEIPTS = Codec(Receipts, capture_service_pb2.Receipts, parts=(Codec(CaptureReceipt, capture_pb2.CaptureReceipt),))
DRAIN = Codec(
    Drain,
    capture_service_pb2.Drain,
    names={"reconnect_after_s": "reconnect_after"},
    special={"reconnect_after_s": AGE},
)
FROM_CAMERA: OneOf[FromCamera, StreamFacesRequest] = OneOf(
    StreamFacesRequest,
    {
        "hello": HELLO,
        "face": FACE,
        "heartbeat": HEARTBEAT,
        "goodbye": Codec(Goodbye, capture_service_pb2.Goodbye),
        "aiming_picture": _AimingAnswers(AimingAnswer, capture_pb2.AimingPicture),
        "unusable_passage": UNUSABLE_PASSAGE,
        "exercise_played": Codec(ExercisePlayed, capture_service_pb2.ExercisePlayed),
    },
)
CLIENT_TIME = Codec(
    ClientTime,
    StreamFacesRequest,
    names={"time": "client_time", "uptime": "client_uptime"},
    unread=("hello", "face", "heartbeat", "goodbye", "aiming_picture", "unusable_passage", "exercise_played"),
)
TO_CAMERA: OneOf[ToCamera, StreamFacesResponse] = OneOf(
    StreamFacesResponse,
    {
        "welcome": WELCOME,
        "receipts": RECEIPTS,
        "policy": POLICY,
        "drain": DRAIN,
        "aiming_request": Codec(AimingRequest, capture_service_pb2.AimingRequest),
        "exercise_request": Codec(
            ExerciseRequest,
            capture_service_pb2.ExerciseRequest,
            names={"within_s": "within"},
            special={"within_s": AGE},
        ),
    },
)
