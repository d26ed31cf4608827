"""Cuts a face with its surroundings out of a frame, and makes it a JPEG within the contract's bounds.

Crops stay in memory: nothing here writes to a disk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import cv2
import numpy as np
import uuid6

from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.captures import FaceCapture, FaceQuality
from cekalwatch.program.traces import TRACES
from cekalwatch.vision.faces import Face, Landmarks, Picture
from cekalwatch.wire.bounds import MAX_CROP_BYTES

MARGIN = 0.5
"""How much of its own width a face keeps around it, so that a person can judge it and a detector can find it."""
MAX_SIDE_PX = 640
"""Recognition uses 112 pixels of a face; more than this only costs bandwidth."""
MIN_JPEG_QUALITY = 50
JPEG_QUALITY_STEP = 10
SHRINKING = 0.75
EDGE_PX = 0.01
"""How far landmarks keep from the crop's edge, so that no rounding puts them on it or beyond."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A face's part of a frame, which may be sent."""

    track: int
    captured_at: datetime
    detector_score: float
    quality: FaceQuality
    picture: Picture
    landmarks: Landmarks
    """In pixels of `picture`, all strictly inside it."""

    def scaled(self, factor: float) -> Crop:
        """Return the crop made smaller; `factor` above 0, at most 1."""
        height, width = self.picture.shape[:2]
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        picture = cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA)
        landmarks = self.landmarks * (np.array(size) / (width, height))
        inside = np.clip(landmarks, EDGE_PX, np.array(size) - EDGE_PX)
        return replace(self, picture=np.asarray(picture, np.uint8), landmarks=inside.astype(np.float32))


def cut(frame: Frame, face: Face, track: int, quality: FaceQuality) -> Crop | None:
    """Return the crop of `face`, at most MAX_SIDE_PX long; None when not all landmarks lie within the frame."""
    height, width = frame.picture.shape[:2]
    margin = MARGIN * face.width
    edges = (face.left - margin, face.top - margin, face.right + margin, face.bottom + margin)
    if not all(map(math.isfinite, edges)):
        return None
    left, top = max(0, math.floor(edges[0])), max(0, math.floor(edges[1]))
    right, bottom = min(width, math.ceil(edges[2])), min(height, math.ceil(edges[3]))
    landmarks = face.landmarks - np.array([left, top], np.float32)
    room = np.array([right - left, bottom - top], np.float32) - EDGE_PX
    if not bool(np.all((landmarks >= EDGE_PX) & (landmarks <= room))):
        return None
    # A copy, so that a crop that is kept does not keep its whole frame in memory.
    picture = frame.picture[top:bottom, left:right].copy()
    crop = Crop(track, frame.captured_at, face.score, quality, picture, landmarks)
    longest = max(right - left, bottom - top)
    return crop.scaled(MAX_SIDE_PX / longest) if longest > MAX_SIDE_PX else crop


def encode(crop: Crop, jpeg_quality: int) -> FaceCapture:
    """Return `crop` as a JPEG of `jpeg_quality`, or of a lower one, or smaller, until it has MAX_CROP_BYTES at most."""
    while True:
        for quality in range(jpeg_quality, min(MIN_JPEG_QUALITY, jpeg_quality) - 1, -JPEG_QUALITY_STEP):
            jpeg = cv2.imencode(".jpg", crop.picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(jpeg) <= MAX_CROP_BYTES:
                trace, now = TRACES.begin(), datetime.now(UTC)
                TRACES.record("capture.prepare", TRACES.within(trace), trace, crop.captured_at, now)
                return FaceCapture(
                    capture_id=str(uuid6.uuid7()),
                    track_id=str(crop.track),
                    captured_at=crop.captured_at,
                    jpeg=jpeg,
                    landmarks=tuple((float(x), float(y)) for x, y in crop.landmarks),
                    detector_score=crop.detector_score,
                    quality=crop.quality,
                    trace=trace,
                )
        crop = crop.scaled(SHRINKING)
