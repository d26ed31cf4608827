"""Whether the crops chosen of a passage are those that recognition wants, compared with its first and its largest.

    python -m benchmarks camera.best_shot

Composed passages (`single_passages` in `tests/support`) change size, light, defocus, smear and picture. Half are of
people of LFW with four photographs, one of which is listed; half of people who are not listed. The list has 400. FNIR
is at an FPIR of 1e-2, each way at its own threshold; `_32px` is the default policy, the others take faces from 12
pixels between the eyes. cctv: five frames of each of thirteen people, from 8 pixels, at the threshold of the chosen.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.recognition.faces import FACES, PACK
from cekalwatch.camera.detection.best_shot import BestShots
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.evaluation.people import EvaluationProbe
from cekalwatch.evaluation.statistics.metrics import fnir, threshold_at
from cekalwatch.evaluation.statistics.trials import WatchedList
from cekalwatch.evaluation.templates import middle_face
from cekalwatch.server.capture.passages import Passage
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.enrolment import plain_and_reference
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.quality import measure as measure_quality
from cekalwatch.vision.runtime import limit_native_threads
from tests.support.builders.single_passages import single_passage
from tests.support.scenarios.crowd_pictures import draw, look_of

SEED: Final = 2
LISTED: Final = 400
NOT_LISTED: Final = 150
SHOWN: Final = 3
EVERY: Final = 2
FPIR: Final = 1e-2
POLICIES: Final = {"": CapturePolicy(min_eye_distance_px=12), "_32px": CapturePolicy()}
CCTV_POLICY: Final = CapturePolicy(min_eye_distance_px=8)
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
WAYS: Final = ("first", "largest", "best", "chosen")


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face of a passage with the frame that it is in."""

    frame: Frame
    face: Face


class Study:
    """What is needed to follow passages and to make templates of them."""

    def __init__(self) -> None:
        if not (FACES / "lfw").is_dir():
            raise FileNotFoundError(f"{FACES / 'lfw'} (one folder a person)")
        limit_native_threads(1)
        self._detector: FaceDetector = open_detector(PACK, threads=1)
        pack = load_pack(PACK)
        self._recogniser: Recogniser = open_engine(pack, threads=1).recogniser
        self._size = pack.recogniser.size

    def reference(self, file: Path) -> NDArray[np.float32] | None:
        """Return the template of a listed photograph; None where no face is found."""
        picture = _read(file)
        face = middle_face(self._detector.detect(picture), picture)
        return None if face is None else plain_and_reference(self._recogniser, align(picture, face.landmarks))[1]

    def template(self, aligned: Picture) -> NDArray[np.float32]:
        """Return the template of an aligned face."""
        return np.asarray(self._recogniser.embed(aligned[np.newaxis])[0], dtype=np.float32)

    def passage(self, person: int, files: Sequence[Path]) -> list[Sighting]:
        """Return the sightings of a composed passage."""
        looks = [look for file in files if (look := look_of(file, person, self._detector))]
        found = []
        for at_s, picture, truths in draw(single_passage(person, SEED), {person: looks}, EVERY) if looks else ():
            for truth in truths:
                eyes = float(np.linalg.norm(truth.landmarks[1] - truth.landmarks[0]))
                for face in self._detector.detect(picture):
                    if np.linalg.norm(face.landmarks[2] - truth.landmarks[2]) < eyes:
                        found.append(Sighting(Frame(picture, BEGIN + timedelta(seconds=at_s), at_s), face))
                        break
        return found

    def frames(self, files: Sequence[Path]) -> list[Sighting]:
        """Return the sightings in the frames of a real camera, taken for a second apart."""
        found = []
        for number, file in enumerate(files):
            picture = _read(file)
            face = middle_face(self._detector.detect(picture), picture)
            if face is not None:
                found.append(Sighting(Frame(picture, BEGIN + timedelta(seconds=number), float(number)), face))
        return found

    def probes(
        self, person: int, sightings: Sequence[Sighting], policy: CapturePolicy
    ) -> Mapping[str, EvaluationProbe]:
        """Return what is searched with, by the way in which crops are chosen."""
        fitting = list(_fitting(sightings, policy))
        if not fitting:
            return {
                way: EvaluationProbe(person, "", np.zeros((0, self._size), np.float32), 0, whole=True) for way in WAYS
            }
        sent = {
            "first": fitting[:1],
            "largest": [max(fitting, key=lambda one: one.quality.eye_distance_px)],
            "best": [max(fitting, key=lambda one: one.quality.score)],
            "chosen": list(chosen(sightings, policy)),
        }
        return {way: self._probe(person, captures) for way, captures in sent.items()}

    def _probe(self, person: int, captures: Sequence[FaceCapture]) -> EvaluationProbe:
        passage = Passage()
        states = []
        for sent in captures:
            picture = np.asarray(cv2.imdecode(np.frombuffer(sent.jpeg, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
            try:
                aligned = align(picture, np.array(sent.landmarks, dtype=np.float32))
            except LandmarksError:
                continue
            states.append(passage.fuse(str(uuid.uuid4()), self.template(aligned), sent.quality.score))
        rows = np.array(states, dtype=np.float32).reshape(-1, self._size)
        return EvaluationProbe(person, "", rows, len(captures), whole=True)


def measure() -> dict[str, float]:
    """Return the figures `camera.best_shot_…`; raises FileNotFoundError where the data set is not there."""
    study = Study()
    folders = {number: sorted(folder.iterdir()) for number, folder in enumerate(sorted((FACES / "lfw").iterdir()))}
    several = [number for number, files in folders.items() if len(files) > SHOWN]
    mated = several[1::2]
    others = [number for number, files in folders.items() if len(files) == SHOWN - 1][:NOT_LISTED]
    filling = [number for number, files in folders.items() if len(files) == 1][: LISTED - len(mated)]
    watched = _list({number: study.reference(folders[number][0]) for number in (*mated, *filling)})
    found: dict[str, list[Mapping[str, EvaluationProbe]]] = {label: [] for label in POLICIES}
    for number in track((*mated, *others), description="passages"):
        sightings = study.passage(number, folders[number][1 : 1 + SHOWN] if number in mated else folders[number])
        for label, policy in POLICIES.items():
            found[label].append(study.probes(number, sightings, policy))
    figures: dict[str, float] = {
        "camera.best_shot_mated": len(mated),
        "camera.best_shot_non_mated": len(mated) + len(others),
    }
    thresholds: dict[str, float] = {}
    for label, probes in found.items():
        for way in WAYS:
            trials = watched.search([ways[way] for ways in probes], frozenset(mated))
            threshold = threshold_at(trials, FPIR)
            thresholds.setdefault(way, threshold)
            name = f"camera.best_shot_fnir{label}{'' if way == 'chosen' else '_' + way}"
            figures[name] = round(fnir(trials, threshold), 4)
        figures[f"camera.best_shot_crops{label}"] = round(float(np.mean([ways["chosen"].crops for ways in probes])), 2)
    return figures | _cctv(study, watched, thresholds["chosen"])


def _cctv(study: Study, watched: WatchedList, threshold: float) -> dict[str, float]:
    folders = sorted((FACES / "cctv").iterdir())
    # Numbers beyond those of LFW's people.
    own = {100_000 + number: folder for number, folder in enumerate(folders)}
    hard = _list({number: study.reference(folder / "list.jpg") for number, folder in own.items()})
    files = {number: sorted((folder / "cctv").iterdir()) for number, folder in own.items()}
    sightings = {number: study.frames(files[number]) for number in own}
    both = WatchedList(np.concatenate([watched.rows, hard.rows]), np.concatenate([watched.owners, hard.owners]))
    probes = [study.probes(number, sightings[number], CCTV_POLICY) for number in own]
    found = sum(map(len, sightings.values())) / sum(map(len, files.values()))
    return {"camera.cctv_frames_found": round(found, 3)} | {
        f"camera.best_shot_cctv_missed{'' if way == 'chosen' else '_' + way}": round(
            fnir(both.search([ways[way] for ways in probes], frozenset(own)), threshold) * len(own)
        )
        for way in WAYS
    }


def _fitting(sightings: Sequence[Sighting], policy: CapturePolicy) -> Iterator[FaceCapture]:
    """Give what the policy lets a camera send, in the order of time."""
    for sighting in sightings:
        one = BestShots(replace(policy, max_crops_per_track=1))
        capture = _offered(one, sighting)
        if capture:
            yield capture


def chosen(sightings: Sequence[Sighting], policy: CapturePolicy) -> Iterator[FaceCapture]:
    """Give what the camera client sends, in its order."""
    best_shots = BestShots(policy)
    for sighting in sightings:
        capture = _offered(best_shots, sighting)
        if capture:
            yield capture
    yield from best_shots.end(1)


def _offered(best_shots: BestShots, sighting: Sighting) -> FaceCapture | None:
    frame, face = sighting.frame, sighting.face
    if not best_shots.wants(1, face):
        return None
    return best_shots.offer(1, frame, face, measure_quality(frame.picture, face))


def _list(references: Mapping[int, NDArray[np.float32] | None]) -> WatchedList:
    known = {number: row for number, row in sorted(references.items()) if row is not None}
    return WatchedList(np.array(list(known.values()), np.float32), np.array(list(known), np.int64))


def _read(file: Path) -> Picture:
    return np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), dtype=np.uint8)


if __name__ == "__main__":
    print(measure())
