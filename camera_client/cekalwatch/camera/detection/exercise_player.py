"""Plays exercises: shows a colleague's recorded crops to the detector as frames, between travellers (rule 16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np
import structlog

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.detection.best_shot import APART_S, BestShots
from cekalwatch.camera.outbox.exercise_box import AskedExercise, ExerciseBox
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.vision.faces import FaceDetector, Picture
from cekalwatch.vision.quality import measure
from cekalwatch.wire.bounds import MAX_CROP_PIXELS

QUIET_S: Final = 3.0
"""How long nobody must have been in view before an exercise begins."""
_TRACK: Final = 0

log = structlog.get_logger()


@dataclass(eq=False)
class _Playing:
    """How far an exercise has been played."""

    asked: AskedExercise
    quiet_since_s: float | None = None
    shown: int = 0
    """Crops that the detector has looked at."""
    shown_at_s: float = float("-inf")
    chosen: BestShots = field(default_factory=lambda: BestShots(CapturePolicy()))


class ExercisePlayer:
    """Plays what is in the box. Owned by the vision thread."""

    def __init__(self, box: ExerciseBox, detector: FaceDetector, clock: Clock, waiting: Callable[[], int]) -> None:
        """`waiting` returns how many crops of travellers wait; while any does, nothing is played."""
        self._box = box
        self._detector = detector
        self._clock = clock
        self._waiting = waiting
        self._playing: _Playing | None = None

    @property
    def wanted(self) -> bool:
        """Whether the server has asked for an exercise, so that it must see the frames."""
        return self._box.asked is not None

    def see(self, frame: Frame, policy: CapturePolicy, *, in_view: bool) -> None:
        """Play the next crop at the time of a camera's frame; `in_view`: travellers are, or the camera looks away."""
        asked = self._box.asked
        if asked is None:
            return
        if self._playing is None or self._playing.asked is not asked:
            self._playing = _Playing(asked)
        playing = self._playing
        busy = in_view or self._waiting() > 0
        if self._clock.monotonic_s() > asked.until_s or (busy and playing.shown):
            self._end(playing, gave_way=True)
        elif busy:
            playing.quiet_since_s = None
        elif playing.quiet_since_s is None:
            playing.quiet_since_s = frame.at_s
        elif frame.at_s - playing.quiet_since_s >= QUIET_S and frame.at_s - playing.shown_at_s >= APART_S:
            self._play(playing, frame, policy)

    def _play(self, playing: _Playing, frame: Frame, policy: CapturePolicy) -> None:
        playing.chosen.policy = policy
        jpegs = playing.asked.request.jpegs
        picture = _decoded(jpegs[playing.shown]) if jpegs else None
        playing.shown, playing.shown_at_s = playing.shown + 1, frame.at_s
        if picture is not None and (captures := self._looked(playing, replace(frame, picture=picture))):
            self._box.give(playing.asked, captures)
        if playing.shown >= len(jpegs):
            if left := playing.chosen.end(_TRACK):
                self._box.give(playing.asked, left)
            self._end(playing, gave_way=False)

    def _looked(self, playing: _Playing, frame: Frame) -> list[FaceCapture]:
        faces = self._detector.detect(frame.picture)
        if not faces:
            return []
        face = max(faces, key=lambda one: one.width)
        chosen = playing.chosen.offer(_TRACK, frame, face, measure(frame.picture, face))
        return [chosen] if chosen else []

    def _end(self, playing: _Playing, *, gave_way: bool) -> None:
        self._playing = None
        self._box.end(playing.asked, gave_way=gave_way)
        log.info("exercise_played", shown=playing.shown, gave_way=gave_way)


def _decoded(jpeg: bytes) -> Picture | None:
    """Return a recorded crop as a frame; None for one that is no plain JPEG of a crop's size."""
    try:
        essence = read_plain_jpeg(jpeg, MAX_CROP_PIXELS).essence
        picture = cv2.imdecode(np.frombuffer(essence, np.uint8), cv2.IMREAD_COLOR)
    except (PictureError, cv2.error):
        return None
    return None if picture is None else np.asarray(picture, np.uint8)
