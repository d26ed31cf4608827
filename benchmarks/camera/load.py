"""What the camera client costs, how old its frames are, and how soon the first crop of a passage leaves.

    python -m benchmarks.camera.load

An RTSP server sends H.264 at 1280x720 and 15 frames a second over TCP to the client's process with the default pack's
detector; a capture server gives receipts. One camera with three people in view, then four such cameras in one process,
then one camera with people who come one after another. Costs are processor time of the client and its decoders.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks.camera.probe import RATE, stamped
from cekalwatch.camera.detection.colours import colours_of
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.quality import measure as measure_quality
from deploy.demo.faces import built_in_people
from deploy.demo.scene import Place, Scene, Walk, frames, people_passing
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.fakes.rtsp_camera import RtspCamera, encode, rtsp_camera
from tests.support.tools.packs import standard_pack

THREE_S = 20.0
SETTLING_S = 20.0
MEASURED_S = 30.0
FOUR = 4
SEEN_S = 3.0
"""A first crop belongs to a passage that became fit at most so long before."""


@dataclass(frozen=True)
class Film:
    """What cameras send."""

    file: Path
    frames: int


@dataclass(frozen=True)
class Heard:
    """What one run of the client gave."""

    cores: float
    memory_mb: float
    """Of all its processes; what they share is counted once."""
    before_ms: list[float]
    after_ms: list[float]
    searches_per_s: float
    """Over all cameras."""
    first_crops: list[float]


def film_of(scene: Scene, file: Path, seconds: float) -> Film:
    """Make the film, with each frame's number in it."""
    people = [person for person in built_in_people(open_detector(standard_pack(), 1)) if person.passage_photos]
    count = round(seconds * RATE)
    numbered = (stamped(picture, n) for n, picture in enumerate(frames(scene, people)) if n < count)
    return Film(encode(numbered, file), count)


def three_in_view() -> Scene:
    """Three people who come nearer, side by side."""
    return Scene(
        tuple(
            Walk(
                f"S-00{number + 1}",
                0,
                THREE_S + 1,
                Place(250 + 380 * number, 240, 40),
                Place(300 + 340 * number, 320, 75),
            )
            for number in range(3)
        )
    )


async def heard(camera: RtspCamera, film: Film, cameras: int, seconds: float, folder: Path) -> Heard:
    """Run the client with this many cameras, each of which shows the film."""
    keys = [f"gate-{number}" for number in range(cameras)]
    policy = asdict(CapturePolicy())
    async with serving(CaptureServer(cameras=tuple(keys), heartbeat_period_s=5, policy=policy)) as server:
        lines = [
            f'server_addresses = ["{server.address}"]',
            f'detector = "{standard_pack()}"',
            f'spool_dir = "{folder / "spool"}"',
            f'spool_key = "{folder / "spool.key"}"',
            "region = [[0.0, 0.0], [1.0, 0.97]]",
        ]
        for key in keys:
            lines += ["[[cameras]]", f'camera_id = "{key}"', f'source = "{camera.play(key, film.file)}"']
        (folder / "camera.toml").write_text("\n".join(lines))
        out = folder / "heard.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.camera.probe", str(folder / "camera.toml"), str(out)),
            stdin=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(f"{camera.begin_s} {film.frames}\n".encode())
        await asyncio.sleep(SETTLING_S)
        process.send_signal(signal.SIGUSR1)
        began_s = processor_s(process.pid)
        await asyncio.sleep(seconds)
        cores = (processor_s(process.pid) - began_s) / seconds
        memory_mb = sum(one.memory_full_info().pss for one in family(process.pid)) / 1e6
        process.terminate()
        if await process.wait():
            raise RuntimeError("the camera client failed")
    found = json.loads(out.read_text())
    ages = np.array(found["ages"]) * 1000
    return Heard(cores, memory_mb, ages[:, 0].tolist(), ages[:, 1].tolist(), len(ages) / seconds, found["first_crops"])


def family(pid: int) -> list[psutil.Process]:
    """Return the client and its decoders."""
    client = psutil.Process(pid)
    return [client, *client.children(recursive=True)]


def processor_s(pid: int) -> float:
    """Return the processor time that they have used."""
    return sum(sum(one.cpu_times()[:2]) for one in family(pid))


def fit_from(film: Film) -> list[float]:
    """Return when each passage of the film is fit for the policy for the first time, looking at every frame."""
    detector, tracker, policy = open_detector(standard_pack(), 1), Tracker(), CapturePolicy()
    fit: dict[int, float] = {}
    for number, picture in enumerate(pictures_of(film)):
        height, width = picture.shape[:2]
        faces = detector.detect(picture[: height - 16])
        colours = [colours_of(picture, face) for face in faces]
        update = tracker.update(faces, colours, (width, height), number / RATE)
        for track, face in zip(update.tracks, faces, strict=True):
            if is_fit(picture, face, policy):
                fit.setdefault(track, number / RATE)
    return sorted(fit.values())


def is_fit(picture: Picture, face: Face, policy: CapturePolicy) -> bool:
    """Tell whether a crop of the face could be sent."""
    if face.score < policy.min_detector_score or face.eye_distance < policy.min_eye_distance_px:
        return False
    quality = measure_quality(picture, face)
    turned = abs(quality.yaw_degrees) > policy.max_yaw_degrees or abs(quality.pitch_degrees) > policy.max_pitch_degrees
    return quality.score > 0 and not turned


def pictures_of(film: Film) -> Iterator[Picture]:
    """Decode the film."""
    capture = cv2.VideoCapture(str(film.file), cv2.CAP_FFMPEG)
    while True:
        ok, picture = capture.read()
        if not ok:
            return
        yield np.asarray(picture, np.uint8)


def delays_ms(fit: list[float], left: list[float], length_s: float) -> list[float]:
    """Return for each first crop how long before it its passage became fit; several showings of the film are in it."""
    found = []
    for moment in left:
        before = [(moment - since) % length_s for since in fit]
        if min(before) < SEEN_S:
            found.append(1000 * min(before))
    return found


def measure() -> dict[str, float]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as name, rtsp_camera() as camera:
        folder = Path(name)
        three = film_of(three_in_view(), folder / "three.h264", THREE_S)
        one = asyncio.run(heard(camera, three, 1, MEASURED_S, folder))
        four = asyncio.run(heard(camera, three, FOUR, MEASURED_S, folder))
        people = [person for person in built_in_people(open_detector(standard_pack(), 1)) if person.passage_photos]
        scene = people_passing(people)
        passing = film_of(scene, folder / "passing.h264", scene.seconds)
        seen = asyncio.run(heard(camera, passing, 1, 2 * scene.seconds, folder))
        delays = delays_ms(fit_from(passing), seen.first_crops, passing.frames / RATE)
    return {
        "camera.cpu_720p15": one.cores,
        "camera.rss_mb": one.memory_mb,
        "camera.frame_age_one_p50_ms": float(np.percentile(one.before_ms, 50)),
        "camera.frame_age_one_p99_ms": float(np.percentile(one.before_ms, 99)),
        "camera.searches_one_per_s": one.searches_per_s,
        "camera.searches_four_per_s": four.searches_per_s,
        "camera.cpu_four": four.cores,
        "camera.four_mb": four.memory_mb,
        "camera.frame_age_p50_ms": float(np.percentile(four.before_ms, 50)),
        "camera.frame_age_p99_ms": float(np.percentile(four.before_ms, 99)),
        "camera.frame_age_done_p99_ms": float(np.percentile(four.after_ms, 99)),
        "camera.first_crops": len(delays),
        "camera.first_crop_p50_ms": float(np.percentile(delays, 50)),
        "camera.first_crop_p95_ms": float(np.percentile(delays, 95)),
    }


if __name__ == "__main__":
    for figure, value in measure().items():
        sys.stdout.write(f"{figure} {value:.3f}\n")
