"""Cameras that can be turned, by the real program and its commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.camera.ptz.tour import read_turn
from cekalwatch.program.errors import Exit
from cekalwatch.v1 import capture_pb2
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.camera_program import camera_command, camera_program, ended
from tests.support.fakes.capture_server import CaptureServer, Heard, serving
from tests.support.fakes.onvif_device import PASSWORD, USER, OnvifDevice
from tests.support.scenarios.turning import (
    until,
)
from tests.support.tools.packs import light_pack


@pytest.mark.slow
async def test_of_two_camera_keys_of_one_camera_only_the_one_whose_preset_it_is_at_sends(
    device: OnvifDevice, video: Path, tmp_path: Path
):
    server = CaptureServer(cameras=("dep-1", "arr-1"))
    async with serving(server):
        settings = two_keys(device, server, video, tmp_path)
        async with camera_program("run", "--config", str(settings), home=tmp_path) as camera:
            await server.until(lambda heard: bool(heard.faces) and {OK, TURNED_AWAY} <= views(heard))
            camera.terminate()
            code, _, log = await ended(camera)
    assert code == Exit.OK, log
    assert PASSWORD not in log
    crops = crops_of(log)
    assert crops["dep-1"] > 0
    assert crops["arr-1"] == 0


@pytest.mark.slow
async def test_on_its_tour_one_key_after_the_other_sends_and_none_says_that_the_camera_was_moved(
    device: OnvifDevice, video: Path, tmp_path: Path
):
    device.turns_by_itself = True
    server = CaptureServer(cameras=("dep-1", "arr-1"))
    async with serving(server):
        settings = two_keys(device, server, video, tmp_path, "stay_seconds = 15\nwait_seconds = 0\n")
        async with camera_program("run", "--config", str(settings), home=tmp_path) as camera:
            await server.until(lambda heard: bool(heard.faces))
            await until(lambda: device.sent_to == ["arrivals"])
            turned_at = datetime.now(UTC)
            await server.until(lambda heard: any(face.capture_time.ToDatetime(UTC) > turned_at for face in heard.faces))
            camera.terminate()
            code, _, log = await ended(camera)
    assert code == Exit.OK, log
    assert {key: crops > 0 for key, crops in crops_of(log).items()} == {"dep-1": True, "arr-1": True}
    assert capture_pb2.VIEW_STATE_MOVED not in views(server.heard)


@pytest.mark.slow
async def test_the_commands_list_presets_and_turn(device: OnvifDevice, tmp_path: Path):
    settings = tmp_path / "camera.toml"
    settings.write_text(
        f'camera_id = "arr-1"\nsource = "0"\n[ptz]\naddress = "{device.address}"\nuser = "{USER}"\n'
        'preset = "arrivals"\n'
    )
    config, password = ("--config", str(settings)), {"CEKALWATCH_CAMERA_PTZ_PASSWORD": PASSWORD}
    _, said, _ = await camera_command("presets", *config, home=tmp_path, **password)
    assert said.splitlines() == ["→ preset-1\tdepartures", "  preset-2\tarrivals"]
    async with camera_program("turn", *config, home=tmp_path, **password) as turning:
        await until(lambda: device.heading is not None)
        device.finish_turn()
        code, said, errors = await ended(turning)
    assert (code, said) == (Exit.OK, "The camera is at arrivals\n"), errors
    assert errors == f"Using the server 127.0.0.1:50051; settings: {settings}\n"
    code, _, errors = await camera_command("turn", *config, home=tmp_path)
    assert code == Exit.CONFIG
    assert "No password" in errors
    # Without a tour nothing is noted. A service has no home folder to write into, and a cache would not be private.
    assert files_below(tmp_path) == {"camera.toml"}


@pytest.mark.slow
async def test_the_command_leaves_the_tour_and_takes_it_up(device: OnvifDevice, tmp_path: Path):
    device.turns_by_itself = True
    settings = tmp_path / "camera.toml"
    settings.write_text(
        f'camera_id = "arr-1"\nsource = "0"\n[ptz]\naddress = "{device.address}"\nuser = "{USER}"\n'
        'preset = "arrivals"\nstay_seconds = 60\n'
    )
    config, password = ("--config", str(settings)), {"CEKALWATCH_CAMERA_PTZ_PASSWORD": PASSWORD}
    password["CEKALWATCH_CAMERA_PTZ_DIR"] = str(tmp_path / "ptz")
    key = device.address.removeprefix("http://")
    code, said, errors = await camera_command("turn", "departures", "--stay", *config, home=tmp_path, **password)
    assert code == Exit.OK, errors
    assert errors == f"Using the server 127.0.0.1:50051; settings: {settings}\n"
    assert said == "The camera is at departures\nIts tour is left until someone runs `turn --tour`\n"
    order = read_turn(tmp_path / "ptz", key)
    assert order is not None
    assert (order.preset, order.until) == ("departures", None)
    code, _, errors = await camera_command("turn", "gate-9", *config, home=tmp_path, **password)
    assert code == Exit.UNAVAILABLE
    assert "no preset 'gate-9'" in errors
    assert read_turn(tmp_path / "ptz", key) == order
    await camera_command("turn", "--minutes", "5", *config, home=tmp_path, **password)
    order = read_turn(tmp_path / "ptz", key)
    assert order is not None
    assert order.until is not None
    assert (order.preset, order.until - order.turned_at) == ("arrivals", timedelta(minutes=5))
    assert (await camera_command("turn", "--tour", *config, home=tmp_path, **password))[0] == Exit.OK
    assert read_turn(tmp_path / "ptz", key) is None
    assert device.sent_to == ["departures", "arrivals"]


OK, TURNED_AWAY = capture_pb2.VIEW_STATE_OK, capture_pb2.VIEW_STATE_TURNED_AWAY


def views(heard: Heard) -> set[int]:
    return {beat.view_state for beat in heard.heartbeats}


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def crops_of(log: str) -> dict[str, int]:
    """How many crops each camera key has sent, by the log of a program that has ended."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {line["camera_id"]: line["crops"] for line in lines if line["event"] == "camera_ends"}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody who stays in view."""
    walk = Walk(begin=(300, 240), end=(420, 260), head_px=(90, 110), first_frame=0, last_frame=500)
    return write_video(tmp_path_factory.mktemp("walk") / "walk.avi", [walk], frames=500, fps=5)


def two_keys(device: OnvifDevice, server: CaptureServer, video: Path, folder: Path, more: str = "") -> Path:
    """Write the settings of a camera with a key for each preset; `more`: of `ptz`."""
    secret = folder / "ptz.password"
    secret.write_text(PASSWORD + "\n")
    settings = folder / "camera.toml"
    settings.write_text(
        f'server_addresses = ["{server.address}"]\ndetector = "{light_pack()}"\nrealtime = true\n'
        + "".join(
            f'[[cameras]]\ncamera_id = "{key}"\nsource = "{video}"\n[cameras.ptz]\naddress = "{device.address}"\n'
            f'user = "{USER}"\npassword_file = "{secret}"\npreset = "{preset}"\n{more}'
            for key, preset in (("dep-1", "departures"), ("arr-1", "arrivals"))
        )
    )
    return settings
