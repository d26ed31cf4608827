"""Building blocks for tests of the camera client: a clock that is set, faces, figures and captures made to measure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from cekalwatch.camera.detection.best_shot import Crop, cut, encode
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.captures import FaceCapture, FaceQuality
from cekalwatch.vision.faces import Face, Landmarks, Picture
from tests.support.builders.portraits import astronaut

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class ManualClock:
    """A clock that stands until it is moved, or until somebody sleeps."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.set_ahead_s = 0.0
        """By how much somebody has set the clock."""

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.passed_s + self.set_ahead_s)

    def monotonic_s(self) -> float:
        return self.passed_s

    def sleep_s(self, seconds: float) -> None:
        self.passed_s += seconds


ASTRONAUT_FACE = Face(
    left=180,
    top=60,
    right=272,
    bottom=180,
    score=0.99,
    landmarks=np.array([[204, 101], [247, 104], [224, 129], [202, 140], [246, 142]], np.float32),
)


def face_at(x: float, y: float, size: float = 80.0, score: float = 0.9) -> Face:
    """A face of a square box of `size` around (x, y)."""
    half = size / 2
    return Face(x - half, y - half, x + half, y + half, score, landmarks_at(x, y, size))


def landmarks_at(x: float, y: float, size: float) -> Landmarks:
    places = np.array([[-0.2, -0.15], [0.2, -0.15], [0, 0.05], [-0.17, 0.25], [0.17, 0.25]])
    return (places * size + (x, y)).astype(np.float32)


def quality_of(score: float, *, yaw: float = 0.0, pitch: float = 0.0, eye_distance: float = 60.0) -> FaceQuality:
    return FaceQuality(eye_distance, yaw, pitch, sharpness=0.8, brightness=0.5, score=score)


def crop_of(picture: Picture, face: Face, score: float = 0.8) -> Crop | None:
    """The crop of `face` in a frame with this picture."""
    return cut(Frame(picture, BEGIN, 0.0), face, 1, quality_of(score))


def capture_of(
    track: str,
    score: float = 0.8,
    captured_at: datetime = BEGIN,
    *,
    picture: Picture | None = None,
    face: Face = ASTRONAUT_FACE,
) -> FaceCapture:
    """A capture of `face` in `picture`, with a new id; of the astronaut's if no picture is given."""
    crop = crop_of(astronaut() if picture is None else picture, face, score)
    assert crop is not None
    return replace(encode(crop, 90), track_id=track, captured_at=captured_at, detector_score=0.99)


def decoded(jpeg: bytes) -> Picture:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)
