"""A face capture as the contract's message, which is sent to the server and stored in the spool."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.camera.outbox.face_capture import FaceCapture
from cekalwatch.contract.values.captures import LANDMARKS
from cekalwatch.program.traces import trace_context
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1.capture_service_pb2 import StreamFacesRequest
from cekalwatch.vision.quality import FaceQuality
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES


def to_request(capture: FaceCapture) -> StreamFacesRequest:
    """Write a capture for the server; raises ValueError over the message bound, which the crop's bound rules out."""
    message = StreamFacesRequest(face=_message(capture, capture.run_id))
    if message.ByteSize() > MAX_MESSAGE_BYTES:
        raise ValueError(f"a face of {message.ByteSize()} bytes is over the message bound")
    return message


def to_bytes(capture: FaceCapture, run_id: str) -> bytes:
    """Write a capture for the disk; `run_id` is that of the present run."""
    return _message(capture, capture.run_id or run_id).SerializeToString()


def from_bytes(data: bytes) -> FaceCapture:
    """Read what `to_bytes` wrote; raises ValueError."""
    try:
        message = capture_pb2.FaceCapture.FromString(data)
        captured_at = message.capture_time.ToDatetime(UTC)
    except (DecodeError, OverflowError):
        raise ValueError("this is no capture") from None
    marks, quality = message.landmarks, message.quality
    return FaceCapture(
        capture_id=message.capture_id,
        track_id=message.track_id,
        captured_at=captured_at,
        jpeg=message.jpeg,
        landmarks=tuple((getattr(marks, name).x, getattr(marks, name).y) for name in LANDMARKS),
        detector_score=message.detector_score,
        quality=FaceQuality(
            eye_distance_px=quality.eye_distance_px,
            yaw_degrees=quality.yaw_degrees,
            pitch_degrees=quality.pitch_degrees,
            sharpness=quality.sharpness,
            brightness=quality.brightness,
            score=quality.score,
        ),
        trace=trace_context(message.trace_parent),
        run_id=message.run_id,
        clock_ahead=message.clock_ahead.ToTimedelta() if message.HasField("clock_ahead") else None,
    )


def _message(capture: FaceCapture, run_id: str) -> capture_pb2.FaceCapture:
    captured_at = Timestamp()
    captured_at.FromDatetime(capture.captured_at)
    clock_ahead = None
    if capture.clock_ahead is not None:
        clock_ahead = Duration()
        clock_ahead.FromTimedelta(capture.clock_ahead)
    return capture_pb2.FaceCapture(
        capture_id=capture.capture_id,
        clock_ahead=clock_ahead,
        trace_parent=capture.trace,
        track_id=capture.track_id,
        run_id=run_id,
        capture_time=captured_at,
        jpeg=capture.jpeg,
        landmarks=capture_pb2.FaceLandmarks(
            **{name: capture_pb2.Point(x=x, y=y) for name, (x, y) in zip(LANDMARKS, capture.landmarks, strict=True)}
        ),
        detector_score=capture.detector_score,
        quality=capture_pb2.FaceQuality(**asdict(capture.quality)),
    )
