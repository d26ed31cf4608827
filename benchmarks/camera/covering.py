"""How many covered faces the camera tells, and how many plain ones it takes for covered.

    python -m benchmarks camera.covering

Masks, dark glasses, hands and caps are drawn over faces of LFW (`covered_faces` in `tests/support`) in changing light;
the camera's detector then looks for the face anew, and a face that it does not find is not told. The numbers of the
check were fitted on one half of the people (`covering_fit.py`); these are the figures of the other half. Of some plain
faces people wear sunglasses, caps or microphones in truth. `south_asian` are photographs of people in India as they
are; the plain faces of their other half were fitted on, since turbans, veils and grey beards passed for covers without
them. About one in forty wears a mask or sunglasses.
"""

from __future__ import annotations

import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.recognition.faces import FACES, PACK
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.covering import is_covered
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.runtime import limit_native_threads
from tests.support.builders.covered_faces import COVERS, covered, in_light

PEOPLE: Final = 600
PHOTOGRAPHS: Final = 2
SEED: Final = 5
PLAIN: Final = "plain"
NEAR: Final = 1 / 5
"""Part of a picture's width within which the nose of the person in its middle lies."""


@dataclass(frozen=True, eq=False)
class Example:
    """A face of one photograph, plain or with a cover drawn over it."""

    person: str
    cover: str
    """One of COVERS, or PLAIN."""
    aligned: Picture | None
    """None: the detector did not find it."""

    @property
    def fitted(self) -> bool:
        """Whether the numbers are fitted on this person."""
        return zlib.crc32(self.person.encode()) % 2 == 0


def examples(people: int = PEOPLE, fitted: bool | None = None) -> Iterator[Example]:
    """Yield the examples of the first `people` people of LFW in a shuffled order.

    With `fitted`, only people on whom the numbers are fitted (True) or not fitted (False) are taken. Raises
    FileNotFoundError where the data set is not there.
    """
    if not (FACES / "lfw").is_dir():
        raise FileNotFoundError(f"{FACES / 'lfw'} (one folder a person)")
    limit_native_threads(1)
    detector = open_detector(PACK, threads=1)
    everybody = sorted((FACES / "lfw").iterdir())
    for number in track(np.random.default_rng(SEED).permutation(len(everybody))[:people], "covered faces"):
        if fitted in {None, Example(everybody[number].name, PLAIN, None).fitted}:
            yield from _of_person(everybody[number], int(number), detector)


def _of_person(folder: Path, number: int, detector: FaceDetector) -> Iterator[Example]:
    for place, file in enumerate(sorted(folder.glob("*.jpg"))[:PHOTOGRAPHS]):
        generator = np.random.default_rng([number, 77, place])
        picture = np.asarray(cv2.imread(str(file)), np.uint8)
        face = nearest(detector.detect(picture), np.array(picture.shape[1::-1]) / 2, picture.shape[1])
        if face is None:
            continue
        covers = COVERS if place == 0 else (COVERS[int(generator.integers(len(COVERS)))],)
        for cover in (PLAIN, *covers):
            drawn = picture if cover == PLAIN else covered(picture, face.landmarks, cover, generator)
            drawn = in_light(drawn, generator)
            found = nearest(detector.detect(drawn), face.landmarks[2], picture.shape[1])
            yield Example(folder.name, cover, None if found is None else _aligned(drawn, found))


def nearest(faces: Sequence[Face], middle: NDArray[np.floating], width: int) -> Face | None:
    """Return the face whose nose is next to `middle`; None where none is near."""
    off = {float(np.linalg.norm(face.landmarks[2] - middle)): face for face in faces}
    return off[min(off)] if off and min(off) < NEAR * width else None


def _aligned(picture: Picture, face: Face) -> Picture | None:
    try:
        return align(picture, face.landmarks)
    except LandmarksError:
        return None


def south_asians(fitted: bool) -> Iterator[Example]:
    """Yield one half of the photographs of people in India, as plain faces, though some wear a mask or sunglasses."""
    detector = open_detector(PACK, threads=1)
    chosen = [
        file for file in sorted(FACES.glob("southasian/*/*/*.jpg")) if Example(file.name, PLAIN, None).fitted is fitted
    ]
    for file in track(chosen, "plain faces"):
        picture = np.asarray(cv2.imread(str(file)), np.uint8)
        faces = detector.detect(picture)
        if faces:
            yield Example(file.name, PLAIN, _aligned(picture, max(faces, key=lambda face: face.width)))


def measure() -> dict[str, float]:
    """Return the figures `covering.…`; raises FileNotFoundError where the data set is not there."""
    told: defaultdict[str, list[bool]] = defaultdict(list)
    spent_s, judged = 0.0, 0
    for example in examples(fitted=False):
        begin_s = time.process_time()
        is_told = example.aligned is not None and is_covered(example.aligned)
        spent_s, judged = spent_s + time.process_time() - begin_s, judged + (example.aligned is not None)
        told[example.cover].append(is_told)
    others = [is_covered(one.aligned) for one in south_asians(fitted=False) if one.aligned is not None]
    all_covered = [one for cover in COVERS for one in told[cover]]
    return {
        "covering.covered": len(all_covered),
        "covering.plain": len(told[PLAIN]),
        "covering.covered_told": round(float(np.mean(all_covered)), 4),
        **{f"covering.{cover}_told": round(float(np.mean(told[cover])), 4) for cover in COVERS},
        "covering.plain_told": round(float(np.mean(told[PLAIN])), 4),
        "covering.south_asian": len(others),
        "covering.south_asian_told": round(float(np.mean(others)), 4),
        "covering.ms_a_face": round(spent_s / judged * 1e3, 3),
    }


if __name__ == "__main__":
    print(measure())
