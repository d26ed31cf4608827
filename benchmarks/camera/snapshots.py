"""Whether single pictures of a camera (ONVIF Profile T snapshots) are worth fetching beside its stream.

    python -m benchmarks camera.snapshots

Scenes of `crowd` with people of LFW, as in `camera.crossing`. `1m`, `2m` and `4m` are what comes of the camera's
stream: H.264 at 1280x720, 15 frames a second and that many Mbit/s (x264, a key frame each second), decoded and looked
at 7.5 times a second. `snap1` and `snap2` are JPEGs of quality 90 of the same pictures, fetched once and twice a
second; each shows what the camera sees 50 to 350 ms after it was asked. All find faces with our own search, and choose
crops with the default policy. Whose face each is, is known: no snapshot is put to another's passage.

Passages count of which any way, or the pictures without coding 7.5 times a second, has a usable face. `caught` is the
share of these of which one way has it, `like` the mean comparison score of its best crop with the reference, where the
stream at 2 Mbit/s and snapshots once a second both have one, and `missed` the share of passages that do not match where
one of a thousand pairs with other people of LFW does: with the best crop alone (`best`), with all crops fused as the
server does (`all`), and with those of snapshots added (`with_snap1`, `with_snap2`). A passage without a crop is missed.
`ms_snapshot` is the processor time that decoding a snapshot and searching it for faces takes.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.camera.crossing import EVERY, PEOPLE, Chain, Sent, Study, by_truth, whose
from benchmarks.recognition.faces import FACES
from cekalwatch.camera.detection.colours import colours_of
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.program.logs import configure_logs
from cekalwatch.server.capture.passages import Passage
from cekalwatch.vision.faces import Picture
from tests.support.builders.alerts import NOON
from tests.support.builders.crowd import FRAME_RATE, crowd
from tests.support.fakes.rtsp_camera import encode
from tests.support.scenarios.crowd_pictures import Truth, draw

SCENES: Final = range(8)
KBIT: Final = {"1m": 1000, "2m": 2000, "4m": 4000}
A_SECOND: Final = {"snap1": 1.0, "snap2": 2.0}
DELAY_S: Final = (0.05, 0.35)
JPEG: Final = 90
STRANGERS: Final = 400
FMR: Final = 1e-3
PLAIN: Final = "uncoded"
COMPARED: Final = ("2m", "snap1")

Template = NDArray[np.float32]
Drawn = Sequence[tuple[float, Picture, list[Truth]]]
Crops = Mapping[tuple[int, int], Sequence[Sent]]
"""Crops of each passage: scene, and its number there."""


def measure() -> dict[str, float]:
    """Return the figures `snapshots.…`; raises FileNotFoundError where the photographs are not there."""
    configure_logs("warning")
    study, spent = Study(), Spent()
    crops: dict[str, dict[tuple[int, int], list[Sent]]] = defaultdict(lambda: defaultdict(list))
    people: dict[tuple[int, int], int] = {}
    for seed in track(SCENES, description="scenes"):
        scene = crowd(seed, PEOPLE)
        drawn = list(draw(scene, study.looks))
        people |= {(seed, number): passage.person for number, passage in enumerate(scene.passages)}
        for way, frames in _ways(drawn, seed, spent):
            for sent in _crops(study, frames, spent):
                if sent.passage is not None:
                    crops[way][seed, sent.passage].append(sent)
    folders = islice(sorted((FACES / "lfw").iterdir()), len(study.looks) * 3, None)
    others = [study.reference(next(folder.iterdir())) for folder in islice(folders, STRANGERS)]
    strangers = np.array([one for one in others if one is not None], np.float32)
    owners = {key: study.references[person] for key, person in people.items()}
    return {name: round(value, 4) for name, value in _figures(crops, owners, strangers).items()} | {
        "snapshots.ms_snapshot": round(1000 * float(np.median(spent.decoding_s) + np.median(spent.searching_s)), 2)
    }


@dataclass
class Spent:
    """Processor time of the steps of each picture."""

    decoding_s: list[float] = field(default_factory=list)
    searching_s: list[float] = field(default_factory=list)


def _ways(drawn: Drawn, seed: int, spent: Spent) -> Iterator[tuple[str, Drawn]]:
    """Give the frames that each way has of a scene."""
    yield PLAIN, drawn[::EVERY]
    with tempfile.TemporaryDirectory() as folder:
        for way, kbit in KBIT.items():
            film = encode((picture for _, picture, _ in drawn), Path(folder) / f"{way}.h264", kbit=kbit)
            decoded = _decoded(film)
            if len(decoded) != len(drawn):
                raise RuntimeError(f"{len(drawn)} frames were coded, and {len(decoded)} decoded")
            yield way, [(at_s, shown, truth) for (at_s, _, truth), shown in zip(drawn, decoded, strict=True)][::EVERY]
    dice = np.random.default_rng(seed)
    for way, a_second in A_SECOND.items():
        asked_s = np.arange(dice.uniform(0, 1 / a_second), drawn[-1][0] - DELAY_S[1], 1 / a_second)
        places = np.rint((asked_s + dice.uniform(*DELAY_S, len(asked_s))) * FRAME_RATE).astype(int)
        yield way, [_snapshot(drawn[place], spent) for place in places]


def _snapshot(shown: tuple[float, Picture, list[Truth]], spent: Spent) -> tuple[float, Picture, list[Truth]]:
    at_s, picture, truth = shown
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG])[1]
    began_s = time.process_time()
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    spent.decoding_s.append(time.process_time() - began_s)
    return at_s, decoded, truth


def _decoded(film: Path) -> list[Picture]:
    """Return the pictures of a film, as the camera client's decoder gives them."""
    capture, pictures = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG), list[Picture]()
    while (answer := capture.read())[0]:
        pictures.append(np.asarray(answer[1], np.uint8))
    capture.release()
    return pictures


def _crops(study: Study, frames: Drawn, spent: Spent) -> Iterator[Sent]:
    """Give the crops that a camera client sends of these frames, whose tracks are the truth."""
    chain = Chain(by_truth)
    for at_s, picture, truths in frames:
        began_s = time.process_time()
        faces = study.detector.detect(picture)
        spent.searching_s.append(time.process_time() - began_s)
        people = [whose(face, truths) for face in faces]
        frame = Frame(picture, NOON + timedelta(seconds=at_s), at_s)
        chain.see(frame, faces, [colours_of(picture, face) for face in faces], people)
    yield from chain.crops(study)


def _figures(
    crops: Mapping[str, Crops], owners: Mapping[tuple[int, int], Template], strangers: Template
) -> dict[str, float]:
    usable = sorted({key for way in crops.values() for key in way})
    figures = {"snapshots.passages": float(len(usable))}
    for way, found in crops.items():
        figures[f"snapshots.caught_{way}"] = float(np.mean([key in found for key in usable]))
    both = [key for key in usable if all(key in crops[way] for way in COMPARED)]
    figures["snapshots.compared"] = float(len(both))
    for way in (PLAIN, *KBIT, *A_SECOND):
        found = crops[way]
        alike = [float(_best(found[key]) @ owners[key]) for key in both if key in found]
        figures[f"snapshots.like_{way}"] = float(np.mean(alike))
        figures[f"snapshots.missed_best_{way}"] = _missed(
            {key: _best(sent) for key, sent in found.items()}, usable, owners, strangers
        )
        for added in ("", *A_SECOND) if way in KBIT else ("",):
            whole = {key: [*found.get(key, ()), *(crops[added].get(key, ()) if added else ())] for key in usable}
            figures[f"snapshots.missed_all_{way}{added and '_with_' + added}"] = _missed(
                {key: _fused(sent) for key, sent in whole.items() if sent}, usable, owners, strangers
            )
    return figures


def _best(sent: Sequence[Sent]) -> Template:
    return max(sent, key=lambda one: one.quality).template


def _fused(sent: Sequence[Sent]) -> Template:
    passage = Passage()
    return [passage.fuse(str(uuid.uuid4()), one.template, one.quality) for one in sent][-1]


def _missed(
    templates: Mapping[tuple[int, int], Template],
    usable: Sequence[tuple[int, int]],
    owners: Mapping[tuple[int, int], Template],
    strangers: Template,
) -> float:
    """Return the share of passages that do not match their reference; those without a template do not."""
    threshold = np.quantile(np.stack(list(templates.values())) @ strangers.T, 1 - FMR)
    return 1 - sum(bool(one @ owners[key] >= threshold) for key, one in templates.items()) / len(usable)


if __name__ == "__main__":
    print(measure())
