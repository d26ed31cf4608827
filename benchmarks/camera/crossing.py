"""Listed people whose track was another person's before: how many raise no alert, and who else gets into theirs.

    python -m benchmarks camera.crossing

Composed scenes (`takeovers` and `crowd` in `tests/support`) of people of LFW, one photograph on the way and another
listed, looked at 7.5 times a second, go through tracking, the choice of crops, templates and decisions with the pack
`standard`, at its threshold for 1,000 templates and an FPIR of 1e-4. Of each takeover the second person is listed, of
a crowd every second one. `true_tracks` gives each person a track of their own: no tracker could do better. `missed` are
the listed people of whom it sends a crop, and of whom none is in an alert about them; `misled` are crops of others in
an alert; `passages` the passages counted for each person of whom a crop came.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.recognition.faces import FACES, PACK
from cekalwatch.camera.detection.best_shot import BestShots
from cekalwatch.camera.detection.colours import Colours, colours_of
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.contract.values.thresholds import Threshold, ThresholdSource
from cekalwatch.evaluation.templates import middle_face
from cekalwatch.program.logs import configure_logs
from cekalwatch.server.gallery.snapshot import SearchedModel
from cekalwatch.server.recognition.enrolment import plain_and_reference
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.storage.database import Database
from cekalwatch.vision.alignment import align
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.quality import measure as measure_quality
from cekalwatch.vision.runtime import limit_native_threads
from tests.support.builders.alerts import NOON, capture
from tests.support.builders.crowd import SIZE, Scene, crowd, takeovers
from tests.support.scenarios.crowd_pictures import Look, Truth, draw, look_of
from tests.support.scenarios.deciding import CROP, DecidingCounter

PEOPLE: Final = 40
SCENES: Final = {"takeovers": range(8), "crowd": range(6)}
EVERY: Final = 2
MIN_VISIBLE: Final = 0.5
THRESHOLD_FOR: Final = (1_000, 1e-4)
"""Templates of a list, and FPIR."""

Follow = Callable[[Sequence[Face], Sequence[Colours], Sequence[int | None], float], Sequence[int]]
"""Returns the track of each face, of which the third parameter has the passages, None for an unknown one."""


@dataclass(frozen=True)
class Sent:
    """A crop that the camera client sent, and whose it is."""

    track: str
    at: datetime
    quality: float
    template: NDArray[np.float32]
    passage: int | None


@dataclass
class Found:
    """What came of the scenes of one kind."""

    listed: int = 0
    missed: int = 0
    misled: int = 0
    people: int = 0
    passages: int = 0


class Study:
    """The looks, templates and list of the people."""

    def __init__(self) -> None:
        if not (FACES / "lfw").is_dir():
            raise FileNotFoundError(f"{FACES / 'lfw'} (one folder a person)")
        limit_native_threads(1)
        pack = load_pack(PACK)
        self.detector = open_detector(PACK, threads=1)
        self._recogniser = open_engine(pack, threads=1).recogniser
        threshold = Threshold(
            pack.decision_thresholds.threshold(*THRESHOLD_FOR),
            ThresholdSource.SETTINGS,
            THRESHOLD_FOR[1],
            extrapolated=False,
        )
        self.model = SearchedModel(
            pack.model_version, pack.recogniser.size, lambda _: threshold, pack.likeness, pack.cohort
        )
        self.looks: dict[int, list[Look]] = {}
        self.references: dict[int, NDArray[np.float32]] = {}
        folders = (folder for folder in sorted((FACES / "lfw").iterdir()) if len(list(folder.iterdir())) > 1)
        for folder in folders:
            listed, shown = sorted(folder.iterdir())[:2]
            reference, look = self.reference(listed), look_of(shown, len(self.looks), self.detector)
            if reference is not None and look is not None:
                self.references[len(self.looks)] = reference
                self.looks[len(self.looks)] = [look]
            if len(self.looks) == PEOPLE:
                break

    def reference(self, file: Path) -> NDArray[np.float32] | None:
        """Return the template of a listed photograph; None where no face is found."""
        picture = np.asarray(cv2.imread(str(file)), np.uint8)
        face = middle_face(self.detector.detect(picture), picture)
        return None if face is None else plain_and_reference(self._recogniser, align(picture, face.landmarks))[1]

    def template(self, sent: FaceCapture) -> NDArray[np.float32]:
        """Return the template of a crop."""
        picture = np.asarray(cv2.imdecode(np.frombuffer(sent.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        aligned = align(picture, np.array(sent.landmarks, np.float32))
        return np.asarray(self._recogniser.embed(aligned[np.newaxis])[0], np.float32)


@dataclass
class Chain:
    """A camera client from tracking on; it remembers whose face each track had at each moment."""

    follow: Follow
    best_shots: BestShots = field(default_factory=lambda: BestShots(CapturePolicy()))
    sent: list[FaceCapture] = field(default_factory=list)
    whose: dict[tuple[str, datetime], int | None] = field(default_factory=dict)

    def see(
        self, frame: Frame, faces: Sequence[Face], colours: Sequence[Colours], people: Sequence[int | None]
    ) -> None:
        """Take a frame's faces."""
        tracks = self.follow(faces, colours, people, frame.at_s)
        for number, face, passage in zip(tracks, faces, people, strict=True):
            self.whose[str(number), frame.captured_at] = passage
            if self.best_shots.wants(number, face):
                shot = self.best_shots.offer(number, frame, face, measure_quality(frame.picture, face))
                self.sent += [shot] if shot else []

    def crops(self, study: Study) -> Iterator[Sent]:
        """End the tracks; yield what was sent."""
        for number in sorted({int(number) for number, _ in self.whose}):
            self.sent += self.best_shots.end(number)
        for one in self.sent:
            passage = self.whose[one.track_id, one.captured_at]
            yield Sent(one.track_id, one.captured_at, one.quality.score, study.template(one), passage)


def by_tracker() -> Follow:
    """Follow as the camera client does."""
    tracker = Tracker()
    return lambda faces, colours, _, at_s: tracker.update(faces, colours, SIZE, at_s).tracks


def by_truth(
    _faces: Sequence[Face], _colours: Sequence[Colours], people: Sequence[int | None], at_s: float
) -> Sequence[int]:
    """Follow without a mistake; a face that is nobody's is a track by itself."""
    return [1_000_000 + round(at_s * 1000) * 100 + n if who is None else who for n, who in enumerate(people)]


def whose(face: Face, truths: Sequence[Truth]) -> int | None:
    """Return the passage whose face this is."""
    return next(
        (
            truth.passage
            for truth in truths
            if truth.visible >= MIN_VISIBLE
            and np.linalg.norm(truth.landmarks[2] - face.landmarks[2]) < face.eye_distance
        ),
        None,
    )


def watch(study: Study, scene: Scene) -> list[list[Sent]]:
    """Return the crops of a scene, as the tracker's tracks and as true ones."""
    chains = [Chain(by_tracker()), Chain(by_truth)]
    for at_s, picture, truths in draw(scene, study.looks, EVERY):
        faces = study.detector.detect(picture)
        frame = Frame(picture, NOON + timedelta(seconds=at_s), at_s)
        colours, people = [colours_of(picture, face) for face in faces], [whose(face, truths) for face in faces]
        for chain in chains:
            chain.see(frame, faces, colours, people)
    return [list(chain.crops(study)) for chain in chains]


def decide(counter: DecidingCounter, scene: Scene, sent: Sequence[Sent], found: Found, listed: set[int]) -> None:
    """Let the server decide the crops of a scene, of whose passages some are `listed`; add what came of it."""
    crops = dict[str, Sent]()
    for one in sent:
        seen = capture(
            passage=one.track,
            at=one.at,
            quality=one.quality,
            jpeg=CROP,
        )
        crops[seen.capture_id] = one
        counter.sees(one.template, probe=seen)
    named: dict[int | None, set[str]] = defaultdict(set)
    for alert in counter.raised():
        subjects = {candidate.subject_id for candidate in alert.candidates}
        for one in (crops[sighting.capture_id] for sighting in alert.sightings if sighting.capture_id in crops):
            named[one.passage] |= subjects
            found.misled += one.passage is None or _key(scene, one.passage) not in subjects
    found.people += len(_people(sent))
    found.passages += len(counter.begun)
    found.listed += len(listed)
    found.missed += sum(_key(scene, passage) not in named[passage] for passage in listed)


def _people(sent: Sequence[Sent]) -> set[int]:
    return {one.passage for one in sent if one.passage is not None}


def _key(scene: Scene, passage: int) -> str:
    return f"S-{scene.passages[passage].person}"


def measure() -> dict[str, float]:
    """Return the figures `camera.crossing_…`; raises FileNotFoundError where the data set is not there."""
    configure_logs("warning")
    study, figures = Study(), dict[str, float]()
    for kind, seeds in SCENES.items():
        found = {"": Found(), "_true_tracks": Found()}
        with tempfile.TemporaryDirectory() as folder:
            for seed in track(seeds, description=kind):
                scene = (takeovers if kind == "takeovers" else crowd)(seed, PEOPLE)
                listed = set(range(1, len(scene.passages), 2))
                chains = watch(study, scene)
                listed &= _people(chains[-1])
                for (label, sums), sent in zip(found.items(), chains, strict=True):
                    with closing(Database(f"sqlite:///{Path(folder) / f'{seed}{label}.sqlite3'}")) as database:
                        database.upgrade()
                        counter = DecidingCounter(database, study.model)
                        for passage in listed:
                            person = scene.passages[passage].person
                            counter.listed_face(f"S-{person}", study.references[person])
                        decide(counter, scene, sent, sums, listed)
        for label, sums in found.items():
            name = f"camera.crossing_{kind}{label}"
            figures[f"{name}_listed"] = sums.listed
            figures[f"{name}_missed"] = sums.missed
            figures[f"{name}_misled"] = sums.misled
            figures[f"{name}_passages"] = round(sums.passages / sums.people, 3)
    return figures


if __name__ == "__main__":
    print(measure())
