"""A face crop on its way to the server, and what the server can say of it. It knows no protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cekalwatch.vision.quality import FaceQuality
from cekalwatch.wire.vocabulary.capture import CaptureOutcome

Point = tuple[float, float]
"""x and y in crop pixels."""


@dataclass(frozen=True)
class FaceCapture:
    """One crop of one passage, ready to be sent."""

    capture_id: str
    """UUIDv7; the same on every sending."""
    track_id: str
    captured_at: datetime
    jpeg: bytes = field(repr=False)
    landmarks: tuple[Point, ...]
    """Eyes, nose, mouth corners, each from the picture's left."""
    detector_score: float
    quality: FaceQuality
    run_id: str = ""
    """The run of the program that took it, when that was an earlier one; tracks are numbered anew in each."""


@dataclass(frozen=True)
class Receipt:
    """The server's word on a capture; `reason` is a code of its catalogue, with REJECTED and RETRY."""

    capture_id: str
    outcome: CaptureOutcome
    reason: str = ""
