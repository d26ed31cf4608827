"""Frames a second of the default pack's detector at 1280x720 on one thread, with two faces in view.

    python -m benchmarks.recognition.detector_speed

The faces are those of scikit-image's `astronaut`, at two sizes that travellers in a queue have.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.runtime import limit_native_threads

PACK = Path("build/models/standard")
_FACES = ((240, 200, 160), (700, 260, 260))
"""Left, top and side in pixels of each copy of the portrait's face."""
_SECONDS = 5.0
_ROUNDS = 5


def scene() -> Picture:
    """Return a 1280x720 frame with two faces before a plain, slightly noisy wall."""
    from skimage import data

    portrait = np.ascontiguousarray(data.astronaut()[0:240, 100:340, ::-1])  # type: ignore[no-untyped-call]
    noise = np.random.default_rng(1).normal(0, 4, (720, 1280, 3))
    frame = np.clip(120 + noise, 0, 255).astype(np.uint8)
    for left, top, side in _FACES:
        frame[top : top + side, left : left + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    return frame


def measure() -> dict[str, float]:
    """Return `detector.fps_720p`: the median of five rounds."""
    limit_native_threads(1)
    detector, frame = open_detector(PACK, threads=1), scene()
    found = len(detector.detect(frame))
    if found != len(_FACES):
        raise RuntimeError(f"the scene has {len(_FACES)} faces, the detector found {found}")
    rates = []
    for _ in range(_ROUNDS):
        begun, frames = time.perf_counter(), 0
        while time.perf_counter() - begun < _SECONDS / _ROUNDS:
            detector.detect(frame)
            frames += 1
        rates.append(frames / (time.perf_counter() - begun))
    return {"detector.fps_720p": round(float(np.median(rates)), 1)}


if __name__ == "__main__":
    print(measure())
