"""A network camera, by the decoder that is shipped for capture hosts with Windows, under Wine: FFmpeg is another."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.windows.product import CAMERA, Product
from deploy.windows.tree import PACKAGES
from tests.support.fakes.alert_server import wait_for
from tests.support.fakes.rtsp_camera import RtspCamera, encode, rtsp_camera, views
from tests.support.windows.complex_math import add_complex_math
from tests.support.windows.wine import MISSING, WinePc, wine_pc

pytestmark = [
    pytest.mark.wine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
]
GOES_ON = """
import sys
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.camera.sources.opencv import NetworkCamera, Transport
from cekalwatch.wire.backoff import Backoff

camera = NetworkCamera(sys.argv[1], Transport.TCP)
for frame in LiveSource(camera, "camera", SystemClock(), Backoff(first_s=0.1, most_s=0.5)):
    print("size", *frame.picture.shape[:2], flush=True)
"""
FORBIDS = """
import sys
from cekalwatch.camera.sources import opencv

for codecs in (opencv.CODECS, ("mjpeg",)):
    opencv.CODECS = codecs
    print("opened" if opencv.NetworkCamera(sys.argv[1], opencv.Transport.TCP)().is_open() else "refused", flush=True)
"""


@pytest.fixture(scope="module")
def python(trees: Mapping[Product, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as it is installed, which Wine can run."""
    tree = tmp_path_factory.mktemp("decoder") / "tree"
    shutil.copytree(trees[CAMERA], tree, copy_function=os.link)
    add_complex_math(tree / PACKAGES)
    return tree / "python.exe"


@pytest.fixture
def pc(tmp_path: Path) -> Iterator[WinePc]:
    with wine_pc(tmp_path / "wine") as made:
        yield made


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with rtsp_camera() as camera:
        yield camera


def test_a_camera_goes_on_when_its_size_changes(pc: WinePc, python: Path, camera: RtspCamera, tmp_path: Path):
    first = encode(views(), tmp_path / "first.h264", kbit=1000)
    taller = encode(views(width=240, height=320), tmp_path / "taller.h264", kbit=1000)
    pc.start(python, "-I", "-c", GOES_ON, camera.play("gate", first))
    wait_for(lambda: "size 180 320" in pc.said())
    camera.play("gate", taller)
    wait_for(lambda: "size 320 240" in pc.said())
    assert "size changed" in pc.said(), "pictures were squeezed until something else opened the camera again"


def test_ffmpeg_is_told_what_a_camera_may_not_send(pc: WinePc, python: Path, camera: RtspCamera, tmp_path: Path):
    """It has a C library of its own there, which does not see what Python writes into the environment."""
    address = camera.play("gate", encode(views(), tmp_path / "gate.h264", kbit=1000))
    done = pc.run(python, "-I", "-c", FORBIDS, address)
    assert re.findall("opened|refused", done.output) == ["opened", "refused"]
