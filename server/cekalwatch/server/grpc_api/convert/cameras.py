"""Messages of the camera service."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from cekalwatch.contract.values.captures import CapturePolicyChanges
from cekalwatch.server.capture.aiming import TakenPicture
from cekalwatch.server.capture.policies import CameraPolicyState
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.capture import policy_message
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.v1 import camera_service_pb2 as pb

DIGITS = 4
"""That count of a figure: the contract's floats have about seven."""


def policy_changes(message: pb.CapturePolicyChanges) -> CapturePolicyChanges:
    """Read what is to be set; raises POLICY_OUT_OF_BOUNDS for what no policy can have."""
    values: dict[str, Any] = {
        field.name: round(value, DIGITS) if isinstance(value, float) else value for field, value in message.ListFields()
    }
    try:
        return CapturePolicyChanges(**values)
    except (ValidationError, ValueError, OverflowError):
        raise CekalwatchError(Code.POLICY_OUT_OF_BOUNDS) from None


def camera_policy(camera_id: str, state: CameraPolicyState) -> pb.CameraPolicy:
    """Write a camera's policy."""
    message = pb.CameraPolicy(
        camera_id=camera_id,
        in_force=policy_message(state.in_force),
        of_settings=policy_message(state.of_settings),
        changes=_changes(state.set.changes) if state.set else pb.CapturePolicyChanges(),
        before=_changes(state.set.before) if state.set else pb.CapturePolicyChanges(),
    )
    if state.set:
        message.number = state.set.number
        message.set_time.CopyFrom(timestamp(state.set.set_at))
    return message


def aiming_picture(picture: TakenPicture) -> pb.GetAimingPictureResponse:
    """Write what a camera shows."""
    return pb.GetAimingPictureResponse(
        jpeg=picture.jpeg,
        capture_time=timestamp(picture.taken_at),
        frame_width=picture.frame_width,
        frame_height=picture.frame_height,
        faces=picture.faces,
    )


def _changes(changes: CapturePolicyChanges) -> pb.CapturePolicyChanges:
    return pb.CapturePolicyChanges(**{name: value for name, value in asdict(changes).items() if value is not None})
