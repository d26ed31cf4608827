"""A face crop on its way to the server. It knows no protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cekalwatch.vision.quality import FaceQuality

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
    trace: str = ""
    """The context in which it is traced (`program/traces.py`); empty where it is not."""
    run_id: str = ""
    """The run of the program that took it, when that was an earlier one; each run numbers its tracks from 1."""

    clock_ahead: timedelta | None = None
    """By how much the clock of `captured_at` was ahead of the server's, of an earlier run that knew; else None."""

    @property
    def passage(self) -> tuple[str, str]:
        """Run of the program and track within it; the run is empty for the present one."""
        return self.run_id, self.track_id
