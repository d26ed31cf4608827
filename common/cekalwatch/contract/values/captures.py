"""The messages of a camera client and the server: identity, captures, policies, and receipts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from annotated_types import Interval, MaxLen

from cekalwatch.contract.values.cameras import AimingAnswer, AimingRequest, Heartbeat
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.subjects import FaceMeasures
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_REASON

Point = tuple[float, float]
"""x and y in crop pixels."""
Share = Annotated[float, Interval(ge=0, le=1)]
LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""Names of the five landmarks, in their order; left and right are those of the picture."""
CLOCK_WRONG = timedelta(seconds=2)
"""A clock that differs from the server's by this much must be corrected."""


def is_wrong(clock_ahead: timedelta) -> bool:
    """Whether a clock with this lead over the server's (negative: behind) must be corrected."""
    return abs(clock_ahead) >= CLOCK_WRONG


class CaptureOutcome(StrEnum):
    """The result of a capture on the server. It reveals nothing of the list (domain rule 13)."""

    ACCEPTED = "ACCEPTED"
    """Dealt with, whatever was found."""
    REJECTED = "REJECTED"
    """Cannot be used; it depends on the capture alone."""
    RETRY = "RETRY"
    """Nothing is known of it: the client sends it again."""


@dataclass(frozen=True)
class CameraHello:
    """The identity of a camera client."""

    camera_id: str
    run_id: str
    """UUID of this run of the program."""
    detector: str
    client_version: str = ""
    gives_aiming_pictures: bool = False
    """Whether the server can request pictures for aiming the camera."""
    plays_exercises: bool = False
    """Whether it plays an ExerciseRequest."""


@dataclass(frozen=True)
class ClientTime:
    """The camera client's time in a message; None if it has none."""

    time: datetime | None
    uptime: timedelta | None
    """Since some beginning, which setting the clock does not change."""


@dataclass(frozen=True)
class FaceQuality(FaceMeasures):
    """The quality of one face, as numbers."""

    score: Share = 0.0
    """Overall, 0 (worst) to 1 (best)."""


UNMEASURED: Final = FaceQuality()


@dataclass(frozen=True)
class FaceCapture:
    """One crop of one passage."""

    capture_id: str
    """UUIDv7; the same on every sending."""
    track_id: str
    captured_at: datetime
    """By the client's clock."""
    jpeg: Annotated[bytes, MaxLen(MAX_CROP_BYTES)] = field(repr=False)
    landmarks: tuple[Point, ...]
    """Eyes, nose, mouth corners, each from the picture's left."""
    detector_score: Share
    quality: FaceQuality = UNMEASURED
    trace: str = ""
    """Its trace context (`program/traces.py`); empty if it is not traced."""
    run_id: str = ""
    """The run of the program that took it, when that was an earlier one; each run numbers its tracks from 1."""
    clock_ahead: timedelta | None = None
    """By how much the clock of `captured_at` was ahead of the server's, of an earlier run that knew; else None."""
    exercise_token: Annotated[str, MaxLen(MAX_REASON)] = ""
    """That of the ExerciseRequest from which it was made; empty: a traveller's face."""

    @property
    def passage(self) -> tuple[str, str]:
        """Run of the program and track within it; the run is empty for the present one."""
        return self.run_id, self.track_id


@dataclass(frozen=True)
class Goodbye:
    """The client ends the stream on purpose."""

    reason: Annotated[str, MaxLen(MAX_REASON)]


@dataclass(frozen=True)
class Welcome:
    """The server accepts the camera. Raises ValueError for invalid values."""

    credits: int
    """Faces that may wait at once to be taken in, 1 to 1000."""
    heartbeat_period_s: float
    policy: CapturePolicy
    server_time: datetime | None = None
    """The time of the server's clock at its answer; None when missing."""
    takes_unusable_passages: bool = False
    """Whether it takes an UnusablePassage."""

    def __post_init__(self) -> None:
        if self.heartbeat_period_s <= 0:
            raise ValueError("the heartbeat period is not above zero")
        if not 1 <= self.credits <= 1000:
            raise ValueError("the credits are not 1 to 1000")


@dataclass(frozen=True)
class CaptureReceipt:
    """The server's result for a capture; `reason` is a code of its catalogue, with REJECTED and RETRY."""

    capture_id: str
    outcome: CaptureOutcome = CaptureOutcome.RETRY
    """An outcome that only a newer server knows does not confirm that the capture was processed: it is sent again."""
    reason: str = ""


@dataclass(frozen=True)
class Receipts:
    """Receipts for captures, and credits for captures that the server has read; each may come without the other."""

    receipts: tuple[CaptureReceipt, ...]
    credits: int


@dataclass(frozen=True)
class Drain:
    """The server stops soon."""

    reconnect_after_s: float


@dataclass(frozen=True)
class ExerciseRequest:
    """Recorded crops of a colleague who agreed in writing, to be played between travellers. Kept in memory only."""

    token: Annotated[str, MaxLen(MAX_REASON)]
    jpegs: tuple[bytes, ...] = field(repr=False)
    within_s: float
    """How long to wait for a gap."""


@dataclass(frozen=True)
class ExercisePlayed:
    """What became of an ExerciseRequest."""

    token: Annotated[str, MaxLen(MAX_REASON)]
    crops: int
    """Crops that were chosen."""
    gave_way: bool = False
    """Whether travellers left no gap, or came in between."""


FromCamera = CameraHello | FaceCapture | Heartbeat | AimingAnswer | Goodbye | UnusablePassage | ExercisePlayed
ToCamera = Welcome | Receipts | CapturePolicy | AimingRequest | ExerciseRequest | Drain
