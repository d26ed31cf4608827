"""A folder of photographs to practise with: drawn squares in place of faces, one folder a person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def practice_folder(folder: Path, people: int = 40, photographs: int = 2) -> Path:
    """Write JPEGs of 32 × 32 pixels, each in a grey of its own."""
    for person in range(people):
        own = folder / f"person-{person:02}"
        own.mkdir(parents=True)
        for number in range(photographs):
            grey = np.full((32, 32, 3), 3 * person + number, np.uint8)
            (own / f"{number}.jpg").write_bytes(cv2.imencode(".jpg", grey)[1].tobytes())
    return folder
