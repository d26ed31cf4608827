"""The picture by which a camera can be aimed, as the camera client gives it and the server takes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AimingRefusal(StrEnum):
    """Why a camera client gives no picture."""

    NO_FRAMES = "NO_FRAMES"
    """No frame came in time."""
    TURNED_AWAY = "TURNED_AWAY"
    """The camera turns, looks elsewhere than its key stands for, or is not known to look there."""


@dataclass(frozen=True)
class AimingPicture:
    """What a camera shows, with nobody who can be recognised."""

    jpeg: bytes
    """Within the bounds of the contract (`wire.bounds`)."""
    age_s: float
    """How long ago its frame was taken, when the client sent it."""
    frame_width: int
    """Of the camera's own frame, pixels."""
    frame_height: int
    faces: int
    """Faces that were found and made unrecognisable."""


@dataclass(frozen=True)
class AimingAnswer:
    """What a client answers the request of that number: a picture, or why there is none."""

    request_id: int
    given: AimingPicture | AimingRefusal
