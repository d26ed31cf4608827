"""A face capture as the contract's message, which is sent to the server and stored in the spool."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.message import DecodeError

from cekalwatch.contract.codec.captures import FACE, FROM_CAMERA
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.v1.capture_service_pb2 import StreamFacesRequest
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES


def to_request(capture: FaceCapture) -> StreamFacesRequest:
    """Write a capture for the server; raises ValueError over the message bound, which the crop's bound rules out."""
    message = FROM_CAMERA.write(capture)
    if message.ByteSize() > MAX_MESSAGE_BYTES:
        raise ValueError(f"a face of {message.ByteSize()} bytes is over the message bound")
    return message


def to_bytes(capture: FaceCapture, run_id: str) -> bytes:
    """Write a capture for the disk; `run_id` is that of the present run."""
    return FACE.write(replace(capture, run_id=capture.run_id or run_id)).SerializeToString()


def from_bytes(data: bytes) -> FaceCapture:
    """Read what `to_bytes` wrote; raises ValueError."""
    try:
        return FACE.read(FACE.message.FromString(data))
    except DecodeError:
        raise ValueError("this is no capture") from None
