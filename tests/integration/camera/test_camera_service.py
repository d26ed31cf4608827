"""The camera client as a service: what it tells its manager and Prometheus, and that a thread that hangs ends it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import urllib.request
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from deploy.demo.stack import kept_port
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.camera_program import camera_command, camera_program, ended, python_program
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.tools.packs import light_pack

HANGING = """
import sys, threading, time
from cekalwatch.camera import watchdog
from cekalwatch.camera.detection.pipeline import Pipeline
from cekalwatch.camera import app

class Endless:
    name, endless, can_wait, dropped = "scene", True, False, 0
    def __iter__(self):
        import numpy as np
        from datetime import datetime, UTC
        from cekalwatch.camera.sources.frames import Frame
        for number in range(3):
            yield Frame(np.zeros((90, 160, 3), np.uint8), datetime.now(UTC), time.monotonic())
    def close(self): pass

app.open_source = lambda *_: Endless()
seen = 0
def process(self, frame):
    global seen
    seen += 1
    if seen == 2:
        threading.Event().wait()
Pipeline._process = process
app.watch_over = lambda cameras, service, stop: watchdog.watch_over(
    cameras, service, stop, hangs_after_s=0.5, period_s=0.1)
from cekalwatch.camera import camera
camera.VISION_END_S = 0.5
from cekalwatch.camera.__main__ import main
sys.argv = ["cekalwatch-camera", "run", *sys.argv[1:]]
main()
"""


def options(source: Path | str, address: str) -> tuple[str, ...]:
    return (
        *("--source", str(source), "--camera-id", "gate-1"),
        *("--server", address, "--detector", str(light_pack())),
    )


async def scraped(address: str) -> str:
    def ask() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    return await asyncio.to_thread(ask)


def value(metrics: str, name: str, **labels: str) -> float:
    """The figure of gate-1 with these labels too."""
    wanted = {'camera="gate-1"', *(f'{key}="{text}"' for key, text in labels.items())}
    for line in metrics.splitlines():
        found = re.fullmatch(rf"cekalwatch_camera_{name}{{(.*)}} (\S+)", line)
        if found and set(found[1].split(",")) == wanted:
            return float(found[2])
    raise AssertionError(f"no {name} with {labels} in\n{metrics}")


@pytest.mark.slow
async def test_prometheus_and_the_service_manager_are_told_how_it_does(tmp_path: Path):
    walk = Walk(begin=(250, 240), end=(420, 260), head_px=(80, 100), first_frame=0, last_frame=44)
    video = write_video(tmp_path / "walk.avi", [walk], frames=400)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, kept_port() as port:
        listen = f"127.0.0.1:{port}"
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        service = {"NOTIFY_SOCKET": manager.getsockname(), "CEKALWATCH_CAMERA_METRICS_LISTEN": listen}
        async with (
            serving(CaptureServer(clock_ahead_s=-30)) as server,
            camera_program("run", *options(video, server.address), "--realtime", home=tmp_path, **service) as camera,
        ):
            assert await asyncio.wait_for(loop.sock_recv(manager, 1000), 60) == b"READY=1"
            assert (await asyncio.wait_for(loop.sock_recv(manager, 1000), 60)).startswith(b"WATCHDOG=1\nSTATUS=gate-1")
            await server.until(lambda heard: len(heard.faces) >= 3)
            async with asyncio.timeout(30):
                metrics = await scraped(listen)
                while value(metrics, "crops_settled_total") < 3 or value(metrics, "frames_total") <= 10:
                    metrics = await scraped(listen)
            camera.terminate()
            code, _, errors = await ended(camera)
            assert code == Exit.OK, errors
        told_the_end = False
        with contextlib.suppress(BlockingIOError):
            while not told_the_end:
                told_the_end = manager.recv(1000) == b"STOPPING=1"
    assert told_the_end
    assert value(metrics, "frames_total") > 10
    assert value(metrics, "faces_total") >= 3
    assert value(metrics, "passages_total") == 1
    assert value(metrics, "receipts_total", outcome="accepted") >= 3
    assert value(metrics, "crops_dropped_total", reason="no_room") == 0
    assert value(metrics, "connected") == 1
    assert value(metrics, "view_state", state="ok") == 1
    assert value(metrics, "view_state", state="dark") == 0
    assert 'cekalwatch_camera_loop_failures_total{loop="watch over cameras"} 0.0' in metrics
    assert 0 < value(metrics, "frame_age_seconds") < 10
    assert 30 <= value(metrics, "clock_offset_seconds") < 40
    assert '"event": "clock_wrong"' in errors
    with pytest.raises(AssertionError, match="certificate_days_left"):
        value(metrics, "certificate_days_left")


@pytest.mark.slow
async def test_a_vision_thread_that_hangs_ends_the_program_so_that_it_is_started_again(tmp_path: Path):
    async with (
        serving(CaptureServer()) as server,
        python_program("-c", HANGING, *options("0", server.address), home=tmp_path) as camera,
    ):
        code, _, errors = await ended(camera)
    assert code == Exit.HANGS, errors
    assert "Error: The vision thread of gate-1 hangs" in errors
    assert len(server.heard.goodbyes) == 1


@pytest.mark.slow
async def test_metrics_are_for_this_machine_only(tmp_path: Path):
    code, _, errors = await camera_command(
        "run", *options("0", "127.0.0.1:1"), home=tmp_path, CEKALWATCH_CAMERA_METRICS_LISTEN="0.0.0.0:9464"
    )
    assert code == Exit.CONFIG
    assert "metrics are for this machine only" in errors
