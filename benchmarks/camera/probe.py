"""The camera client with ears: what `camera_load` starts. It notes how old frames are and when crops leave.

    python -m benchmarks.camera.probe CONFIG OUT

The film's frames have their number in a strip at the bottom, so that a frame's age is that since it was due at the
camera: encoding and network are in it. On standard input comes when frame 0 was due, and how many frames the film has.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from cekalwatch.camera import app
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.program.logs import configure_logs
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Face, Part, PartialDetector, Picture

RATE = 15
BITS = 12
BLOCK = (32, 16)
"""Width and height of one digit of the number, pixels."""
DARK, LIGHT = 40, 215


def stamped(picture: Picture, number: int) -> Picture:
    """Write the number into the strip."""
    width, height = BLOCK
    for bit in range(BITS):
        picture[-height:, bit * width : (bit + 1) * width] = LIGHT if number >> bit & 1 else DARK
    return picture


def number_of(picture: Picture) -> int:
    """Read it."""
    width, height = BLOCK
    middle = picture[-height // 2, width // 2 : BITS * width : width].mean(axis=1)
    return int(sum(1 << bit for bit in range(BITS) if middle[bit] > (DARK + LIGHT) / 2))


class Probe:
    """What was heard."""

    def __init__(self, begin_s: float, frames: int) -> None:
        self._begin_s = begin_s
        self._frames = frames
        self.ages: list[tuple[float, float]] = []
        """Seconds when a search began and when it was done."""
        self.first_crops: dict[str, float] = {}
        """Moment in the film of each track's first crop, seconds, by camera and track."""
        self._before: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Measure from now on; tracks under way do not count, for they may have been there before the client was."""
        self.ages.clear()
        self._before = frozenset(self.first_crops)

    def counted(self) -> list[float]:
        """Return the moments of the first crops that count."""
        return sorted(moment for track, moment in self.first_crops.items() if track not in self._before)

    def moment(self) -> float:
        """Return the second of the film that is due now."""
        return (time.monotonic() - self._begin_s) % (self._frames / RATE)

    def age(self, number: int) -> float:
        """Return for how long the frame has been due, seconds."""
        return (self.moment() - number / RATE) % (self._frames / RATE)


class ListeningDetector:
    """A detector that notes the ages."""

    def __init__(self, detector: PartialDetector, probe: Probe) -> None:
        self._detector = detector
        self._probe = probe

    @property
    def name(self) -> str:
        """The detector's."""
        return self._detector.name

    @property
    def upright_score(self) -> float:
        """The detector's."""
        return self._detector.upright_score

    def detect(self, picture: Picture) -> list[Face]:
        """Search, and note how old the frame was before and after."""
        with self._aged(picture):
            return self._detector.detect(picture)

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        """Search a part, and note the same."""
        with self._aged(picture):
            return self._detector.search(picture, part, besides)

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        """Follow, and note the same."""
        with self._aged(picture):
            return self._detector.follow(picture, expected)

    @contextmanager
    def _aged(self, picture: Picture) -> Iterator[None]:
        # A region gives a part without the strip; the whole picture is behind it.
        whole = picture if picture.base is None else picture.base
        number = number_of(np.asarray(whole))
        before_s = self._probe.age(number)
        yield
        self._probe.ages.append((before_s, self._probe.age(number)))


def listening(source: Path, threads: int, probe: Probe) -> ListeningDetector:
    """Open a model pack's detector, which can search parts."""
    detector = open_detector(source, threads)
    assert isinstance(detector, PartialDetector)
    return ListeningDetector(detector, probe)


def main() -> None:
    """Run the client until SIGTERM."""
    begin_s, frames = sys.stdin.readline().split()
    probe = Probe(float(begin_s), int(frames))
    put = Outbox.put

    def heard(outbox: Outbox, capture: FaceCapture) -> None:
        probe.first_crops.setdefault(f"{id(outbox)}/{capture.track_id}", probe.moment())
        put(outbox, capture)

    Outbox.put = heard  # type: ignore[assignment,method-assign]
    app.open_detector = lambda source, threads: listening(source, threads, probe)  # type: ignore[attr-defined]
    signal.signal(signal.SIGUSR1, lambda *_: probe.begin())
    configure_logs("warning")
    cv2.setNumThreads(1)
    app.run(CameraSettings.load(Path(sys.argv[1])))
    Path(sys.argv[2]).write_text(json.dumps({"ages": probe.ages, "first_crops": probe.counted()}))


if __name__ == "__main__":
    main()
