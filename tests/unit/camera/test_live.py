"""A camera that fails and comes back. A short video file is the camera here: it gives frames, and then fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.frames import SourceError
from cekalwatch.camera.live import LiveSource
from cekalwatch.wire.backoff import Backoff
from tests.support.scenes import write_video

FRAMES = 10


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "camera.avi", [], frames=FRAMES, size=(160, 120))


class Camera:
    """Opens the video again and again, and counts."""

    def __init__(self, video: Path) -> None:
        self._video = video
        self.opened = 0
        self.again = threading.Event()

    def __call__(self) -> cv2.VideoCapture:
        self.opened += 1
        if self.opened == 3:
            self.again.set()
        return cv2.VideoCapture(str(self._video), cv2.CAP_FFMPEG)


@pytest.fixture
def camera(video: Path) -> Camera:
    return Camera(video)


@pytest.fixture
def source(camera: Camera) -> Iterator[LiveSource]:
    live = LiveSource(camera, "camera", SystemClock(), Backoff(first_s=0.01, most_s=0.02))
    yield live
    live.close()


def test_a_camera_that_fails_is_opened_again_and_goes_on(source: LiveSource, camera: Camera) -> None:
    times = []
    for frame in source:
        times.append(frame.at_s)
        if camera.again.is_set():
            break
    assert camera.opened >= 3
    assert times == sorted(times)


def test_a_slow_reader_gets_the_newest_frame_and_the_others_are_counted(source: LiveSource, camera: Camera) -> None:
    frames = iter(source)
    first = next(frames)
    assert camera.again.wait(30)  # meanwhile, at least a whole video went by
    second = next(frames)
    assert second.at_s > first.at_s
    assert source.dropped >= FRAMES - 1


def test_closing_ends_a_reader_that_waits(source: LiveSource) -> None:
    ended = threading.Event()

    def read() -> None:
        for _ in source:
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    source.close()
    assert ended.wait(30)


def test_a_camera_that_cannot_be_opened_at_first_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="camera 7 cannot be opened"):
        LiveSource(Camera(tmp_path / "nothing.avi"), "camera 7", SystemClock(), Backoff()).open()
