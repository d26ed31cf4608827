"""A network camera that stops, stalls, repeats itself, changes its size or loses key frames: a real RTSP server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.camera.sources.opencv import NetworkCamera, Transport
from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.backoff import Backoff
from tests.support.fakes.rtsp_camera import RATE, RtspCamera, encode, rtsp_camera, views

NOTICED_S = 5.0
pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]


@dataclass(frozen=True)
class Films:
    """What the camera plays."""

    live: Path
    frozen: Path
    """One picture, encoded again and again."""
    larger: Path
    grey: Path
    """The door opens and closes behind a decoder's grey."""


def turned_grey(picture: Picture) -> Picture:
    picture[80:] = 130
    return picture


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("films")
    still = next(views())
    return Films(
        live=encode(views(), folder / "live.h264", kbit=1000),
        frozen=encode([still] * 4 * RATE, folder / "frozen.h264", kbit=500),
        larger=encode(views(width=480, height=270), folder / "larger.h264", kbit=1000),
        grey=encode(map(turned_grey, views()), folder / "grey.h264", kbit=1000),
    )


@pytest.fixture(scope="module")
def camera() -> Iterator[RtspCamera]:
    with rtsp_camera() as running:
        yield running


@dataclass
class Watched:
    """A source that is being read."""

    source: LiveSource
    newest: Frame | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        for frame in self.source:
            with self._changed:
                self.newest = frame
                self._changed.notify_all()

    def until(self, true: Callable[[], bool], within_s: float = 30.0) -> float:
        """Wait for it; return for how long, seconds."""
        began_s = time.monotonic()
        with self._changed:
            while not true():
                left_s = began_s + within_s - time.monotonic()
                assert left_s > 0, f"not within {within_s} s; faults: {dict(self.source.faults)}"
                self._changed.wait(min(0.05, left_s))
        return time.monotonic() - began_s

    def until_frame(self, within_s: float = 30.0) -> Frame:
        """Wait for a frame that was taken after this moment."""
        now_s = time.monotonic()
        self.until(lambda: self.newest is not None and self.newest.at_s > now_s, within_s)
        assert self.newest is not None
        return self.newest


@contextmanager
def watched(address: str, transport: Transport = Transport.TCP) -> Iterator[Watched]:
    source = LiveSource(NetworkCamera(address, transport), "camera", SystemClock(), Backoff(first_s=0.1, most_s=0.5))
    watching = Watched(source)
    reader = threading.Thread(target=watching.read, daemon=True)
    reader.start()
    try:
        yield watching
    finally:
        source.close()
        reader.join()


@pytest.mark.parametrize("transport", list(Transport))
def test_a_camera_gives_its_frames_and_a_stalled_one_is_opened_again(
    camera: RtspCamera, films: Films, transport: Transport
) -> None:
    """The server offers each stream over one transport only."""
    address = camera.play(transport, films.live, transport=transport)
    with watched(address, transport) as watching:
        assert watching.until_frame().picture.shape == (180, 320, 3)
        camera.stall(transport)
        watching.until(lambda: watching.source.faults.get(StreamFault.SILENT) == 1, NOTICED_S)
        camera.play(transport, films.live)
        watching.until_frame()


def test_a_camera_that_stands_still_as_a_whole_is_opened_again(films: Films) -> None:
    with rtsp_camera() as camera, watched(camera.play("door", films.live)) as watching:
        watching.until_frame()
        camera.freeze()
        watching.until(lambda: watching.source.faults.get(StreamFault.SILENT) == 1, NOTICED_S)
        camera.thaw()
        watching.until_frame()


def test_a_camera_that_was_switched_off_and_on_again_comes_back(films: Films) -> None:
    with rtsp_camera() as camera:
        address, port = camera.play("door", films.live), camera.port
        with watched(address) as watching:
            watching.until_frame()
            camera.end()
            watching.until(lambda: sum(watching.source.faults.values()) >= 2, 20)
            with rtsp_camera(port) as successor:
                successor.play("door", films.live)
                watching.until_frame()


def test_the_same_picture_encoded_again_and_again_is_noticed(camera: RtspCamera, films: Films) -> None:
    with watched(camera.play("repeats", films.live)) as watching:
        watching.until_frame()
        camera.play("repeats", films.frozen)
        watching.until(lambda: watching.source.faults.get(StreamFault.REPEATS) == 1, NOTICED_S)
        camera.play("repeats", films.live)
        watching.until_frame()


def test_another_size_is_noticed_and_the_frames_have_it(camera: RtspCamera, films: Films) -> None:
    with watched(camera.play("grows", films.live)) as watching:
        watching.until_frame()
        camera.play("grows", films.larger)
        watching.until(lambda: watching.source.faults.get(StreamFault.SIZE_CHANGED) == 1, NOTICED_S)
        assert watching.until_frame().picture.shape == (270, 480, 3)


def test_a_picture_that_turns_grey_is_noticed(camera: RtspCamera, films: Films) -> None:
    with watched(camera.play("grey", films.live)) as watching:
        watching.until_frame()
        camera.play("grey", films.grey)
        watching.until(lambda: watching.source.faults.get(StreamFault.GREY) == 1, NOTICED_S)
