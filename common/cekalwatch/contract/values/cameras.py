"""Where a camera is, and the state of the camera and of its host as the camera client reports it, and its aiming
picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval

from cekalwatch.contract.values.orders import Direction
from cekalwatch.wire.bounds import MAX_AIMING_FACES, MAX_FRAME_SIDE


@dataclass(frozen=True)
class CameraReference:
    """A camera with its place."""

    camera_id: str
    site: str
    counter: str
    """What officers call the counter below it."""
    direction: Direction | None
    """Whether its travellers depart or arrive; None: a direction that only a newer server knows."""


class ViewState(StrEnum):
    """The state of a camera's view, by its client."""

    UNSPECIFIED = "UNSPECIFIED"
    """No frame has arrived yet, within the time for one; for the server also any unknown state."""
    OK = "OK"
    NO_FRAMES = "NO_FRAMES"
    DARK = "DARK"
    BLINDED = "BLINDED"
    COVERED = "COVERED"
    DEFOCUSED = "DEFOCUSED"
    MOVED = "MOVED"
    TURNED_AWAY = "TURNED_AWAY"
    """The camera was turned on request: it moves, or shows another view than that of this camera key. No fault."""
    NOT_AT_PRESET = "NOT_AT_PRESET"
    """The camera can turn, and should be at this key's preset, but is not known to be there. Nothing is sent."""


class SpoolState(StrEnum):
    """How the spool on a capture host's disk does."""

    UNSPECIFIED = "UNSPECIFIED"
    READY = "READY"
    DISK_FULL = "DISK_FULL"
    READ_ONLY = "READ_ONLY"
    FAILED = "FAILED"


@dataclass(frozen=True)
class SpoolStatus:
    """The captures that wait on a capture host's disk; `size` in bytes."""

    state: SpoolState = SpoolState.UNSPECIFIED
    depth: int = 0
    size: int = 0
    age_s: float = 0.0


@dataclass(frozen=True)
class Drops:
    """Captures that a client lost, by the reason."""

    no_room: int = 0
    too_old: int = 0
    unreadable: int = 0
    refused: int = 0
    """The server rejected them."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.no_room + self.too_old + self.unreadable + self.refused

    def __add__(self, other: Drops) -> Drops:
        return Drops(
            self.no_room + other.no_room,
            self.too_old + other.too_old,
            self.unreadable + other.unreadable,
            self.refused + other.refused,
        )


@dataclass(frozen=True)
class Heartbeat:
    """The state of a camera client."""

    frames_per_second: float = 0.0
    """Frames that detection processed since the last heartbeat."""
    outbox_depth: int = 0
    """Captures that wait for a receipt."""
    outbox_age_s: float = 0.0
    """Age of the oldest waiting capture."""
    view_state: ViewState = ViewState.UNSPECIFIED
    passages_total: int = 0
    """Since the client started."""
    spool: SpoolStatus = field(default_factory=SpoolStatus)
    drops: Drops = field(default_factory=Drops)
    dropped_total: int = 0
    """Captures that the client lost; more than `drops` when it is too old to give reasons."""


Side = Annotated[int, Interval(ge=1, le=MAX_FRAME_SIDE)]


@dataclass(frozen=True)
class AimingRequest:
    """A request for a picture for aiming."""

    request_id: int


class AimingRefusal(StrEnum):
    """Why a camera client gives no picture."""

    NO_FRAMES = "NO_FRAMES"
    """No frame arrived in time."""
    TURNED_AWAY = "TURNED_AWAY"
    """The camera moves, or its position is unknown or not that of its key."""


@dataclass(frozen=True)
class AimingPicture:
    """A picture of a camera in which nobody can be recognised."""

    jpeg: bytes
    """Within the bounds of the contract (`wire.bounds`)."""
    age_s: float
    """Age of its frame when the client sent it."""
    frame_width: Side
    """Of the camera's own frame, pixels."""
    frame_height: Side
    faces: Annotated[int, Interval(le=MAX_AIMING_FACES)]
    """Faces that were found and made unrecognisable."""


@dataclass(frozen=True)
class AimingAnswer:
    """A client's answer to the request with that number: a picture, or the reason why there is none."""

    request_id: int
    given: AimingPicture | AimingRefusal


@dataclass(frozen=True)
class TakenPicture:
    """A picture of a camera in which nobody can be recognised, for the person who requested it."""

    jpeg: bytes
    """Encoded by the server, and made as coarse as its client should have made it."""
    taken_at: datetime
    frame_width: int
    """Of the camera's own frame, pixels."""
    frame_height: int
    faces: int
    """Faces that were found and made unrecognisable."""
