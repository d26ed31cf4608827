"""The picture by which a camera can be aimed, as the camera client gives it, and as the server passes it on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval

from cekalwatch.wire.bounds import MAX_AIMING_FACES, MAX_FRAME_SIDE

Side = Annotated[int, Interval(ge=1, le=MAX_FRAME_SIDE)]


@dataclass(frozen=True)
class AimingRequest:
    """Somebody who aims the camera asks for a picture."""

    request_id: int


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
    frame_width: Side
    """Of the camera's own frame, pixels."""
    frame_height: Side
    faces: Annotated[int, Interval(le=MAX_AIMING_FACES)]
    """Faces that were found and made unrecognisable."""


@dataclass(frozen=True)
class AimingAnswer:
    """What a client answers the request of that number: a picture, or why there is none."""

    request_id: int
    given: AimingPicture | AimingRefusal


@dataclass(frozen=True)
class TakenPicture:
    """What a camera shows, with nobody who can be recognised, for the person who asked."""

    jpeg: bytes
    """Encoded by the server, and made as coarse as its client should have made it."""
    taken_at: datetime
    frame_width: int
    """Of the camera's own frame, pixels."""
    frame_height: int
    faces: int
    """Faces that were found and made unrecognisable."""
