"""Searches only parts of a picture, and looks for known faces where their tracks expect them.

What is doubtful is left to a search of the whole picture: a known face that is not there any more, and two that have
become one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from cekalwatch.camera.detection.motion_gate import Look
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.vision.detectors.boxes import best_of_overlapping
from cekalwatch.vision.faces import Face, PartialDetector

UNSURE: Final = 0.5
"""Highest score of a face that a search has found and the follower did not confirm."""
MAX_OVERLAP: Final = 0.3
"""Intersection over union above which two faces are one."""


IsSettled = Callable[[int, Face], bool]
"""Whether nothing is to be found out soon of a track, whose face was seen last like that."""


class Following:
    """The faces in view, by their tracks. Owned by one thread."""

    def __init__(self) -> None:
        self.known: Mapping[int, Face] = {}
        """Where each face was seen last, with the score of the search that found it last."""

    def searched(self, tracks: Sequence[int], faces: Sequence[Face]) -> None:
        """Record what a search of the whole picture has found."""
        self.known = dict(zip(tracks, faces, strict=True))

    def followed(self, tracks: Sequence[int], faces: Sequence[Face], tracker: Tracker) -> None:
        """Record what `look` has found; who was not looked for stays in view while the track lives."""
        alive = {track: face for track, face in self.known.items() if tracker.expected(track, 0.0) is not None}
        scores = {track: face.score for track, face in alive.items()}
        self.known = alive | {
            track: replace(face, score=scores.get(track, face.score)) for track, face in zip(tracks, faces, strict=True)
        }

    def look(
        self, detector: PartialDetector, frame: Frame, look: Look, tracker: Tracker, is_settled: IsSettled
    ) -> list[Face] | None:
        """Return the known faces that were looked for, and the others of the parts; None if all has to be searched."""
        centres = {track: tracker.expected(track, frame.at_s) for track in self.known}
        expected = {track: _moved(self.known[track], at) for track, at in centres.items() if at}
        if len(expected) < len(centres):
            return None
        wanted = [face for track, face in expected.items() if look.everybody or not is_settled(track, face)]
        found = []
        for face, now in zip(wanted, detector.follow(frame.picture, wanted), strict=True):
            if now is not None:
                found.append(replace(now, score=min(now.score, face.score)))
            elif face.score > UNSURE:
                return None
        if len(_different(found)) < len(found):
            return None
        others = [face for part in look.parts for face in detector.search(frame.picture, part, expected.values())]
        return found + _different(others)


def _different(faces: Sequence[Face]) -> list[Face]:
    """Return the faces, those that overlap a better one left out."""
    boxes = np.array([[face.left, face.top, face.right, face.bottom] for face in faces], np.float32)
    scores = np.array([face.score for face in faces], np.float32)
    return [faces[index] for index in best_of_overlapping(boxes, scores, MAX_OVERLAP)]


def _moved(face: Face, centre: tuple[float, float]) -> Face:
    (x, y), half_width, half_height = centre, face.width / 2, face.height / 2
    return replace(face, left=x - half_width, top=y - half_height, right=x + half_width, bottom=y + half_height)
