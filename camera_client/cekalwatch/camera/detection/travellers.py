"""Which tracks were travellers of whom no face could be used, and why (domain rule 17). It keeps no picture.

A track is a traveller if its face was near enough and long enough in view; bystanders far away and fragments of a few
frames are none. Faces that lack nothing decide together, the last VOTES of them, whether the face is covered: the check
of a single one errs too often. A track with a usable face costs nothing more.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.contract.values.unusable_faces import UnusablePassage, UnusableReason
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.covering import is_covered
from cekalwatch.vision.faces import Face
from cekalwatch.vision.fitness import unusable_reason
from cekalwatch.vision.quality import MOUTH_DROP, measure

APART_S: Final = 0.2
"""Time between two looks at the face of a track."""
MIN_S: Final = 2.0
"""Shortest time for which a traveller is in view. A person who turns away at the end of a passage leaves a track of
about a second (benchmarks/camera/unusable.py)."""
MIN_LOOKS: Final = 5
"""Fewest looks at a traveller's face: a detector that errs now and then makes no traveller."""
VOTES: Final = 5
"""Faces that decide together whether the face is covered."""
PLAIN_VOTES: Final = 4
"""Of these, faces without a cover by which the track has a usable face."""


@dataclass
class _Watched:
    """One track until a face of it could be used."""

    first_s: float
    last_s: float
    last_at: datetime
    votes: deque[bool] = field(default_factory=lambda: deque(maxlen=VOTES))
    """Whether each of the last faces that lack nothing else is covered."""
    reasons: Counter[UnusableReason] = field(default_factory=Counter)
    usable: bool = False


class Travellers:
    """The tracks under way. Owned by one thread."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}

    def look(self, track: int, frame: Frame, face: Face, policy: CapturePolicy) -> FaceQuality | None:
        """Judge the face of a track; return its quality if that had to be measured."""
        watched = self._watched.get(track)
        if watched and (watched.usable or frame.at_s - watched.last_s < APART_S):
            return None
        if apparent_eye_distance(face) < policy.min_eye_distance_px:
            return None
        quality = measure(frame.picture, face)
        if watched is None:
            watched = self._watched[track] = _Watched(frame.at_s, frame.at_s, frame.captured_at)
        watched.last_s, watched.last_at = frame.at_s, frame.captured_at
        reason = unusable_reason(quality)
        if reason is None:
            watched.votes.append(_covered(frame, face))
            plain = watched.votes.count(False)
            watched.usable = plain >= PLAIN_VOTES and face.score >= policy.min_detector_score
            reason = UnusableReason.COVERED if watched.votes[-1] else None
        if reason is not None:
            watched.reasons[reason] += 1
        return quality

    def end(self, track: int, *, sent: bool) -> UnusablePassage | None:
        """Forget a finished track; return its report if it was a traveller without a usable face.

        `sent`: whether a crop of it was sent.
        """
        watched = self._watched.pop(track, None)
        if watched is None or watched.usable or not watched.reasons:
            return None
        duration_s = watched.last_s - watched.first_s
        if duration_s < MIN_S or watched.reasons.total() < MIN_LOOKS:
            return None
        if watched.votes and watched.votes.count(True) <= watched.votes.count(False):
            return None
        reason = watched.reasons.most_common(1)[0][0]
        return UnusablePassage(watched.last_at, reason, duration_s, sent)

    def forget(self, tracks: tuple[int, ...]) -> None:
        """Forget tracks that were broken off by the camera itself: nobody can say how they would have gone on."""
        for track in tracks:
            self._watched.pop(track, None)


def apparent_eye_distance(face: Face) -> float:
    """Return the eye distance in pixels that the face would have if it were not turned to the side."""
    eyes, mouth = face.landmarks[:2].mean(axis=0), face.landmarks[3:].mean(axis=0)
    return max(face.eye_distance, float(np.linalg.norm(mouth - eyes)) / MOUTH_DROP)


def _covered(frame: Frame, face: Face) -> bool:
    try:
        return is_covered(align(frame.picture, face.landmarks))
    except LandmarksError:
        return False
