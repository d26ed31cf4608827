"""Several cameras in one process: each has its own stream, and none feels what happens to another."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cekalwatch.program.exits import Exit
from tests.support.capture_server import CaptureServer, serving
from tests.support.scenes import Walk, write_video
from tests.support.starter import starter_pack

AWAY = "rtsp://watcher:secret@127.0.0.1:9/stream"
"""A camera that is switched off."""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = Walk(begin=(200, 240), end=(320, 250), head_px=(80, 90), first_frame=0, last_frame=30)
    return write_video(tmp_path_factory.mktemp("walk") / "walk.avi", [there], frames=31, size=(640, 480))


@asynccontextmanager
async def cameras(folder: Path, address: str, **sources: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The client with cameras of these keys (`gate_1` stands for gate-1) and sources, as the process that runs."""
    lines = [f'server_address = "{address}"', f'detector = "{starter_pack()}"']
    for key, source in sources.items():
        lines += ["[[cameras]]", f'camera_id = "{key.replace("_", "-")}"', f'source = "{source}"']
    (folder / "camera.toml").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cekalwatch.camera", "run", "--config", str(folder / "camera.toml")),
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, errors.decode()


async def test_each_file_is_read_to_its_end_over_a_stream_of_its_own(walk: Path, tmp_path: Path) -> None:
    server = CaptureServer(cameras=("gate-1", "gate-2"))
    async with serving(server), cameras(tmp_path, server.address, gate_1=str(walk), gate_2=str(walk)) as process:
        code, errors = await ended(process)
    assert code == Exit.OK, errors
    assert sorted(hello.camera_id for hello in server.heard.hellos) == ["gate-1", "gate-2"]
    assert len({hello.run_id for hello in server.heard.hellos}) == 2
    assert len(server.heard.goodbyes) == 2
    assert len(server.heard.faces) >= 2


async def test_a_camera_that_is_away_and_one_that_is_refused_do_not_touch_the_third(walk: Path, tmp_path: Path) -> None:
    server = CaptureServer(cameras=("gate-1", "gate-3"), heartbeat_period_s=0.1)
    async with (
        serving(server),
        cameras(tmp_path, server.address, gate_1=AWAY, gate_2=str(walk), gate_3=str(walk)) as process,
    ):
        await server.until(lambda heard: bool(heard.faces) and len(heard.goodbyes) == 1)  # the file is done
        await server.until(lambda heard: len(heard.hellos) == 3)
        process.send_signal(signal.SIGTERM)
        code, errors = await ended(process)
    assert code == Exit.OK, errors
    assert "server_refuses" in errors
    assert "secret" not in errors
    assert len(server.heard.goodbyes) == 2  # of the one that is away, too
