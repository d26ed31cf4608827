"""What the server lets a camera send. It knows neither protobuf nor pictures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CapturePolicy:
    """The contract's `CapturePolicy`; raises ValueError for values outside the contract's bounds."""

    min_eye_distance_px: float = 32.0
    max_yaw_degrees: float = 40.0
    max_pitch_degrees: float = 45.0
    max_crops_per_track: int = 5
    jpeg_quality: int = 85
    min_detector_score: float = 0.7

    def __post_init__(self) -> None:
        # Written so that NaN fails too.
        if not 0 <= self.min_eye_distance_px <= 10_000:
            raise ValueError("min_eye_distance_px must be 0 to 10000")
        if not (0 < self.max_yaw_degrees <= 90 and 0 < self.max_pitch_degrees <= 90):
            raise ValueError("max_yaw_degrees and max_pitch_degrees must be above 0 and at most 90")
        if not 1 <= self.max_crops_per_track <= 20:
            raise ValueError("max_crops_per_track must be 1 to 20")
        if not 50 <= self.jpeg_quality <= 100:
            raise ValueError("jpeg_quality must be 50 to 100")
        if not 0 <= self.min_detector_score <= 1:
            raise ValueError("min_detector_score must be 0 to 1")
