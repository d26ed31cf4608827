"""A picture of what a camera shows leaves no trace on any disk, and nobody in it can be recognised.

A real camera client watches a real network camera that shows real people; the server is a process of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest

from cekalwatch.v1 import camera_service_pb2
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import Face, Picture
from deploy.demo.programs import Program, wait_until
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.camera import decoded
from tests.support.builders.portraits import astronaut, group, wall
from tests.support.fakes.capture_proxy import capture_proxy
from tests.support.fakes.rtsp_camera import encode, rtsp_camera
from tests.support.scenarios.server import engine
from tests.support.tools import disk_search
from tests.support.tools.packs import light_pack
from tests.support.tools.unsealed_values import unsealed_values

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("forked_programs")]
RECOGNISED = 0.3
"""Comparison score at which, with the pack `light`, one stranger in 500 is taken for another."""
START_S = 120.0
PICTURES = 3
WATCHED = 1
"""Which of them is one for a screen that shows the camera for long: the server keeps it for a while."""


@dataclass(frozen=True)
class Person:
    """Somebody whom the camera shows: where, and what the recogniser makes of a picture of them."""

    face: Face

    def template(self, picture: Picture) -> np.ndarray:
        (embedded,) = engine().recogniser.embed(align(picture, self.face.landmarks)[None])
        return np.asarray(embedded, np.float32)


def scene() -> Picture:
    """Seven people before a wall, 1920x1080."""
    picture = wall(1080, 1920)
    picture[100:986, 40:1320] = group()
    picture[300:812, 1360:1872] = astronaut()
    return picture


def film(still: Picture) -> Iterator[Picture]:
    """The scene with the noise of a sensor, for 2 s."""
    chance = np.random.default_rng(5)
    for _ in range(30):
        yield np.clip(still + chance.normal(0, 2, still.shape), 0, 255).astype(np.uint8)


async def test_nobody_is_recognised_in_it_and_it_is_on_no_disk(tmp_path: Path, written: Path) -> None:
    still = scene()
    people = [Person(face) for face in engine().detector.detect(still) if face.score >= 0.7]
    assert len(people) >= 6
    config = StackConfig(
        written / "site",
        light_pack().parent,
        (CameraPlan("gate-1"),),
        model_pack="light",
        transport=Transport.PLAINTEXT,  # the tap listens in between
        settings={"log_level": "debug", "threads": 1, "inference": "onnxruntime"},
    )
    recorded = encode(film(still), tmp_path / "film.h264", kbit=8000)
    with rtsp_camera() as camera, Stack(config) as stack:
        source = camera.play("hall", recorded)
        async with capture_proxy(stack.address) as tap:
            arguments = ["-m", "cekalwatch.camera", "run", "--camera-id", "gate-1"]
            arguments += ["--server", tap.address, "--detector", str(light_pack())]
            # Its address has a password in it, which no command line may have.
            address = {"CEKALWATCH_CAMERA_SOURCE": source}
            with Program("gate-1", arguments, stack.logs, environment=address) as client:

                def watches() -> bool:
                    return any(one.frames_per_second > 1 for one in stack.status().cameras)

                await asyncio.to_thread(wait_until, watches, START_S, "The camera", client)
                given = await asked(stack)
                running = disk_search.everything_written(written, [stack.server.pid, client.pid])
                while_it_runs = {**running, **unsealed_values(config.folder / "server")}
        (run,) = tap.runs
    stopped = {**disk_search.everything_written(written), **unsealed_values(config.folder / "server")}
    for action in ("CAMERA_PICTURE_VIEWED", "CAMERA_WATCHED"):
        assert disk_search.of_text(action, stopped), "it is recorded"
    sent = run.aiming
    assert len(sent) == len(given) == PICTURES
    jpegs = [*(one.jpeg for one in sent), *(one.jpeg for one in given)]
    for places in (while_it_runs, stopped):
        assert disk_search.of_pictures(jpegs, places) == [set()] * len(jpegs)
    assert all(one.faces >= len(people) - 1 for one in given)
    assert (given[0].frame_width, given[0].frame_height) == (1920, 1080)
    softly = np.asarray(cv2.GaussianBlur(still, (0, 0), 1), np.uint8)
    for jpeg in jpegs:
        shown = cv2.resize(decoded(jpeg), (1920, 1080), interpolation=cv2.INTER_CUBIC)
        for person in people:
            own = person.template(still)
            assert float(own @ person.template(softly)) > 0.8, "the search finds people"
            assert float(own @ person.template(np.asarray(shown, np.uint8))) < RECOGNISED


async def asked(stack: Stack) -> list[camera_service_pb2.GetAimingPictureResponse]:
    """Ask for some pictures."""
    async with grpc.aio.insecure_channel(stack.address) as channel:
        stub = CameraServiceStub(channel)
        return [
            await stub.GetAimingPicture(
                camera_service_pb2.GetAimingPictureRequest(camera_id="gate-1", watched=one == WATCHED), timeout=30
            )
            for one in range(PICTURES)
        ]
