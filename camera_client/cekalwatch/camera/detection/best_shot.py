"""Chooses which crops of a passage are sent: the first usable one at once, then better and later ones, never too many.

The server fuses the templates of a passage's crops, so several different ones are better than one; but the end of a
track is not known in advance. So the gaps grow with each crop sent, and one crop is reserved for the end, or for the
best moment of a long passage. A share is kept for later, and shows who is there then: a track that has gone over to
another person unnoticed must not have used up its crops on the first (docs/adr/0070). A crop is the face with its
surroundings, as a JPEG within the contract's limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
LATER_SHARE = 0.25
"""Part of a passage's crops that is kept for later."""
LATER_GAP_S = 5.0
"""Time from one crop to a later one."""
LATELY = 5
"""Stretches of APART_S, from the last one back, that show who is there now."""


@dataclass
class _Passage:
    sent: int = 0
    later_sent: int = 0
    """Number of these crops that were kept for later."""
    best_sent: float = 0.0
    last_sent_s: float = -APART_S
    held: dict[int, Crop] = field(default_factory=dict)
    """Not sent yet: the best crop of each stretch of APART_S, by the number of the stretch."""
    lately: dict[int, Crop] = field(default_factory=dict)
    """Those of the last stretches in which there was one, however good others were."""

    def hold(self, stretch: int, crop: Crop, most: int) -> None:
        for crops in (self.held, self.lately):
            if stretch not in crops or _score(crops[stretch]) < _score(crop):
                crops[stretch] = crop
        if len(self.held) > most:
            # Of equal ones the newest goes: how long ago the best moment was must not be forgotten.
            del self.held[min(self.held, key=lambda number: (_score(self.held[number]), -number))]
        for number in [number for number in self.lately if number <= stretch - LATELY]:
            del self.lately[number]

    def take(self, stretch: int, at_s: float) -> Crop:
        """Take out a crop that is sent now."""
        found = self.held.pop(stretch, None), self.lately.pop(stretch, None)
        crop = next(one for one in found if one)
        self.sent += 1
        self.best_sent = max(self.best_sent, _score(crop))
        self.last_sent_s = at_s
        return crop


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
        passage.hold(stretch, crop, self.policy.max_crops_per_track)
        due = self._due(passage, frame.at_s)
        if due is None:
            return None
        self.passages += not passage.sent
        return encode(passage.take(due, frame.at_s), self.policy.jpeg_quality)

    def end(self, track: int) -> list[FaceCapture]:
        """Forget a finished track; return its remaining crops to send, best first."""
        passage = self._passages.pop(track, _Passage())
        # Every passage that holds a crop has sent one, so that it is counted already.
        room = max(0, self.policy.max_crops_per_track - passage.sent)
        later = _ranked(passage.lately)[: min(room, self._later - passage.later_sent)]
        ranked = [crop for crop in _ranked(passage.held) if crop not in later][: room - len(later)]
        least = WORTH_SENDING * max([passage.best_sent, *map(_score, ranked)])
        chosen = later + [crop for crop in ranked if _score(crop) >= least]
        return [encode(crop, self.policy.jpeg_quality) for crop in sorted(chosen, key=_score, reverse=True)]

    @property
    def _later(self) -> int:
        """How many crops of a passage are kept for later."""
        return int(LATER_SHARE * self.policy.max_crops_per_track)

    def _turned_to_camera(self, quality: FaceQuality) -> bool:
        return (
            quality.score > 0
            and abs(quality.yaw_degrees) <= self.policy.max_yaw_degrees
            and abs(quality.pitch_degrees) <= self.policy.max_pitch_degrees
        )

    def _due(self, passage: _Passage, at_s: float) -> int | None:
        """Return the stretch whose crop is to be sent now."""
        stretch, best = max(passage.held.items(), key=lambda item: _score(item[1]))
        if not passage.sent:
            return stretch
        better = _score(best) >= CLEARLY_BETTER * passage.best_sent
        waited_s = at_s - passage.last_sent_s
        early = passage.sent - passage.later_sent
        if early + self._later + 1 < self.policy.max_crops_per_track:
            waited = waited_s >= min(MAX_GAP_S, FIRST_GAP_S * 2 ** (early - 1))
            return stretch if better or (waited and _score(best) >= WORTH_SENDING * passage.best_sent) else None
        if passage.later_sent < self._later and waited_s >= LATER_GAP_S:
            passage.later_sent += 1
            return max(passage.lately, key=lambda number: _score(passage.lately[number]))
        # The last one is for the best moment of all. It goes before the end of somebody who stays and waits.
        is_last = early + self._later < self.policy.max_crops_per_track
        return stretch if is_last and better and at_s - stretch * APART_S >= PEAK_PASSED_S else None


def _ranked(crops: Mapping[int, Crop]) -> list[Crop]:
    return sorted(crops.values(), key=_score, reverse=True)


def _score(crop: Crop) -> float:
    return crop.quality.score
