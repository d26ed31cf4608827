"""Whether a passage stays one track: composed scenes with known truth, our tracker beside well-known ones.

    python -m benchmarks camera.tracking

Sixteen scenes (`crowd` in `tests/support`) of ten people of LFW each. Every tracker gets the same detections, of each
frame (15 a second) and of each second, third and fourth. A face counts when half of it is visible and it is 20 pixels
wide; boxes match at an overlap of 0.4. Figures are motmetrics' (MOTA: Bernardin and Stiefelhagen 2008; IDF1: Ristani et
al. 2016); `shared` are tracks of several people. The other trackers are of Roboflow's `trackers`, which `pip install
trackers` adds, at their usual overlap and at their best one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import motmetrics
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from benchmarks.recognition.faces import FACES, PACK
from cekalwatch.camera.detection.colours import Colours, colours_of
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, FaceDetector
from cekalwatch.vision.runtime import limit_native_threads
from tests.support.builders.crowd import FRAME_RATE, SIZE, crowd
from tests.support.scenarios.crowd_pictures import Look, Truth, draw, look_of

SCENES: Final = range(16)
PEOPLE: Final = 40
PHOTOGRAPHS: Final = 3
EVERY: Final = (1, 2, 3, 4)
MIN_OVERLAP: Final = 0.4
MIN_VISIBLE: Final = 0.5
MIN_WIDTH_PX: Final = 20

Boxes = NDArray[np.float64]
"""Left, top, right, bottom; shape (n, 4)."""
Frames = list[tuple[float, list[Face], list[Colours], list[Truth]]]
"""Second, faces with their colours, and the truth of each frame."""


class Follower(Protocol):
    """What is measured: takes the faces of a frame, and returns the boxes that it has tracks for, with the tracks."""

    def __call__(self, faces: Sequence[Face], colours: Sequence[Colours], at_s: float) -> tuple[list[int], Boxes]:
        """Take the faces of the frame at `at_s`."""


def looks_of_people(people: int, detector: FaceDetector) -> dict[int, list[Look]]:
    """Return the looks of the first `people` of LFW; raises FileNotFoundError where the photographs are not there."""
    if not (FACES / "lfw").is_dir():
        raise FileNotFoundError(f"{FACES / 'lfw'} (one folder a person)")
    limit_native_threads(1)
    folders = [folder for folder in sorted((FACES / "lfw").iterdir()) if len(list(folder.iterdir())) >= PHOTOGRAPHS]
    return {
        number: [look for file in sorted(folder.iterdir())[:PHOTOGRAPHS] if (look := look_of(file, number, detector))]
        for number, folder in enumerate(folders[:people])
    }


def scenes() -> list[Frames]:
    """Return the detections and the truth of each scene; raises FileNotFoundError where there are no photographs."""
    detector = open_detector(PACK, threads=1)
    looks = looks_of_people(PEOPLE, detector)
    return [
        [
            (at_s, faces, [colours_of(picture, face) for face in faces], truths)
            for at_s, picture, truths in draw(crowd(seed, PEOPLE), looks)
            for faces in (detector.detect(picture),)
        ]
        for seed in track(SCENES, description="scenes")
    ]


def ours(frames_per_s: float) -> Follower:  # noqa: ARG001  # reckons by time, and not by frames
    """Return our tracker."""
    tracker = Tracker()

    def follow(faces: Sequence[Face], colours: Sequence[Colours], at_s: float) -> tuple[list[int], Boxes]:
        return list(tracker.update(faces, colours, SIZE, at_s).tracks), _boxes(faces)

    return follow


def another(name: str, **settings: float) -> Callable[[float], Follower]:
    """Return what makes the tracker of that name in `trackers`."""
    import supervision
    import trackers

    def make(frames_per_s: float) -> Follower:
        # Their memory is given in frames at 30 a second: one second.
        tracker = getattr(trackers, name)(
            frame_rate=frames_per_s, lost_track_buffer=30, minimum_consecutive_frames=1, **settings
        )

        def follow(
            faces: Sequence[Face],
            colours: Sequence[Colours],  # noqa: ARG001  # knows places only
            at_s: float,  # noqa: ARG001  # reckons by frames
        ) -> tuple[list[int], Boxes]:
            scores = np.array([face.score for face in faces], dtype=np.float64)
            kinds = np.zeros(len(faces), dtype=np.int64)
            found: Any = tracker.update(supervision.Detections(_boxes(faces), confidence=scores, class_id=kinds))
            tracked = found[found.tracker_id >= 0] if found.tracker_id is not None else found[:0]
            return [int(number) for number in tracked.tracker_id], np.asarray(tracked.xyxy, dtype=np.float64)

        return follow

    return make


def followers() -> Mapping[str, Callable[[float], Follower]]:
    """Return what is measured, by the names of the figures."""
    if importlib.util.find_spec("trackers") is None:
        Console().print("[yellow]the other trackers are not measured:[/yellow] pip install trackers")
        return {"ours": ours}
    return {
        "ours": ours,
        "bytetrack": another("ByteTrackTracker", track_activation_threshold=0.5),
        "bytetrack_wide": another("ByteTrackTracker", track_activation_threshold=0.5, minimum_iou_threshold=0.02),
        "sort": another("SORTTracker", minimum_iou_threshold=0.1),
        "ocsort": another("OCSORTTracker", minimum_iou_threshold=0.1),
        "cbiou": another("CBIoUTracker"),
    }


def score(films: Sequence[Frames], make: Callable[[float], Follower], every: int) -> dict[str, float]:
    """Return the figures of a tracker that is given every n-th frame."""
    books: list[motmetrics.MOTAccumulator] = []
    people_of_track: list[set[int]] = []
    for frames in films:
        book, follow = motmetrics.MOTAccumulator(auto_id=True), make(FRAME_RATE / every)
        seen: dict[int, set[int]] = {}
        for at_s, faces, colours, truths in frames[::every]:
            numbers, boxes = follow(faces, colours, at_s)
            overlap = _overlap(np.array([truth.box for truth in truths]).reshape(-1, 4), boxes)
            counted = np.array([_counts(truth) for truth in truths], dtype=bool)
            # A box on somebody who is nearly hidden is neither right nor wrong.
            doubtful = (overlap[~counted] >= MIN_OVERLAP).any(axis=0) & ~(overlap[counted] >= MIN_OVERLAP).any(axis=0)
            overlap = overlap[counted][:, ~doubtful]
            who = [truth.passage for truth, counts in zip(truths, counted, strict=True) if counts]
            which = [number for number, no in zip(numbers, doubtful, strict=True) if not no]
            book.update(who, which, np.where(overlap >= MIN_OVERLAP, 1 - overlap, np.nan))
            for row, column in zip(*np.nonzero(overlap >= MIN_OVERLAP), strict=True):
                if row == overlap[:, column].argmax():
                    seen.setdefault(which[column], set()).add(who[row])
        books.append(book)
        people_of_track += seen.values()
    names = {
        "num_switches": "switches",
        "num_fragmentations": "fragmentations",
        "mota": "mota",
        "idf1": "idf1",
        "num_misses": "misses",
    }
    table = motmetrics.metrics.create().compute_many(books, metrics=list(names), generate_overall=True)
    figures = {name: float(table.loc["OVERALL", theirs]) for theirs, name in names.items()}
    return figures | {"shared": sum(len(people) > 1 for people in people_of_track)}


def measure() -> dict[str, float]:
    """Return the figures `camera.tracking_…`; raises FileNotFoundError where the data set is not there."""
    films = scenes()
    figures: dict[str, float] = {
        "camera.tracking_passages": sum(len({t.passage for *_, truths in film for t in truths}) for film in films)
    }
    for name, make in followers().items():
        for every in EVERY:
            for figure, value in score(films, make, every).items():
                figures[f"camera.tracking_{name}_every_{every}_{figure}"] = round(value, 4)
    return figures


def _counts(truth: Truth) -> bool:
    return truth.visible >= MIN_VISIBLE and bool(truth.box[2] - truth.box[0] >= MIN_WIDTH_PX)


def _boxes(faces: Sequence[Face]) -> Boxes:
    return np.array([[face.left, face.top, face.right, face.bottom] for face in faces], dtype=np.float64).reshape(-1, 4)


def _overlap(ones: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Return each pair's intersection over union."""
    corner = np.maximum(ones[:, None, :2], others[None, :, :2])
    common = np.maximum(np.minimum(ones[:, None, 2:], others[None, :, 2:]) - corner, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (ones, others)]
    return np.asarray(common / (areas[0][:, None] + areas[1][None] - common), dtype=np.float64)


if __name__ == "__main__":
    for figure, value in measure().items():
        print(figure, value)
