"""Pictures for the technician with framed faces: examples with nobody who can be recognised, and a live window."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.files import FramePace
from cekalwatch.camera.sources.opening import open_source
from cekalwatch.camera.view.blurring import blurred
from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.fitness import FLOOR_EYE_DISTANCE, flaws
from cekalwatch.vision.quality import measure
from cekalwatch.vision.runtime import limit_native_threads

WIDTH: Final = 640
JPEG_QUALITY: Final = 80
GREEN, AMBER, RED = (80, 170, 40), (20, 150, 240), (50, 50, 220)


@dataclass(frozen=True, eq=False)
class MeasuredFace:
    """A face in a picture, with its quality."""

    face: Face
    quality: FaceQuality


def example(picture: Picture, faces: Sequence[MeasuredFace], about: MeasuredFace) -> bytes:
    """Return a JPEG of the picture with the face `about` framed, and all faces blurred."""
    scale = min(1.0, WIDTH / picture.shape[1])
    shown = blurred(picture, [one.face for one in faces])
    small = np.asarray(cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    framed(small, [about], scale)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def framed(picture: Picture, faces: Sequence[MeasuredFace], scale: float = 1.0) -> None:
    """Draw each face's frame and eye distance: green when fit for an alert, amber when it would be sent, else red."""
    for one in faces:
        face, quality = one.face, one.quality
        colour = RED
        if not flaws(quality):
            colour = GREEN
        elif quality.eye_distance_px >= FLOOR_EYE_DISTANCE:
            colour = AMBER
        left, top = round(face.left * scale), round(face.top * scale)
        right, bottom = round(face.right * scale), round(face.bottom * scale)
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
        _label(picture, f"{quality.eye_distance_px:.0f} px", (left, top), colour)


def _label(picture: Picture, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    left = max(0, min(at[0], picture.shape[1] - width - 6))
    top = max(0, at[1] - height - below - 4)
    cv2.rectangle(picture, (left, top), (left + width + 6, top + height + below + 4), colour, -1)
    place = (left + 3, top + height + 2)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)


WINDOW_WIDTH: Final = 1280
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
    scale = min(1.0, WINDOW_WIDTH / picture.shape[1])
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
