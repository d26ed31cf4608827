"""Whether face boxes of a camera (ONVIF Profile M) could take the place of our own search.

    python -m benchmarks camera.boxes

A simulated camera tells the boxes of all faces that are half visible and 20 pixels wide, better than any does: the
truth, with an error of 5 % of the box in place and size (standard deviation). `0`, `1`, `3` and `6` are the frames (15
a second) by which its boxes are late. O-Net finds landmarks in them; without a box there is no face. `found` is the
share of those faces that are found (overlap 0.4), `alike` the share of these whose template is like that of our own
search in the same frame (comparison score of 0.9 or more), `ms` the processor time a frame. Two scenes of ten people of
LFW, who cross the picture.

Then photographs of 400 people of LFW: `moved` is the share that O-Net finds in a box that is off by 0.1 to 0.5 of its
width, and `missed` the share of pairs that are missed where one of a thousand strangers matches: with our own search
(`own`), with O-Net in the box (`onet`), and with landmarks at their usual place in the box, as of a camera's box alone
(`box`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.camera.tracking import MIN_OVERLAP, MIN_VISIBLE, MIN_WIDTH_PX, PEOPLE, looks_of_people
from benchmarks.recognition.faces import FACES, PACK
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, Landmarks, PartialDetector, Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads
from tests.support.builders.crowd import crowd
from tests.support.scenarios.crowd_pictures import Truth, draw

SCENES: Final = range(2)
LATE: Final = (0, 1, 3, 6)
MOVED: Final = (0.1, 0.2, 0.3, 0.4, 0.5)
ERROR: Final = 0.05
SAME: Final = 0.9
COMPARED: Final = 5
"""Templates are compared for one frame of this many."""
PAIRS: Final = 400
FMR: Final = 1e-3

Box = NDArray[np.float64]
"""Left, top, right, bottom."""


def measure() -> dict[str, float]:
    """Return the figures `boxes.…`; raises FileNotFoundError where the photographs are not there."""
    limit_native_threads(1)
    detector = open_detector(PACK, threads=1)
    if not isinstance(detector, PartialDetector):
        raise TypeError("the pack's detector follows no faces")
    recogniser = open_engine(load_pack(PACK), 1).recogniser
    return {f"boxes.{name}": round(value, 4) for name, value in {
        **films(detector, recogniser), **pairs(detector, recogniser)
    }.items()}  # fmt: skip


def films(detector: PartialDetector, recogniser: Recogniser) -> dict[str, float]:
    """Return what is found in scenes, how alike it is, and what it costs."""
    generator, looks = np.random.default_rng(1), looks_of_people(PEOPLE, detector)
    own, by_lateness = Way(), {late: Way() for late in LATE}
    frames = seen = 0
    for seed in track(SCENES, description="scenes"):
        told: list[list[Face]] = []
        for _, picture, truths in draw(crowd(seed, PEOPLE), looks):
            wanted = _wanted(truths)
            told.append([_face(_wrong(box, generator)) for box in wanted])
            frames, seen = frames + 1, seen + len(wanted)
            compared = recogniser if frames % COMPARED == 0 else None
            mine = own.look(partial(detector.detect, picture), picture, wanted, compared)
            for late, way in by_lateness.items():
                boxes = told[-1 - late] if len(told) > late else []
                made = way.look(partial(detector.follow, picture, boxes), picture, wanted, compared)
                way.alike += [float(made[number] @ mine[number]) for number in made.keys() & mine.keys()]
    ways = {"own": own} | {str(late): way for late, way in by_lateness.items()}
    figures = {f"found_{name}": way.found / seen for name, way in ways.items()}
    figures |= {f"ms_{name}": 1000 * way.spent_s / frames for name, way in ways.items()}
    return figures | {
        f"alike_{late}": float(np.mean(np.array(way.alike) >= SAME)) for late, way in by_lateness.items() if way.alike
    }


@dataclass
class Way:
    """A way of finding faces, with what it has found."""

    found: int = 0
    spent_s: float = 0.0
    alike: list[float] = field(default_factory=list)
    """Comparison scores with templates of our own search."""

    def look(
        self,
        work: Callable[[], Sequence[Face | None]],
        picture: Picture,
        wanted: Sequence[Box],
        recogniser: Recogniser | None,
    ) -> dict[int, NDArray[np.float32]]:
        """Find faces in a picture; return the templates of those that are wanted, with a `recogniser`."""
        began_s = time.process_time()
        faces = [face for face in work() if face is not None]
        self.spent_s += time.process_time() - began_s
        at = {number: face for number, box in enumerate(wanted) if (face := _at(box, faces)) is not None}
        self.found += len(at)
        made = {n: _template(recogniser, picture, face.landmarks) for n, face in at.items()} if recogniser else {}
        return {number: template for number, template in made.items() if template is not None}


def pairs(detector: PartialDetector, recogniser: Recogniser) -> dict[str, float]:
    """Return the share of pairs of photographs of one person that are missed, by where landmarks come from."""
    folders = (one for one in sorted((FACES / "lfw").iterdir()) if len(list(one.iterdir())) > 1)
    people: list[list[tuple[Picture, Face]]] = []
    for folder in track(list(islice(folders, PAIRS)), description="pairs"):
        shown = [np.asarray(cv2.imread(str(file)), dtype=np.uint8) for file in sorted(folder.iterdir())[:2]]
        faces = [_middle(detector.detect(picture)) for picture in shown]
        found = [(picture, face) for picture, face in zip(shown, faces, strict=True) if face is not None]
        if len(found) == len(shown):
            people.append(found)
    usual = np.mean([_within(face) for shown in people for _, face in shown], axis=0)
    generator = np.random.default_rng(2)
    boxes = {
        id(face): _face(_wrong(np.array([face.left, face.top, face.right, face.bottom]), generator))
        for shown in people
        for _, face in shown
    }

    def by_onet(picture: Picture, face: Face) -> Landmarks | None:
        (again,) = detector.follow(picture, [boxes[id(face)]])
        return again.landmarks if again is not None else None

    def by_box(_: Picture, face: Face) -> Landmarks | None:
        box = boxes[id(face)]
        corner, size = np.array([box.left, box.top]), np.array([box.width, box.height])
        points: Landmarks = (corner + usual * size).astype(np.float32)
        return points

    sources: dict[str, Callable[[Picture, Face], Landmarks | None]] = {
        "own": lambda _, face: face.landmarks,
        "onet": by_onet,
        "box": by_box,
    }
    every = [one for shown in people for one in shown]
    moved = {
        f"moved_{share:g}": float(np.mean([_finds(detector, picture, face, share) for picture, face in every]))
        for share in MOVED
    }
    return moved | {f"missed_{name}": _missed(recogniser, people, landmarks) for name, landmarks in sources.items()}


def _missed(
    recogniser: Recogniser,
    people: Sequence[Sequence[tuple[Picture, Face]]],
    landmarks: Callable[[Picture, Face], Landmarks | None],
) -> float:
    """Return the share of people whose second photograph does not match the first; photographs without face do not."""
    made = [
        [
            _template(recogniser, picture, points) if (points := landmarks(picture, face)) is not None else None
            for picture, face in shown
        ]
        for shown in people
    ]
    whole = [(one[0], one[1]) for one in made if one[0] is not None and one[1] is not None]
    scores = np.stack([first for first, _ in whole]) @ np.stack([second for _, second in whole]).T
    strangers = scores[~np.eye(len(whole), dtype=bool)]
    matched = np.count_nonzero(np.diag(scores) >= np.quantile(strangers, 1 - FMR))
    return 1 - float(matched) / len(people)


def _wanted(truths: Sequence[Truth]) -> list[Box]:
    """Return the boxes of the faces that must be found."""
    return [one.box for one in truths if one.visible >= MIN_VISIBLE and one.box[2] - one.box[0] >= MIN_WIDTH_PX]


def _finds(detector: PartialDetector, picture: Picture, face: Face, share: float) -> bool:
    """Whether the face is found in its box when that is moved to the right by a share of its width."""
    off = share * face.width
    (found,) = detector.follow(picture, [_face(np.array([face.left + off, face.top, face.right + off, face.bottom]))])
    return found is not None and abs(found.left - face.left) < 0.2 * face.width


def _wrong(box: Box, generator: np.random.Generator) -> Box:
    size = np.tile(box[2:] - box[:2], 2)
    return np.asarray(box + generator.normal(0, ERROR, 4) * size)


def _face(box: Box) -> Face:
    left, top, right, bottom = box.tolist()
    return Face(left, top, right, bottom, 1.0, np.zeros((5, 2), dtype=np.float32))


def _at(box: Box, faces: Sequence[Face]) -> Face | None:
    best = max(faces, key=lambda face: _overlap(box, face), default=None)
    return best if best is not None and _overlap(box, best) >= MIN_OVERLAP else None


def _overlap(box: Box, face: Face) -> float:
    width = min(box[2], face.right) - max(box[0], face.left)
    height = min(box[3], face.bottom) - max(box[1], face.top)
    common = max(width, 0) * max(height, 0)
    return float(common / ((box[2] - box[0]) * (box[3] - box[1]) + face.width * face.height - common))


def _middle(faces: Sequence[Face]) -> Face | None:
    return min(
        faces, key=lambda face: abs(face.left + face.right - 250) + abs(face.top + face.bottom - 250), default=None
    )


def _within(face: Face) -> NDArray[np.float64]:
    corner, size = np.array([face.left, face.top]), np.array([face.width, face.height])
    return np.asarray((face.landmarks - corner) / size)


def _template(recogniser: Recogniser, picture: Picture, landmarks: Landmarks) -> NDArray[np.float32] | None:
    try:
        aligned = align(picture, landmarks)
    except LandmarksError:
        return None
    made: NDArray[np.float32] = recogniser.embed(aligned[np.newaxis])[0]
    return made


if __name__ == "__main__":
    print(measure())
