"""Recognition on Labeled Faces in the Wild: FNIR and FPIR of a 1:N search (ISO/IEC 19795-1), image by image.

    python -m benchmarks.lfw [--faces DIR] [--pack DIR] [--out FILE]

DIR has one folder a person. Of the people with at least two photographs 400 are listed, each by the first photograph;
every other photograph of theirs is a mated probe, and every photograph of everybody else, those with a single one
included, a non-mated probe. The headline takes the first 400 by name; five seeded choices of 400 show the spread.

- Miss (FNIR): the listed person is not ranked first, or scores at most the threshold, or no face was found.
- False alert (FPIR): a non-mated probe scores more than the threshold with anybody. The threshold at an FPIR is the
  highest score that leaves no more than that share of the non-mated probes above it.

The face is the one nearest to the picture's middle, as the data set has it. Nothing is fused over a passage here.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from cekalwatch.server.recognition.enrolment import reference_template
from cekalwatch.server.recognition.packs import Engine, open_engine
from cekalwatch.server.recognition.thresholds import threshold_for
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads

FACES: Final = Path("../shared/faces/lfw")
PACK: Final = Path("build/models/starter")
LISTED: Final = 400
SEEDS: Final = range(5)
_BATCH: Final = 16

Template = NDArray[np.float32]


@dataclass(frozen=True)
class Embedded:
    """The templates of a person's photographs, by file name; None where no face was found."""

    person: str
    reference: Template | None
    """That of the first photograph, as enrolment makes it."""
    templates: tuple[Template | None, ...]


@dataclass(frozen=True)
class Scores:
    """What a search of every probe gave."""

    mated: NDArray[np.float32]
    """Score with the right person; -1 where somebody else ranked first or no face was found."""
    non_mated: NDArray[np.float32]
    """Best score with anybody; -1 where no face was found."""

    @property
    def rank_1(self) -> float:
        """Share of the mated probes that ranked the right person first, without a threshold."""
        return float((self.mated > -1).mean())

    def threshold(self, fpir: float) -> float:
        """Return the highest score that leaves at most `fpir` of the non-mated probes above it."""
        falling = np.sort(self.non_mated)[::-1]
        return float(falling[int(fpir * len(falling))])

    def fnir(self, threshold: float) -> float:
        """Return the share of mated probes that are missed at `threshold`."""
        return float((self.mated <= threshold).mean())

    def fpir(self, threshold: float) -> float:
        """Return the share of non-mated probes that alert at `threshold`."""
        return float((self.non_mated > threshold).mean())


def middle_face(detector: FaceDetector, picture: Picture) -> Face | None:
    """Return the face nearest to the middle; of those within a quarter of the width around it, the largest."""
    height, width = picture.shape[:2]
    near = [
        face
        for face in detector.detect(picture)
        if np.hypot((face.left + face.right - width) / 2, (face.top + face.bottom - height) / 2) < width / 4
    ]
    return max(near, key=lambda face: face.width, default=None)


def embed_all(engine: Engine, faces: Path) -> list[Embedded]:
    """Return everybody's templates, by name."""
    people = []
    for folder in track(sorted(path for path in faces.iterdir() if path.is_dir()), description="LFW"):
        found: list[Picture | None] = []
        for file in sorted(folder.glob("*.jpg")):
            picture = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
            face = middle_face(engine.detector, picture)
            try:
                found.append(None if face is None else align(picture, face.landmarks))
            except LandmarksError:
                found.append(None)
        reference = None if found[0] is None else reference_template(engine.recogniser, found[0])
        people.append(Embedded(folder.name, reference, _embed(engine, found)))
    return people


def _embed(engine: Engine, found: list[Picture | None]) -> tuple[Template | None, ...]:
    aligned = [face for face in found if face is not None]
    batches = [aligned[start : start + _BATCH] for start in range(0, len(aligned), _BATCH)]
    templates = iter([template for batch in batches for template in engine.recogniser.embed(np.stack(batch))])
    return tuple(None if face is None else next(templates) for face in found)


def search(people: list[Embedded], listed: list[str]) -> Scores:
    """Search every probe among the first photographs of `listed`."""
    by_name = {person.person: person for person in people}
    firsts = [by_name[name].reference for name in listed]
    empty = np.zeros_like(next(template for template in firsts if template is not None))
    gallery = np.stack([empty if template is None else template for template in firsts])
    rows = {name: row for row, name in enumerate(listed)}
    mated, non_mated = [], []
    for person in people:
        row = rows.get(person.person)
        for template in person.templates[0 if row is None else 1 :]:
            scores = None if template is None else gallery @ template
            if row is None:
                non_mated.append(-1.0 if scores is None else scores.max())
            else:
                mated.append(scores[row] if scores is not None and int(scores.argmax()) == row else -1.0)
    return Scores(np.array(mated, dtype=np.float32), np.array(non_mated, dtype=np.float32))


def choices(people: list[Embedded]) -> list[list[str]]:
    """Return the lists of 400: the first by name, then one for each seed."""
    several = [person.person for person in people if len(person.templates) > 1]
    seeded = [sorted(np.random.default_rng(seed).choice(several, LISTED, replace=False).tolist()) for seed in SEEDS]
    return [several[:LISTED], *seeded]


def measure(faces: Path = FACES, pack_folder: Path = PACK) -> dict[str, float]:
    """Return the figures `lfw.…`; raises FileNotFoundError where the data set is not there."""
    if not faces.is_dir():
        raise FileNotFoundError(f"{faces} (Labeled Faces in the Wild, one folder a person)")
    limit_native_threads(1)
    engine = open_engine(load_pack(pack_folder), threads=1)
    begun = time.perf_counter()
    people = embed_all(engine, faces)
    took = time.perf_counter() - begun
    images = sum(len(person.templates) for person in people)
    misses = sum(template is None for person in people for template in person.templates)
    headline, *seeded = [search(people, listed) for listed in choices(people)]
    default = threshold_for(engine.pack.thresholds, LISTED)
    figures = {
        "lfw.images": images,
        "lfw.mated_probes": len(headline.mated),
        "lfw.non_mated_probes": len(headline.non_mated),
        "lfw.no_face_found": misses,
        "lfw.images_per_s": images / took,
        "lfw.rank_1": headline.rank_1,
        "lfw.default_threshold": default,
        "lfw.fnir_at_default": headline.fnir(default),
        "lfw.fpir_at_default": headline.fpir(default),
    }
    for fpir, name in ((1e-2, "1e-2"), (3e-3, "3e-3")):
        figures[f"lfw.threshold_at_fpir_{name}"] = headline.threshold(fpir)
        figures[f"lfw.fnir_at_fpir_{name}"] = headline.fnir(headline.threshold(fpir))
        figures[f"lfw.fnir_at_fpir_{name}_seeded_mean"] = float(
            np.mean([scores.fnir(scores.threshold(fpir)) for scores in seeded])
        )
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    """Measure, print, and write the figures into a JSON file beside those that it has."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lfw")
    parser.add_argument("--faces", type=Path, default=FACES, help="data set, one folder a person")
    parser.add_argument("--pack", type=Path, default=PACK, help="model pack's folder")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    figures = measure(arguments.faces, arguments.pack)
    for name, value in figures.items():
        print(f"{name:42} {value:g}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    arguments.out.write_text(json.dumps(before | figures, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
