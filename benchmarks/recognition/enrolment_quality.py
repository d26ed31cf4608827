"""Which photographs make useless references: spoilt ones of LFW compared with whole ones of the same people.

    python -m benchmarks recognition.enrolment_quality

One photograph of each of 250 people gets more and more blur, darkness, overexposure or haze, and becomes a reference;
another one is the probe. A miss is a score below the threshold at an FPIR of 1e-2. Enrolment refuses where more than
half are missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.recognition.faces import PACK, collection
from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.server.recognition.enrolment import find_faces, plain_and_reference
from cekalwatch.server.recognition.packs.installed import Engine, open_engine
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.quality import measure as measure_face

PEOPLE: Final = 250
THRESHOLD: Final = 0.458
SHARPNESS: Final = (0.0, 0.04, 0.08, 0.15, 0.3, 1.0)
BRIGHTNESS: Final = (0.0, 0.04, 0.08, 0.2, 0.85, 0.9, 0.93, 1.01)


class Reference(NamedTuple):
    """A spoilt photograph's face: what was measured of it, and its score with the same person's whole one."""

    quality: FaceQuality
    score: float


def blurred(sigma: float) -> Callable[[Picture], Picture]:
    """Return what blurs a photograph, sigma in its pixels."""
    return lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.uint8)


def scaled(gain: float, offset: float = 0.0) -> Callable[[Picture], Picture]:
    """Return what makes a photograph darker, brighter or hazy."""
    return lambda picture: np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


BLURS: Final = tuple(map(blurred, (0.5, 1, 1.5, 2, 3, 4)))
LIGHTS: Final = (
    *map(scaled, (1, 0.5, 0.25, 0.15, 0.08, 1.5, 2, 3, 5, 8)),
    *(scaled(1 - haze, 255 * haze) for haze in (0.6, 0.75, 0.85)),
)


def measure() -> dict[str, float]:
    """Return the figures `enrolment.…`; raises FileNotFoundError where the data set is not there."""
    engine = open_engine(load_pack(PACK), threads=1)
    pairs = [(one, other) for one, other in _pairs() if (_face(engine, other)) is not None]
    figures: dict[str, float] = {}
    for name, ways, edges in (("sharpness", BLURS, SHARPNESS), ("brightness", LIGHTS, BRIGHTNESS)):
        found = _references(engine, pairs, ways, name)
        for low, high in pairwise(edges):
            scores = [one.score for one in found if low <= getattr(one.quality, name) < high]
            if len(scores) >= 10:
                figures[f"enrolment.fnir_{name}_{low}_to_{high}"] = float(np.mean(np.array(scores) < THRESHOLD))
    return {name: round(value, 3) for name, value in figures.items()}


def _pairs() -> list[tuple[Picture, Picture]]:
    people: dict[str, list[Picture]] = {}
    for photograph in collection("lfw").photographs:
        shown = people.setdefault(photograph.person, [])
        if len(shown) < 2:
            shown.append(np.asarray(cv2.imread(str(photograph.path)), dtype=np.uint8))
    return [(shown[0], shown[1]) for shown in people.values() if len(shown) == 2][:PEOPLE]


def _references(
    engine: Engine,
    pairs: Sequence[tuple[Picture, Picture]],
    ways: Sequence[Callable[[Picture], Picture]],
    title: str,
) -> list[Reference]:
    found = []
    for one, other in track(pairs, description=title):
        probe = _face(engine, other)
        for way in ways:
            spoilt = _face(engine, way(one))
            if spoilt is not None and probe is not None:
                found.append(Reference(spoilt[0], float(spoilt[2] @ probe[1])))
    return found


def _face(engine: Engine, photograph: Picture) -> tuple[FaceQuality, NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the largest face's figures and its templates as probe and as reference; None when there is none."""
    picture, faces = find_faces(engine.detector, photograph)
    if not faces:
        return None
    face = max(faces, key=lambda one: one.width)
    return measure_face(picture, face), *plain_and_reference(engine.recogniser, align(picture, face.landmarks))


if __name__ == "__main__":
    print(measure())
