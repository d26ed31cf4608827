"""The camera's own program, its pictures and its end, as who watches at a real server hears of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest

from cekalwatch.camera.camera import Camera, RefusalPolicy
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.outbox.spool import SpoolTerms
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.v1 import capture_pb2, operations_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.camera_view import SIZE, seen
from tests.support.fakes.local_camera import Clip
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.server import CAMERAS, running, settings
from tests.support.tools.packs import light_pack

WITHIN_S = 10.0


@asynccontextmanager
async def camera_program(address: str, video: Path, folder: Path) -> AsyncIterator[None]:
    """The program at work on a camera that shows `video` again and again; it dies without goodbye with the block."""
    clock = SystemClock()
    source = LiveSource(Clip(video), "camera", clock, Backoff(first_s=0.01, most_s=0.02))
    (one,) = CameraSettings.load(source="0", camera_id="dep-1").each()
    spool = SpoolTerms(folder / "spool", folder / "spool.key")
    camera = Camera(one, source, open_detector(light_pack(), 1), clock, spool, receipts_wait_s=30)
    work = asyncio.create_task(camera.run(asyncio.Event(), lambda: Dialer(address, None), RefusalPolicy.EXIT))
    yield
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def until_it_sees(channel: grpc.aio.Channel) -> None:
    """Wait until the server knows that the camera's view is in order."""
    stub = OperationsServiceStub(channel)
    async with asyncio.timeout(60):
        while True:
            found: operations_service_pb2.GetStatusResponse
            found = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
            if found.cameras[0].view_state == capture_pb2.VIEW_STATE_OK:
                return


def video_of(path: Path, pictures: Iterable[Picture]) -> Path:
    """Write what a camera shows for a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, SIZE)
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


def show(video: Path, instead_of: Path) -> None:
    """Let the camera show another video from the end of the present one on."""
    video.replace(instead_of)


@pytest.mark.slow
async def test_a_camera_that_goes_dark_and_then_dies_is_told_each_time_within_ten_seconds(tmp_path: Path):
    usual = [seen(noise=number) for number in range(25)]
    view, well = (video_of(tmp_path / f"{name}.avi", usual) for name in ("view", "well"))
    dark = video_of(tmp_path / "dark.avi", [np.zeros_like(usual[0])] * 25)
    chosen = settings(tmp_path / "server", cameras=CAMERAS[:1], min_camera_fps=0)
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        async with camera_program(server.address, view, tmp_path):
            await until_it_sees(server.channel)
            show(dark, instead_of=view)
            await watcher.until(lambda one: "CAMERA_DARK dep-1" in one.kinds, WITHIN_S)
            show(well, instead_of=view)
            await watcher.until(lambda one: "CAMERA_DARK dep-1" not in one.kinds, WITHIN_S)
        await watcher.until(lambda one: "CAMERA_DOWN dep-1" in one.kinds, WITHIN_S)
