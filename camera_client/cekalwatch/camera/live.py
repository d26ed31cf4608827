"""Frames from a camera: always the newest one, and reopened for ever when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import structlog

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.frames import Frame, SourceError
from cekalwatch.wire.backoff import Backoff

CLOSING_S = 6.0
"""Longest wait for a read that is under way; a network camera's own time-out is shorter."""

log = structlog.get_logger()

OpenCapture = Callable[[], cv2.VideoCapture]


class LiveSource:
    """A reader thread empties the camera into a slot for one frame, so that frames never queue up and grow old."""

    endless = True
    can_wait = False

    def __init__(self, open_capture: OpenCapture, name: str, clock: Clock, backoff: Backoff) -> None:
        self.name = name
        self.dropped = 0
        self._open_capture = open_capture
        self._clock = clock
        self._backoff = backoff
        self._slot: Frame | None = None
        self._filled = threading.Condition()
        self._closed = threading.Event()
        self._capture: cv2.VideoCapture | None = None
        """Opened by `open`, and taken over by the reader thread."""
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the camera before it is read. Raises SourceError when that cannot be done."""
        self._capture = self._open_capture()
        if not self._capture.isOpened():
            raise SourceError(
                f"{self.name} cannot be opened; is it connected, switched on, and used by no other program?"
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time; blocks while the camera gives none."""
        thread = threading.Thread(target=self._read_for_ever, name="camera-reader", daemon=True)
        thread.start()
        self._thread = thread
        while True:
            with self._filled:
                self._filled.wait_for(lambda: self._slot is not None or self._closed.is_set())
                frame, self._slot = self._slot, None
            if frame is None or self._closed.is_set():
                return
            yield frame

    def close(self) -> None:
        """End the iteration and the reader thread, and release the camera."""
        self._closed.set()
        with self._filled:
            self._filled.notify_all()
        if self._thread:
            self._thread.join(CLOSING_S)

    def _read_for_ever(self) -> None:
        capture = self._capture or self._open_capture()
        while True:
            self._empty(capture)
            capture.release()
            if self._closed.is_set():
                return
            delay_s = self._backoff.next_delay_s()
            log.warning("source_lost", source=self.name, retry_in_s=round(delay_s, 1))
            if self._closed.wait(delay_s):
                return
            capture = self._open_capture()

    def _empty(self, capture: cv2.VideoCapture) -> None:
        while not self._closed.is_set():
            ok, picture = capture.read()
            if not ok:
                return
            self._backoff.reset()
            frame = Frame(np.asarray(picture, np.uint8), self._clock.now(), self._clock.monotonic_s())
            with self._filled:
                if self._slot is not None:
                    self.dropped += 1
                self._slot = frame
                self._filled.notify_all()
