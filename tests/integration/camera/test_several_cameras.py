"""Several cameras in one process: each has its own stream, and none feels what happens to another."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.v1.capture_pb2 import VIEW_STATE_NO_FRAMES
from cekalwatch.v1.operations_pb2 import CameraStatus
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest, GetStatusResponse
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.camera_program import camera_program, ended
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.fakes.rtsp_camera import encode, rtsp_camera, views
from tests.support.scenarios.server import CAMERAS, Running, running
from tests.support.scenarios.site_pki import Site
from tests.support.tools.forked_async import ForkedAsync
from tests.support.tools.packs import light_pack

AWAY = "rtsp://watcher:secret@127.0.0.1:9/stream"
"""A camera that is switched off."""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = Walk(begin=(200, 240), end=(320, 250), head_px=(80, 90), first_frame=0, last_frame=30)
    return write_video(tmp_path_factory.mktemp("walk") / "walk.avi", [there], frames=31, size=(640, 480))


@asynccontextmanager
async def cameras(
    folder: Path, address: str, *, certificates: dict[str, Path] | None = None, **sources: str
) -> AsyncIterator[ForkedAsync]:
    """The client with cameras of these keys (`gate_1` stands for gate-1) and sources, as the process that runs."""
    lines = [f'server_addresses = ["{address}"]', f'detector = "{light_pack()}"']
    for key, source in sources.items():
        lines += ["[[cameras]]", f'camera_id = "{key.replace("_", "-")}"', f'source = "{source}"']
        if certificates:
            lines += [f'tls_dir = "{certificates[key]}"']
    (folder / "camera.toml").write_text("\n".join(lines))
    async with camera_program("run", "--config", str(folder / "camera.toml"), home=folder) as process:
        yield process


@pytest.mark.slow
async def test_each_file_is_read_to_its_end_over_a_stream_of_its_own(walk: Path, tmp_path: Path) -> None:
    server = CaptureServer(cameras=("gate-1", "gate-2"))
    async with serving(server), cameras(tmp_path, server.address, gate_1=str(walk), gate_2=str(walk)) as process:
        code, _, errors = await ended(process)
    assert code == Exit.OK, errors
    assert sorted(hello.camera_id for hello in server.heard.hellos) == ["gate-1", "gate-2"]
    assert len({hello.run_id for hello in server.heard.hellos}) == 2
    assert len(server.heard.goodbyes) == 2
    assert len(server.heard.faces) >= 2


@pytest.mark.slow
async def test_a_camera_that_is_away_and_one_that_is_refused_do_not_touch_the_third(walk: Path, tmp_path: Path) -> None:
    server = CaptureServer(cameras=("gate-1", "gate-3"), heartbeat_period_s=0.1)
    async with (
        serving(server),
        cameras(tmp_path, server.address, gate_1=AWAY, gate_2=str(walk), gate_3=str(walk)) as process,
    ):
        await server.until(lambda heard: bool(heard.faces) and len(heard.goodbyes) == 1)  # the file is done
        await server.until(lambda heard: len(heard.hellos) == 3)
        process.send_signal(signal.SIGTERM)
        code, _, errors = await ended(process)
    assert code == Exit.OK, errors
    assert "server_refuses" in errors
    assert "secret" not in errors
    assert len(server.heard.goodbyes) == 2  # of the one that is away, too


@pytest.mark.slow
async def test_one_that_hangs_and_one_with_a_strange_certificate_do_not_touch_the_others(tmp_path: Path) -> None:
    """A real server with certificates, and real network cameras, one of which stands still (SIGSTOP)."""
    site = Site(tmp_path)
    seats = [CAMERAS[0] | {"camera_id": key} for key in ("dep-1", "dep-2", "dep-3")]
    certificates = {
        "dep_1": site.device(DeviceRole.CAMERA, "dep-1").folder,
        "dep_2": site.device(DeviceRole.CAMERA, "dep-2").folder,
        "dep_3": site.device(DeviceRole.CAMERA, "dep-1").folder,
    }
    film = encode(views(), tmp_path / "film.h264", kbit=1000)
    with rtsp_camera() as first, rtsp_camera() as second:
        sources = {
            "dep_1": first.play("a", film),
            "dep_2": second.play("b", film),
            "dep_3": second.play("c", film),
        }
        async with (
            running(site.settings(cameras=seats, heartbeat_period_seconds=0.5), site.diagnostics()) as server,
            cameras(tmp_path, server.address, certificates=certificates, **sources) as process,
        ):
            await until(server, lambda found: seen(found, "dep-1") and seen(found, "dep-2"))
            first.freeze()
            await until(server, lambda found: found["dep-1"].view_state == VIEW_STATE_NO_FRAMES)
            found = await until(server, lambda found: seen(found, "dep-2"))
            assert not found["dep-3"].connected
            process.send_signal(signal.SIGTERM)
            code, _, errors = await ended(process)
    assert code == Exit.OK, errors
    refused = [line for line in errors.splitlines() if "server_refuses" in line]
    assert len(refused) == 1
    assert "dep-3" in refused[0]


Statuses = dict[str, CameraStatus]


def seen(found: Statuses, camera_id: str) -> bool:
    return found[camera_id].connected and found[camera_id].frames_per_second > 2


async def until(server: Running, condition: Callable[[Statuses], bool]) -> Statuses:
    """Ask for the status until the condition holds."""
    stub = OperationsServiceStub(server.channel)
    async with asyncio.timeout(60):
        while True:
            answer: GetStatusResponse = await stub.GetStatus(GetStatusRequest())
            found = {status.camera.camera_id: status for status in answer.cameras}
            if condition(found):
                return found
            await asyncio.sleep(0.1)
