"""A window with the live picture and the faces in it, framed by how fit they are for an alert."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import cv2
import numpy as np

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.files import FramePace
from cekalwatch.camera.sources.opening import open_source
from cekalwatch.camera.survey.pictures import MeasuredFace, framed
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import FaceDetector, Picture
from cekalwatch.vision.quality import measure
from cekalwatch.vision.runtime import limit_native_threads

WIDTH: Final = 1280
"""Greatest width of the picture at first, pixels; the window can be resized."""
ENDING_KEYS: Final = frozenset({ord("q"), ord("Q"), 27})
PROBE: Final = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"
PROBE_S: Final = 20.0
MIN_SCORE: Final = 0.7


def show(one: OneCamera, threads: int) -> None:
    """Show the camera until the window is closed or the source ends. Raises ProgramError."""
    _require_screen()
    limit_native_threads(threads)
    detector = open_detector(one.detector, threads)
    source = open_source(one, SystemClock(), pace=FramePace.REALTIME)
    title = f"Cekalwatch · {source.name}"
    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    sized = False
    try:
        for frame in source:
            shown = annotated(frame.picture, detector)
            if not sized:
                cv2.resizeWindow(title, shown.shape[1], shown.shape[0])
                sized = True
            cv2.imshow(title, shown)
            if cv2.waitKey(1) & 0xFF in ENDING_KEYS or cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                break
    finally:
        source.close()
        cv2.destroyAllWindows()


def annotated(picture: Picture, detector: FaceDetector) -> Picture:
    """Return the picture at the window's size, with its faces framed."""
    faces = [face for face in detector.detect(picture) if face.score >= MIN_SCORE]
    scale = min(1.0, WIDTH / picture.shape[1])
    small = np.array(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    framed(small, [MeasuredFace(face, measure(picture, face)) for face in faces], scale)
    return small


def _require_screen() -> None:
    """Raise ProgramError when no window can be opened: the toolkit would end the process without a message."""
    os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # it misses fonts, and nothing here needs any
    try:
        probe = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_S, check=False)
    except subprocess.TimeoutExpired:
        failed = True
    else:
        failed = probe.returncode != 0
    if failed:
        raise ProgramError(
            "No window can be opened here: run this at a screen, or use `cekalwatch-camera survey`, which needs none",
            Exit.UNAVAILABLE,
        )
