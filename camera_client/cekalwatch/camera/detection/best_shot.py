"""Chooses which crops of a passage are sent: the first usable one at once, then better and later ones, never too many.

The server fuses the templates of a passage's crops, so several different ones are better than one; but the end of a
track is not known in advance. So the gaps grow with each crop sent, and one crop is reserved for the end, or for the
best moment of a long passage. A crop is the face with its surroundings, as a JPEG within the contract's limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import cv2
import numpy as np
import uuid6

from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture, FaceQuality
from cekalwatch.program.traces import TRACES
from cekalwatch.vision.faces import Face, Landmarks, Picture
from cekalwatch.wire.bounds import MAX_CROP_BYTES

MARGIN = 0.5
"""Margin around a face, in its widths, so that a person can judge it and a detector can find it."""
MAX_SIDE_PX = 640
"""Recognition uses 112 pixels of a face; more than this only costs bandwidth."""
MIN_JPEG_QUALITY = 50
JPEG_QUALITY_STEP = 10
SHRINKING = 0.75
EDGE_PX = 0.01
"""The smallest distance of landmarks from the crop's edge, so that no rounding puts them on it or beyond."""


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
    # A copy, so that a stored crop does not hold its whole frame in memory.
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


FIRST_GAP_S = 0.4
MAX_GAP_S = 5.0
APART_S = 0.2
"""Crops nearer to each other in time show the same thing: of each such stretch only the best one counts."""
CLEARLY_BETTER = 1.25
"""A crop whose score is this many times the best one sent is sent before its time."""
PEAK_PASSED_S = 2.0
"""After this time without a better crop, a person who walked up has arrived."""
WORTH_SENDING = 0.5
"""A crop with less than this share of the passage's best score would spoil the fused template."""


@dataclass
class _Passage:
    sent: int = 0
    best_sent: float = 0.0
    last_sent_s: float = -APART_S
    held: dict[int, Crop] = field(default_factory=dict)
    """Not sent yet: the best crop of each stretch of APART_S, by the number of the stretch."""


class BestShots:
    """The passages under way. Owned by one thread."""

    def __init__(self, policy: CapturePolicy) -> None:
        self.policy = policy
        """Replaced when the server sends another one; obeyed from the next face on."""
        self.passages = 0
        """Passages of which a crop was sent."""
        self._passages: dict[int, _Passage] = {}

    def wants(self, track: int, face: Face) -> bool:
        """Return False when `offer` could not use the face whatever its quality, so that it need not be measured."""
        passage = self._passages.get(track)
        return (
            face.score >= self.policy.min_detector_score
            and face.eye_distance >= self.policy.min_eye_distance_px
            and (passage is None or passage.sent < self.policy.max_crops_per_track)
        )

    def offer(self, track: int, frame: Frame, face: Face, quality: FaceQuality) -> FaceCapture | None:
        """Take a face of a track; return the crop of that track to send now, if any."""
        if not self.wants(track, face) or not self._turned_to_camera(quality):
            return None
        crop = cut(frame, face, track, quality)
        if crop is None:
            return None
        passage = self._passages.setdefault(track, _Passage())
        if frame.at_s - passage.last_sent_s < APART_S:
            return None
        stretch = int(frame.at_s // APART_S)
        if stretch not in passage.held or _score(passage.held[stretch]) < _score(crop):
            passage.held[stretch] = crop
        if len(passage.held) > self.policy.max_crops_per_track:
            # Of equal ones the newest goes: how long ago the best moment was must not be forgotten.
            del passage.held[min(passage.held, key=lambda number: (_score(passage.held[number]), -number))]
        due = self._due(passage, frame.at_s)
        return encode(due, self.policy.jpeg_quality) if due else None

    def end(self, track: int) -> list[FaceCapture]:
        """Forget a finished track; return its remaining crops to send, best first."""
        passage = self._passages.pop(track, _Passage())
        # Every passage that holds a crop has sent one, so that it is counted already.
        room = max(0, self.policy.max_crops_per_track - passage.sent)
        ranked = sorted(passage.held.values(), key=_score, reverse=True)[:room]
        least = WORTH_SENDING * max([passage.best_sent, *map(_score, ranked)])
        return [encode(crop, self.policy.jpeg_quality) for crop in ranked if _score(crop) >= least]

    def _turned_to_camera(self, quality: FaceQuality) -> bool:
        return (
            quality.score > 0
            and abs(quality.yaw_degrees) <= self.policy.max_yaw_degrees
            and abs(quality.pitch_degrees) <= self.policy.max_pitch_degrees
        )

    def _due(self, passage: _Passage, at_s: float) -> Crop | None:
        stretch, best = max(passage.held.items(), key=lambda item: _score(item[1]))
        if not self._is_due(passage, _score(best), at_s - stretch * APART_S, at_s):
            return None
        self.passages += not passage.sent
        passage.sent += 1
        passage.best_sent = max(passage.best_sent, _score(best))
        passage.last_sent_s = at_s
        del passage.held[stretch]
        return best

    def _is_due(self, passage: _Passage, score: float, age_s: float, at_s: float) -> bool:
        if not passage.sent:
            return True
        better = score >= CLEARLY_BETTER * passage.best_sent
        if passage.sent + 1 < self.policy.max_crops_per_track:
            gap_s = min(MAX_GAP_S, FIRST_GAP_S * 2 ** (passage.sent - 1))
            waited = at_s - passage.last_sent_s >= gap_s
            return better or (waited and score >= WORTH_SENDING * passage.best_sent)
        # The last one is for the best moment of all. It goes before the end of somebody who stays and waits.
        return better and age_s >= PEAK_PASSED_S


def _score(crop: Crop) -> float:
    return crop.quality.score
