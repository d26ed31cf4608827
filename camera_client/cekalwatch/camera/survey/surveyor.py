"""Watches a source for a while, and keeps the quality of faces and a few example pictures; nothing goes to the disk."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cekalwatch.camera.detection.colours import colours_of
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.sources.frames import Frame, FrameSource
from cekalwatch.camera.survey.findings import Recording, SurveyedPassage, SurveyResult, findings
from cekalwatch.camera.survey.pictures import MeasuredFace, example
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.vision.fitness import Flaw
from cekalwatch.vision.quality import measure

MIN_SCORE: Final = 0.7
"""Detector score from which a face counts, as by the server's default policy."""
MIN_FACES: Final = 3
"""Faces of a passage; with fewer it does not count as one."""
EXAMPLES: Final = 3
"""Pictures of fit passages, and as many of others."""


@dataclass(frozen=True)
class Example:
    """A picture of the report."""

    jpeg: bytes
    flaws: frozenset[Flaw]
    """Faults of the passage that it shows; empty if the face was fit."""
    score: float


@dataclass(frozen=True)
class Survey:
    """The result of watching a camera."""

    findings: SurveyResult
    examples: tuple[Example, ...]
    """Fit ones first."""


@dataclass
class _CurrentPassage:
    """A passage that is not over, with the picture of its best moment."""

    passage: SurveyedPassage
    best: float = -1.0
    jpeg: bytes = b""


class Surveyor:
    """Owned by one thread."""

    def __init__(self, source: FrameSource, detector: FaceDetector, *, seconds: float) -> None:
        self._source = source
        self._detector = detector
        self._seconds = seconds
        self._tracker = Tracker()
        self._current: dict[int, _CurrentPassage] = {}
        self._passages: list[SurveyedPassage] = []
        self._fit: list[Example] = []
        self._others: list[Example] = []
        self._others_seen = 0
        self._random = random.Random(1)  # noqa: S311  # it chooses examples

    def run(self, progress: Callable[[float, int], None]) -> Survey:
        """Watch until the time is over or the source ends; `progress` gets seconds and passages. Raises SourceError."""
        frames, first_s, last_s, size = 0, 0.0, 0.0, (0, 0)
        try:
            for frame in self._source:
                first_s = first_s if frames else frame.at_s
                last_s, size = frame.at_s, frame.picture.shape[:2]
                frames += 1
                self._process(frame)
                progress(last_s - first_s, len(self._passages))
                if last_s - first_s >= self._seconds:
                    break
        except KeyboardInterrupt:
            pass  # the technician has seen enough, and gets a report on it
        for track in self._tracker.end():
            self._end(track)
        recording = Recording(self._source.name, self._detector.name, size[1], size[0], last_s - first_s, frames)
        return Survey(
            findings(recording, self._passages),
            (*sorted(self._fit, key=lambda one: -one.score), *self._others),
        )

    def _process(self, frame: Frame) -> None:
        height, width = frame.picture.shape[:2]
        faces = [MeasuredFace(face, measure(frame.picture, face)) for face in self._detector.detect(frame.picture)]
        colours = [colours_of(frame.picture, one.face) for one in faces]
        update = self._tracker.update([one.face for one in faces], colours, (width, height), frame.at_s)
        for track, one in zip(update.tracks, faces, strict=True):
            if one.face.score < MIN_SCORE or not one.quality.score:
                continue
            current = self._current.setdefault(track, _CurrentPassage(SurveyedPassage(track)))
            current.passage.faces.append(one.quality)
            # Pictures are made when a passage becomes clearly better, not with each frame.
            if one.quality.score > 1.1 * current.best:
                current.best = one.quality.score
                # All faces are blurred, also those that do not count.
                current.jpeg = example(frame.picture, faces, one)
        for track in update.ended:
            self._end(track)

    def _end(self, track: int) -> None:
        current = self._current.pop(track, None)
        if current is None or len(current.passage.faces) < MIN_FACES:
            return
        passage = current.passage
        self._passages.append(passage)
        shown = Example(current.jpeg, passage.flaws, current.best)
        if passage.fit:
            self._fit = sorted([*self._fit, shown], key=lambda one: -one.score)[:EXAMPLES]
            return
        # The others are chosen at random: neither the worst nor the best is typical.
        self._others_seen += 1
        if len(self._others) < EXAMPLES:
            self._others.append(shown)
        elif (place := self._random.randrange(self._others_seen)) < EXAMPLES:
            self._others[place] = shown
