"""What crops cost and what cheaper ones would lose: JPEG quality and longest side of the chosen crops.

    python -m benchmarks camera.crops

The passages of `best_shot` of fifty listed people. `own_score` is the mean score of single crops with their person's
reference; all settings have the same crops.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from rich.progress import track

from benchmarks.camera.best_shot import POLICIES, SHOWN, Study, chosen
from benchmarks.recognition.faces import FACES
from cekalwatch.camera.detection.best_shot import Crop, encode
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.vision.alignment import align

PEOPLE: Final = 50
JPEG_QUALITIES: Final = (95, 90, 85, 80, 75, 70, 60)
MAX_SIDES: Final = (640, 320, 240, 200)
DEFAULT_QUALITY: Final = 80


def measure() -> dict[str, float]:
    """Return the figures `camera.crops_…`; raises FileNotFoundError where the data set is not there."""
    study = Study()
    folders = [files for folder in sorted((FACES / "lfw").iterdir()) if len(files := sorted(folder.iterdir())) > SHOWN]
    settings = [(quality, MAX_SIDES[0]) for quality in JPEG_QUALITIES]
    settings += [(DEFAULT_QUALITY, side) for side in MAX_SIDES[1:]]
    scores: dict[tuple[int, int], list[float]] = {setting: [] for setting in settings}
    sizes: dict[tuple[int, int], list[int]] = {setting: [] for setting in settings}
    for number, files in enumerate(track(folders[1 : 2 * PEOPLE : 2], description="passages")):
        reference = study.reference(files[0])
        if reference is None:
            continue
        captures = chosen(study.passage(number, files[1 : 1 + SHOWN]), replace(POLICIES[""], jpeg_quality=100))
        crops = [_crop(capture) for capture in captures]
        for quality, side in settings:
            for crop in crops:
                sent = encode(_at_most(crop, side), quality)
                picture = np.asarray(cv2.imdecode(np.frombuffer(sent.jpeg, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
                template = study.template(align(picture, np.array(sent.landmarks, dtype=np.float32)))
                scores[quality, side].append(float(template @ reference))
                sizes[quality, side].append(len(sent.jpeg))
    figures: dict[str, float] = {}
    for quality, side in settings:
        name = f"camera.crops_jpeg_{quality}_side_{side}"
        figures[f"{name}_own_score"] = round(float(np.mean(scores[quality, side])), 4)
        figures[f"{name}_bytes"] = round(float(np.mean(sizes[quality, side])))
    return figures


def _crop(capture: FaceCapture) -> Crop:
    picture = np.asarray(cv2.imdecode(np.frombuffer(capture.jpeg, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
    landmarks = np.array(capture.landmarks, dtype=np.float32)
    return Crop(1, capture.captured_at, capture.detector_score, capture.quality, picture, landmarks)


def _at_most(crop: Crop, side: int) -> Crop:
    longest = max(crop.picture.shape[:2])
    return crop.scaled(side / longest) if longest > side else crop


if __name__ == "__main__":
    for figure, value in measure().items():
        print(figure, value)
