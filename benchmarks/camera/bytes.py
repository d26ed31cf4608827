"""What a camera client sends of a passage compared with a video, and how soon the first crop is ready.

    python -m benchmarks camera.bytes

Composed scenes (`crowd` in `tests/support`) of 1280x720 at 15 frames a second, somebody coming every three seconds, go
through the client with the default policy, heartbeats included; ffmpeg encodes the same frames as H.264 at 1 Mbit/s.
The first crop's delay is the scene's time of frames that were not searched and the client's processor time, from the
first frame with a fit face until the crop is in the outbox.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from rich.progress import track

from benchmarks.camera.tracking import looks_of_people
from benchmarks.recognition.faces import PACK
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.detection.best_shot import BestShots
from cekalwatch.camera.detection.colours import Colours
from cekalwatch.camera.detection.pipeline import Pipeline
from cekalwatch.camera.detection.tracker import Tracker, Update
from cekalwatch.camera.outbox import capture_message
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.contract.codec.captures import FROM_CAMERA
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.quality import measure as measure_quality
from tests.support.builders.crowd import FRAME_RATE, SIZE, Scene, crowd
from tests.support.scenarios.crowd_pictures import Look, Truth, draw

SCENES: Final = range(200, 204)
PEOPLE: Final = 20
EVERY_S: Final = 4.8
"""Two thirds of what happens brings two people."""
BIT_RATE: Final = "1M"
EMPTY_FRAMES: Final = 10 * FRAME_RATE
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    """A capture that was put into the outbox."""

    capture: FaceCapture
    at_s: float
    """The scene's time of the frame that the client was at."""
    cpu_s: float
    """Processor time since that frame came."""


class Film:
    """A source of frames, each when the one before is done; remembers where it is."""

    name, endless, can_wait, dropped = "film", False, False, 0

    def __init__(self, frames: Iterable[tuple[float, Picture]]) -> None:
        self._frames = frames
        self.faults: Mapping[StreamFault, int] = {}
        self.at_s = self.begun_s = 0.0

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames."""
        for at_s, picture in self._frames:
            self.at_s, self.begun_s = at_s, time.thread_time()
            yield Frame(picture, BEGIN + timedelta(seconds=at_s), at_s)

    def close(self) -> None:
        """Nothing is open."""


class Book(Outbox):
    """An outbox that writes down when each capture came."""

    def __init__(self, film: Film) -> None:
        super().__init__(1000, SystemClock())
        self._film = film
        self.sent: list[Sent] = []

    def put(self, capture: FaceCapture) -> None:
        """Write it down; it need not be held."""
        self.sent.append(Sent(capture, self._film.at_s, time.thread_time() - self._film.begun_s))


class Following(Tracker):
    """A tracker that remembers where each track was."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[tuple[str, float], Face] = {}

    def update(self, faces: Sequence[Face], colours: Sequence[Colours], view: tuple[int, int], at_s: float) -> Update:
        """Track, and remember."""
        update = super().update(faces, colours, view, at_s)
        self.places |= {(str(number), at_s): face for number, face in zip(update.tracks, faces, strict=True)}
        return update


def measure() -> dict[str, float]:
    """Return `camera.bytes_…` and `camera.first_crop_…`; raises FileNotFoundError without photographs or ffmpeg."""
    if shutil.which("ffmpeg") is None:
        raise FileNotFoundError("ffmpeg (apt-get install ffmpeg)")
    detector = open_detector(PACK, threads=1)
    looks = looks_of_people(PEOPLE, detector)
    crops = passages = video = 0
    seconds = 0.0
    delays_s: list[float] = []
    with TemporaryDirectory() as folder:
        for seed in track(SCENES, description="scenes"):
            scene = crowd(seed, PEOPLE, every_s=EVERY_S)
            sent, those, size = _run(scene, looks, detector, Path(folder) / "scene.mp4")
            crops += sum(capture_message.to_request(one.capture).ByteSize() for one in sent)
            passages += len({one.capture.track_id for one in sent})
            video += size
            seconds += scene.frames / FRAME_RATE
            delays_s += those
    sent_s = [delay_s for delay_s in delays_s if math.isfinite(delay_s)]
    film = Film((at_s, picture) for at_s, picture, _ in _empty(looks))
    empty, statistics = _pipeline(film, Following(), detector)
    heartbeat = FROM_CAMERA.write(statistics.heartbeat()).ByteSize()
    heartbeats = round(heartbeat * seconds / ServerSettings.model_fields["heartbeat_period_seconds"].default)
    return {
        "camera.bytes_ratio": round(video / (crops + heartbeats), 2),
        "camera.bytes_a_passage": round(crops / passages),
        "camera.bytes_video_a_passage": round(video / passages),
        "camera.bytes_passages": passages,
        "camera.bytes_heartbeat": heartbeat,
        "camera.bytes_empty_scene_crops": len(empty),
        "camera.first_crop_p95_ms": round(1000 * float(np.percentile(sent_s, 95)), 1),
        "camera.first_crop_p50_ms": round(1000 * float(np.percentile(sent_s, 50)), 1),
        "camera.first_crop_measured": len(sent_s),
        "camera.first_crop_never": len(delays_s) - len(sent_s),
    }


def _run(
    scene: Scene, looks: dict[int, list[Look]], detector: FaceDetector, file: Path
) -> tuple[list[Sent], list[float], int]:
    """Return what was sent of a scene, the delays of the first crops (infinite where none came), the video's size."""
    truths_at: dict[float, list[Truth]] = {}
    fit_at_s: dict[int, float] = {}
    size = f"{SIZE[0]}x{SIZE[1]}"
    raw = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", str(FRAME_RATE), "-i", "-")
    coded = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", BIT_RATE, "-maxrate", BIT_RATE, "-bufsize", "2M")
    encoder = subprocess.Popen(
        ["ffmpeg", "-y", "-loglevel", "error", *raw, *coded, "-threads", "1", str(file)], stdin=subprocess.PIPE
    )

    def frames() -> Iterator[tuple[float, Picture]]:
        assert encoder.stdin is not None
        for at_s, picture, truths in draw(scene, looks):
            encoder.stdin.write(picture.tobytes())
            truths_at[at_s] = truths
            for face in detector.detect(picture):
                passage = _passage_of(face, truths)
                if passage is not None and passage not in fit_at_s and _fits(face, picture):
                    fit_at_s[passage] = at_s
            yield at_s, picture
        encoder.stdin.close()

    film, tracker = Film(frames()), Following()
    sent, _ = _pipeline(film, tracker, detector)
    if encoder.wait() != 0:
        raise RuntimeError("ffmpeg could not encode the scene")
    delays_s: dict[int, float] = {}
    for one in sent:
        taken_s = round((one.capture.captured_at - BEGIN).total_seconds(), 6)
        at_s = min(truths_at, key=lambda moment: abs(moment - taken_s))
        passage = _passage_of(tracker.places[one.capture.track_id, at_s], truths_at[at_s])
        if passage is not None and passage in fit_at_s:
            delays_s.setdefault(passage, one.at_s - fit_at_s[passage] + one.cpu_s)
    return sent, [delays_s.get(passage, math.inf) for passage in fit_at_s], file.stat().st_size


def _pipeline(film: Film, tracker: Tracker, detector: FaceDetector) -> tuple[list[Sent], CameraStatistics]:
    book = Book(film)
    statistics = CameraStatistics(book, SystemClock())
    whole_every_s = OneCamera.model_fields["search_whole_seconds"].default
    Pipeline(film, detector, tracker, book, statistics, whole_every_s=whole_every_s).run()
    return book.sent, statistics


def _empty(looks: dict[int, list[Look]]) -> Iterator[tuple[float, Picture, list[Truth]]]:
    """Give frames in which nobody is: those of a scene before anybody has come, again and again."""
    first = next(draw(crowd(SCENES[0], PEOPLE), looks))[1]
    dice = np.random.default_rng(0)
    for number in range(EMPTY_FRAMES):
        noise = dice.normal(0, 2, first.shape)
        yield number / FRAME_RATE, np.clip(first + noise, 0, 255).astype(np.uint8), []


def _fits(face: Face, picture: Picture) -> bool:
    best_shots = BestShots(CapturePolicy())
    frame = Frame(picture, BEGIN, 0.0)
    return best_shots.wants(1, face) and best_shots.offer(1, frame, face, measure_quality(picture, face)) is not None


def _passage_of(face: Face, truths: Iterable[Truth]) -> int | None:
    """Return whose face it is: of those in whose box the nose is, the least hidden."""
    x, y = face.landmarks[2]
    own = [truth for truth in truths if truth.box[0] < x < truth.box[2] and truth.box[1] < y < truth.box[3]]
    return max(own, key=lambda truth: truth.visible).passage if own else None


if __name__ == "__main__":
    for figure, value in measure().items():
        print(figure, value)
