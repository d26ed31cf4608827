"""Chooses which crops of a passage are sent: the first usable one at once, then better and later ones, never too many.

The server fuses the templates of a passage's crops, so several different ones are worth more than one; but a track's
end is not known in advance. So the gaps grow with each crop sent, and one crop is kept back for the end or for the best
moment of a long passage.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cekalwatch.camera.detection.crop import Crop, cut, encode
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture, FaceQuality
from cekalwatch.vision.faces import Face

FIRST_GAP_S = 0.4
MAX_GAP_S = 5.0
APART_S = 0.2
"""Crops nearer to each other in time show the same thing: of each such stretch only the best one counts."""
CLEARLY_BETTER = 1.25
"""A crop whose score is this many times the best one sent is sent before its time."""
PEAK_PASSED_S = 2.0
"""When nothing better came for this long, somebody who walked up has arrived."""
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
        """Forget a track that is over; return what is still to be sent of it, best first."""
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
