"""The client on a camera that never ends. A video that is opened again and again is the camera."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cekalwatch.camera.camera import Camera, RefusalPolicy
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.outbox.spool import SpoolTerms
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.fakes.local_camera import Clip
from tests.support.tools.packs import light_pack


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = Walk(begin=(200, 240), end=(320, 250), head_px=(80, 90), first_frame=0, last_frame=30)
    return write_video(tmp_path_factory.mktemp("camera") / "walk.avi", [there], frames=31, size=(640, 480))


@asynccontextmanager
async def watching(address: str, walk: Path) -> AsyncIterator[tuple[asyncio.Task[None], LiveSource]]:
    """A camera at work, with what stops it."""
    clock = SystemClock()
    source = LiveSource(Clip(walk), "camera", clock, Backoff(first_s=0.01, most_s=0.02))
    (one,) = CameraSettings.load(source="0", camera_id="gate-1").each()
    with TemporaryDirectory() as folder:
        spool = SpoolTerms(Path(folder) / "spool", Path(folder) / "spool.key")
        camera = Camera(one, source, open_detector(light_pack(), 1), clock, spool, receipts_wait_s=30)
        stop = asyncio.Event()
        running = asyncio.create_task(camera.run(stop, lambda: Dialer(address, None), RefusalPolicy.EXIT))
        yield running, source
        stop.set()
        await asyncio.wait_for(running, 30)


async def test_a_camera_is_watched_through_its_failures_until_it_is_stopped(walk: Path) -> None:
    server = CaptureServer(heartbeat_period_s=0.1)
    async with serving(server), watching(server.address, walk) as (running, source):
        await server.until(lambda heard: len(heard.faces) >= 1 and len(heard.heartbeats) >= 10)
        assert not running.done()
        assert source.dropped > 0  # the camera is faster than the detector: only the newest frames are looked at
    assert len(server.heard.goodbyes) == 1
    assert max(beat.frames_per_second for beat in server.heard.heartbeats) > 1


async def test_a_camera_that_the_server_refuses_goes_on_until_it_is_stopped(walk: Path) -> None:
    server = CaptureServer(cameras=("gate-2",))
    async with serving(server), watching(server.address, walk) as (running, _):
        await server.until(lambda heard: len(heard.hellos) == 1)
        assert not running.done()
    assert len(server.heard.hellos) == 1
