"""Does the camera client grow in a day of 24 hours, without its empty minutes?

    python -m benchmarks.camera.soak [--minutes 20]

A port's 15,000 passages a day are one every 1.85 s at each of 23 counters, for 20 minutes. The client watches a real
RTSP server and sends to a real recognition server, both of which are killed, stopped and stalled again and again.
Memory and descriptors of client and decoder are read every five seconds. Growth is the median of the last fifth
compared with a fifth before the middle.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import psutil

from benchmarks.recognition.server_throughput import PACK
from cekalwatch.vision.faces import Picture
from deploy.demo.programs import Program
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.rtsp_camera import RATE, RtspCamera, encode, rtsp_camera

CAMERA = "departure-1"
PASSAGE_FRAMES, GAP_FRAMES = 20, 3
"""At 15 frames a second, a passage every 1.53 s: about 650 in the time that the camera is not away."""
PEOPLE = 32
SIZE = (640, 480)
SAMPLE_S = 5.0
ALARM_EVERY_S = 60.0
OUTAGE_S = 25.0
"""How long server or camera is away, each time."""


def people(folder: Path) -> Path:
    """Write a film of people who pass one after another, each on another way; return it."""
    walks = []
    for number in range(PEOPLE):
        first = number * (PASSAGE_FRAMES + GAP_FRAMES)
        # Each far from the one before, so that nobody is taken for him.
        x, y, head = (110, 400, 220, 510, 310)[number % 5], 190 + 25 * (number % 4), 70 + 6 * (number % 6)
        end = (x + 20, y + 15)
        walks.append(Walk((x, y), end, (head, head + 15), first, first + PASSAGE_FRAMES))
    frames = PEOPLE * (PASSAGE_FRAMES + GAP_FRAMES)
    video = write_video(folder / "people.avi", walks, frames=frames, fps=RATE, size=SIZE)
    return encode(_pictures(video), folder / "people.h264", kbit=1500)


def _pictures(video: Path) -> Iterator[Picture]:
    reader = cv2.VideoCapture(str(video))
    while (found := reader.read())[0]:
        yield np.asarray(found[1], np.uint8)
    reader.release()


@dataclass(frozen=True)
class Sample:
    """What the client used at a moment, its decoder included."""

    at_s: float
    rss_mb: float
    descriptors: int
    threads: int


def sample(client: psutil.Process, began_s: float) -> Sample:
    """Look at the client and its children."""
    rss = descriptors = threads = 0
    for process in (client, *client.children(recursive=True)):
        try:
            with process.oneshot():
                rss += process.memory_info().rss
                descriptors += process.num_fds()
                threads += process.num_threads()
        except psutil.NoSuchProcess:  # a decoder that was just replaced
            continue
    return Sample(time.monotonic() - began_s, rss / 1e6, descriptors, threads)


@contextmanager
def sampled(client: psutil.Process) -> Iterator[list[Sample]]:
    """Look at the client each SAMPLE_S for the time of the block."""
    samples: list[Sample] = []
    began_s, over = time.monotonic(), threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_S):
            samples.append(sample(client, began_s))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield samples
    finally:
        over.set()
        looking.join()


class Alarms:
    """What happens to a camera in a day, in turn."""

    def __init__(self, stack: Stack, rtsp: RtspCamera, film: Path) -> None:
        self.count = 0
        self._stack = stack
        self._rtsp = rtsp
        self._film = film
        self._turn = itertools.cycle((self._power_cut, self._stall, self._maintenance, self._freeze))

    def next(self) -> None:
        """Let the next one happen, and be over."""
        self.count += 1
        next(self._turn)()

    def _power_cut(self) -> None:
        self._stack.server.kill()
        time.sleep(OUTAGE_S)
        self._stack.start_server()

    def _maintenance(self) -> None:
        self._stack.server.stop()
        time.sleep(OUTAGE_S)
        self._stack.start_server()

    def _stall(self) -> None:
        self._rtsp.stall("gate")
        time.sleep(OUTAGE_S)
        self._rtsp.play("gate", self._film)

    def _freeze(self) -> None:
        self._rtsp.freeze()
        time.sleep(OUTAGE_S)
        self._rtsp.thaw()


def soak(folder: Path, minutes: float) -> tuple[list[Sample], dict[str, object], int]:
    """Run it; return the samples, the client's last record and how many alarms there were."""
    film = people(folder)
    config = StackConfig(
        folder / "site",
        PACK.parent,
        (CameraPlan(CAMERA),),
        transport=Transport.PLAINTEXT,
        settings={"threads": 1},
    )
    host = folder / "host"
    environment = {
        "CEKALWATCH_CAMERA_TLS_DIR": str(host / "tls"),
        "CEKALWATCH_CAMERA_SPOOL_DIR": str(host / "spool"),
        "CEKALWATCH_CAMERA_SPOOL_KEY": str(host / "spool.key"),
    }
    with rtsp_camera() as rtsp, Stack(config) as stack:
        source = rtsp.play("gate", film)
        arguments = ["-m", "cekalwatch.camera", "run", "--source", source, "--camera-id", CAMERA]
        arguments += ["--server", stack.address, "--detector", str(PACK)]
        with Program("camera", arguments, stack.logs, environment=environment) as program:
            alarms, end_s = Alarms(stack, rtsp, film), time.monotonic() + minutes * 60
            with sampled(psutil.Process(program.pid)) as samples:
                while time.monotonic() < end_s:
                    time.sleep(ALARM_EVERY_S - OUTAGE_S)
                    program.check()
                    alarms.next()
            program.stop()
        return samples, program.last_record("camera_ends"), alarms.count


def growth(samples: list[Sample], minutes: float, figure: Callable[[Sample], float]) -> float:
    """Return by what part `figure` rose from a fifth before the middle to the last fifth."""
    end_s = minutes * 60

    def middle(begin: float, end: float) -> float:
        return median(figure(one) for one in samples if begin * end_s <= one.at_s < end * end_s)

    return middle(0.8, 1.1) / middle(0.3, 0.5) - 1


def measure(minutes: float = 20.0) -> dict[str, float]:
    """Return the growth and the events of the run."""
    if not PACK.is_dir():
        raise FileNotFoundError(f"the pack `standard` is not in {PACK}")
    with tempfile.TemporaryDirectory() as temporary:
        samples, ended, alarms = soak(Path(temporary), minutes)
    for one in samples[:: max(1, len(samples) // 40)]:
        print(f"{one.at_s:7.0f} s {one.rss_mb:7.1f} MB {one.descriptors:4} descriptors {one.threads:3} threads")
    print(ended)
    figures = {
        "camera.soak_growth": growth(samples, minutes, lambda one: one.rss_mb),
        "camera.soak_descriptors_growth": growth(samples, minutes, lambda one: one.descriptors),
        "camera.soak_threads_growth": growth(samples, minutes, lambda one: one.threads),
        "camera.soak_rss_mb": median(one.rss_mb for one in samples),
        "camera.soak_troubles": float(alarms),
    }
    for name in ("passages", "crops", "crops_settled", "crops_dropped", "crops_without_receipt"):
        figures[f"camera.soak_{name}"] = float(str(ended[name]))
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    print(measure(parser.parse_args().minutes))
