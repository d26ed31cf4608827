"""The picture for aiming the camera: requested by the stream, made by the vision thread, stored nowhere.

Nobody can be recognised in it (`blurring`), and no picture is made of a view without a counter. The detector ignores
the region here, because people outside the region are in the picture too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.view.blurring import blurred
from cekalwatch.contract.values.cameras import AimingAnswer, AimingPicture, AimingRefusal
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.softening import aiming_scale
from cekalwatch.wire.bounds import MAX_AIMING_AGE_S, MAX_AIMING_FACES, MAX_AIMING_SIDES

FRAME_WITHIN_S: Final = 3.0
"""How long a request waits for a frame."""
JPEG_QUALITY: Final = 80
"""A picture this blurred needs a third of the allowed bytes, whatever it shows."""


@dataclass(frozen=True, eq=False)
class _Request:
    request_id: int
    tell: Callable[[], object]
    until_s: float


@dataclass(frozen=True, eq=False)
class _Made:
    request_id: int
    given: AimingRefusal | AimingPicture
    taken_s: float
    """When the frame was taken, by the monotonic clock."""


class AimingPictures:
    """One request at a time, for one camera. Any thread may use it."""

    def __init__(self, detector: FaceDetector, clock: Clock) -> None:
        """`detector` looks at the whole frame; it is used by the thread that calls `see`."""
        self._detector = detector
        self._clock = clock
        self._lock = threading.Lock()
        self._request: _Request | None = None
        self._made: _Made | None = None

    def ask(self, request_id: int, tell: Callable[[], object]) -> None:
        """Request a picture of the next frame, in place of an earlier request; `tell` is called when it is made.

        It may be called on any thread.
        """
        with self._lock:
            self._request = _Request(request_id, tell, self._clock.monotonic_s() + FRAME_WITHIN_S)
            self._made = None

    def forget(self) -> None:
        """Cancel the request: its requester is gone."""
        with self._lock:
            self._request = self._made = None

    def answer(self) -> AimingAnswer | None:
        """Return the answer that is due, once; a refusal when no frame came in time."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if made := self._made:
                self._made = None
                return AimingAnswer(made.request_id, _aged(made.given, now_s - made.taken_s))
            if (request := self._request) and now_s > request.until_s:
                self._request = None
                return AimingAnswer(request.request_id, AimingRefusal.NO_FRAMES)
        return None

    def see(self, frame: Frame, *, away: bool) -> None:
        """Make the picture that is wanted, if one is; `away`: what the camera shows belongs to no counter."""
        with self._lock:
            request = self._request
        if request is None:
            return
        taken_s = self._clock.monotonic_s() - (self._clock.now() - frame.captured_at).total_seconds()
        given = AimingRefusal.TURNED_AWAY if away else picture_of(frame.picture, self._detector.detect(frame.picture))
        with self._lock:
            if self._request is not request:
                return  # it is too late, or its requester is gone
            self._request, self._made = None, _Made(request.request_id, given, taken_s)
        request.tell()


def picture_of(picture: Picture, faces: list[Face]) -> AimingPicture:
    """Return the picture for aiming of a frame in which `faces` were found; its age is 0."""
    height, width = picture.shape[:2]
    shown = blurred(picture, faces, aiming_scale(picture))
    long_side, short_side = MAX_AIMING_SIDES
    scale = min(1.0, long_side / max(height, width), short_side / min(height, width))
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    small = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    return AimingPicture(jpeg, 0.0, width, height, min(len(faces), MAX_AIMING_FACES))


def _aged(given: AimingRefusal | AimingPicture, age_s: float) -> AimingRefusal | AimingPicture:
    if isinstance(given, AimingRefusal):
        return given
    age_s = min(max(0.0, age_s), MAX_AIMING_AGE_S)
    return AimingPicture(given.jpeg, age_s, given.frame_width, given.frame_height, given.faces)
