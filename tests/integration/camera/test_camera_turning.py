"""A camera that can be turned, through the ONVIF library and HTTP, with a device that checks its tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.camera.ptz.monitor import PtzMonitor, arrive
from cekalwatch.camera.ptz.onvif import OnvifError, PtzPosition, opened
from cekalwatch.camera.settings import Turnable
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.program.errors import Exit
from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.backoff import Backoff
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.alert_server import wait_for
from tests.support.fakes.camera_program import camera_command, camera_program, ended
from tests.support.fakes.capture_server import CaptureServer, Heard, serving
from tests.support.fakes.onvif_device import PASSWORD, USER, OnvifDevice
from tests.support.tools.starter import starter_pack

DEPARTURES, ARRIVALS = (-0.5, 0.1, 0.2), (0.5, 0.1, 0.2)


@pytest.fixture
def device() -> Iterator[OnvifDevice]:
    with OnvifDevice({"departures": DEPARTURES, "arrivals": ARRIVALS}) as running:
        running.position = DEPARTURES
        yield running


def at(device: OnvifDevice, preset: str = "departures") -> Turnable:
    return Turnable(address=device.address, user=USER, preset=preset)


@pytest.mark.slow
async def test_it_tells_where_it_looks_and_what_is_stored_in_it(device: OnvifDevice):
    async with opened(at(device), PASSWORD) as camera:
        now = await camera.status()
        presets = await camera.presets()
    assert (now.moves, now.position) == (False, PtzPosition(*DEPARTURES))
    assert [(preset.token, preset.name, preset.position) for preset in presets] == [
        ("preset-1", "departures", PtzPosition(*DEPARTURES)),
        ("preset-2", "arrivals", PtzPosition(*ARRIVALS)),
    ]
    assert device.refused == 0


async def test_an_old_camera_that_has_no_list_of_services_is_asked_for_its_capabilities(device: OnvifDevice):
    device.only_capabilities = True
    async with opened(at(device), PASSWORD) as camera:
        assert (await camera.status()).position == PtzPosition(*DEPARTURES)
    assert "GetCapabilities" in device.asked


async def test_a_wrong_password_is_refused_and_the_message_does_not_tell_it(device: OnvifDevice):
    with pytest.raises(OnvifError, match="does not accept this user and password") as raised:
        async with opened(at(device), "salah-sekali"):
            pass
    assert "salah" not in str(raised.value)
    assert device.refused


async def test_a_preset_that_is_not_there_is_told_with_those_that_are(device: OnvifDevice):
    async with opened(at(device), PASSWORD) as camera:
        with pytest.raises(OnvifError, match="no preset 'gate-9'; it has: departures, arrivals"):
            await camera.preset("gate-9")


async def test_turning_ends_when_the_camera_rests_at_the_preset(device: OnvifDevice):
    async with opened(at(device), PASSWORD) as camera:
        turning = asyncio.create_task(arrive(camera, await camera.preset("arrivals"), period_s=0.01))
        await until(lambda: device.asked.count("GetStatus") > 2)
        assert not turning.done()
        device.finish_turn()
        await asyncio.wait_for(turning, 20)
    assert device.position == ARRIVALS


async def test_a_camera_key_is_here_only_while_the_camera_rests_at_its_preset(device: OnvifDevice):
    async with following(device, "departures") as here, following(device, "arrivals") as there:
        await until(lambda: (here.preset_status, there.preset_status) == (PresetStatus.AT_PRESET, PresetStatus.AWAY))
        device.heading = ARRIVALS
        await until(lambda: (here.preset_status, there.preset_status) == (PresetStatus.AWAY, PresetStatus.AWAY))
        device.finish_turn()
        await until(lambda: (here.preset_status, there.preset_status) == (PresetStatus.AWAY, PresetStatus.AT_PRESET))


async def test_a_camera_that_does_not_tell_its_position_is_away_only_while_it_moves(device: OnvifDevice):
    device.tells_position = False
    async with following(device, "departures") as table:
        await until(lambda: table.preset_status is PresetStatus.UNKNOWN)
        assert "GetStatus" in device.asked
        device.heading = ARRIVALS
        await until(lambda: table.preset_status is PresetStatus.AWAY)


async def test_it_is_followed_again_after_it_was_away(device: OnvifDevice):
    async with following(device, "departures") as table:
        await until(lambda: table.preset_status is PresetStatus.AT_PRESET)
        device.stop()
        await until(lambda: table.preset_status is PresetStatus.UNKNOWN)
        device.start()
        await until(lambda: table.preset_status is PresetStatus.AT_PRESET)


@pytest.mark.slow
async def test_of_two_camera_keys_of_one_camera_only_the_one_whose_preset_it_is_at_sends(
    device: OnvifDevice, tmp_path: Path
):
    walk = Walk(begin=(300, 240), end=(420, 260), head_px=(90, 110), first_frame=0, last_frame=1500)
    video = write_video(tmp_path / "walk.avi", [walk], frames=1500, fps=15)
    secret = tmp_path / "ptz.password"
    secret.write_text(PASSWORD + "\n")
    settings = tmp_path / "camera.toml"
    server = CaptureServer(cameras=("dep-1", "arr-1"))
    async with serving(server):
        settings.write_text(
            f'server_address = "{server.address}"\ndetector = "{starter_pack()}"\nrealtime = true\n'
            + "".join(
                f'[[cameras]]\ncamera_id = "{key}"\nsource = "{video}"\n[cameras.ptz]\naddress = "{device.address}"\n'
                f'user = "{USER}"\npassword_file = "{secret}"\npreset = "{preset}"\n'
                for key, preset in (("dep-1", "departures"), ("arr-1", "arrivals"))
            )
        )
        async with camera_program("run", "--config", str(settings), home=tmp_path) as camera:
            await server.until(lambda heard: bool(heard.faces) and {OK, TURNED_AWAY} <= views(heard))
            camera.terminate()
            code, _, log = await ended(camera)
    assert code == Exit.OK, log
    assert PASSWORD not in log
    crops = {line["camera_id"]: line["crops"] for line in endings(log)}
    assert crops["dep-1"] > 0
    assert crops["arr-1"] == 0


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
        assert await ended(turning) == (Exit.OK, "The camera is at arrivals\n", "")
    code, _, errors = await camera_command("turn", *config, home=tmp_path)
    assert code == Exit.CONFIG
    assert "No password" in errors
    # A service has no home folder to write into, and a library's cache would not be private.
    assert files_below(tmp_path) == {"camera.toml"}


OK, TURNED_AWAY = capture_pb2.VIEW_STATE_OK, capture_pb2.VIEW_STATE_TURNED_AWAY


def views(heard: Heard) -> set[int]:
    return {beat.view_state for beat in heard.heartbeats}


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def endings(log: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "camera_ends"]


@asynccontextmanager
async def following(device: OnvifDevice, preset: str) -> AsyncIterator[PtzMonitor]:
    table = PtzMonitor(at(device, preset), PASSWORD, period_s=0.02, backoff=Backoff(first_s=0.05, most_s=0.1))
    stop = asyncio.Event()
    task = asyncio.create_task(table.run(stop))
    try:
        yield table
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other tasks and threads bring about."""
    await asyncio.to_thread(wait_for, condition)
