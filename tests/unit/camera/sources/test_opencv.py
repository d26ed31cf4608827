"""What a device and a network camera are asked for. No device is here: a capture that notes stands in for OpenCV's."""

from __future__ import annotations

import os
import pickle
from typing import Any

import cv2
import pytest

from cekalwatch.camera.sources import opencv as captures
from cekalwatch.camera.sources.opencv import NetworkCamera, Transport, UsbCamera


class Noting:
    """Notes how it was opened and what was set."""

    def __init__(self, *opened: Any) -> None:
        self.opened = opened
        self.set_to: dict[int, float] = {}

    def set(self, what: int, value: float) -> None:
        self.set_to[what] = value

    def isOpened(self) -> bool:  # noqa: N802  # OpenCV's name
        return True


class NoLog:
    """ffmpeg's words, which say a size."""

    size: tuple[int, int] | None = None


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[Noting]:
    """The captures that were opened."""
    found: list[Noting] = []

    def opening(*arguments: Any) -> Noting:
        found.append(Noting(*arguments))
        return found[-1]

    monkeypatch.setattr(cv2, "VideoCapture", opening)
    monkeypatch.setattr(captures, "_native_log", NoLog)
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)
    return found


def test_a_device_is_asked_for_its_size_in_a_format_that_is_fast_enough_and_keeps_nothing_back(
    noted: list[Noting],
) -> None:
    assert UsbCamera(2, 1280, 720)().is_open()
    assert noted[0].opened == (2, cv2.CAP_ANY)
    assert noted[0].set_to == {
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }


def test_a_device_of_windows_is_opened_by_the_interface_that_takes_no_seconds_first(
    noted: list[Noting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "DEVICES", (cv2.CAP_DSHOW, cv2.CAP_ANY))
    UsbCamera(0, 640, 480)()
    monkeypatch.setattr(Noting, "isOpened", lambda one: one.opened[1] != cv2.CAP_DSHOW)
    UsbCamera(1, 640, 480)()
    opened = [one.opened for one in noted]
    assert opened == [(0, cv2.CAP_DSHOW), (1, cv2.CAP_DSHOW), (1, cv2.CAP_ANY)]


@pytest.mark.parametrize("transport", list(Transport))
def test_each_network_camera_has_its_own_transport_one_thread_and_bounded_times(
    noted: list[Noting], transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    NetworkCamera("rtsp://10.0.0.7/1", transport)()
    address, _, parameters = noted[0].opened
    options = dict(item.split(";") for item in os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"].split("|"))
    assert options["rtsp_transport"] == transport.value
    assert options["protocol_whitelist"] == "rtp,udp,tcp", "no description leads to files or other machines"
    assert options["codec_whitelist"] == ",".join(captures.CODECS)
    assert options["allowed_media_types"] == "video"
    assert address == "rtsp://10.0.0.7/1"
    pairs = dict(zip(parameters[::2], parameters[1::2], strict=True))
    assert pairs[cv2.CAP_PROP_N_THREADS] == 1
    assert pairs[cv2.CAP_PROP_OPEN_TIMEOUT_MSEC] == pairs[cv2.CAP_PROP_READ_TIMEOUT_MSEC] == 5000


def test_a_new_size_in_ffmpegs_words_is_noticed(noted: list[Noting], monkeypatch: pytest.MonkeyPatch) -> None:
    log = NoLog()
    monkeypatch.setattr(captures, "_native_log", lambda: log)
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    camera = NetworkCamera("rtsp://10.0.0.7/1", Transport.TCP)()
    assert len(noted) == 1
    seen = []
    for size in (None, (1280, 720), (1280, 720), (640, 360)):
        log.size = size
        seen.append(camera.is_resized())
    assert seen == [False, False, False, True]


def test_what_is_sent_to_the_decoder_shows_no_password() -> None:
    camera = NetworkCamera("rtsp://watcher:secret@10.0.0.7/1", Transport.TCP)
    assert "secret" not in repr(camera)
    assert pickle.loads(pickle.dumps(camera)) == camera  # noqa: S301  # our own
