"""The client on a camera that never ends. A video that is opened again and again is the camera."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from pathlib import Path

import cv2
import pytest

from cekalwatch.camera.app import Client
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.convert import Hello
from cekalwatch.camera.figures import Figures
from cekalwatch.camera.live import LiveSource
from cekalwatch.camera.outbox import Outbox
from cekalwatch.camera.pipeline import Pipeline
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.tracker import Tracker
from cekalwatch.camera.uplink import Link
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.wire.backoff import Backoff
from tests.support.capture_server import CaptureServer, serving
from tests.support.scenes import Walk, write_video
from tests.support.starter import starter_pack


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = Walk(begin=(200, 240), end=(320, 250), head_px=(80, 90), first_frame=0, last_frame=30)
    return write_video(tmp_path_factory.mktemp("camera") / "walk.avi", [there], frames=31, size=(640, 480))


def camera_client(address: str, walk: Path, camera_id: str = "gate-1") -> tuple[Client, LiveSource]:
    clock = SystemClock()
    source = LiveSource(
        lambda: cv2.VideoCapture(str(walk), cv2.CAP_FFMPEG), "camera", clock, Backoff(first_s=0.01, most_s=0.02)
    )
    outbox = Outbox(64, clock)
    figures = Figures(outbox, clock)
    pipeline = Pipeline(source, open_detector(starter_pack(), 1), Tracker(), outbox, figures)
    settings = CameraSettings.load(source="0", camera_id=camera_id, server_address=address)
    hello = Hello(camera_id, str(uuid.uuid4()), "starter")
    return Client(settings, Link(settings.dialer(), hello), source, pipeline, outbox, figures), source


async def test_a_camera_is_watched_through_its_failures_until_a_signal_comes(walk: Path) -> None:
    async with serving(CaptureServer(heartbeat_period_s=0.1)) as server:
        client, source = camera_client(server.address, walk)
        running = asyncio.create_task(client.run())
        await server.until(lambda heard: len(heard.faces) >= 1 and len(heard.heartbeats) >= 10)
        assert not running.done()
        assert source.dropped > 0  # the camera is faster than the detector: only the newest frames are looked at
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 30)
    assert len(server.heard.goodbyes) == 1
    assert max(beat.frames_per_second for beat in server.heard.heartbeats) > 1


async def test_a_camera_that_the_server_refuses_goes_on_and_ends_with_a_signal_only(walk: Path) -> None:
    async with serving(CaptureServer(cameras=("gate-2",))) as server:
        client, _ = camera_client(server.address, walk)
        running = asyncio.create_task(client.run())
        await server.until(lambda heard: len(heard.hellos) == 1)
        assert not running.done()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 30)
    assert len(server.heard.hellos) == 1
