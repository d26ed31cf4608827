"""A camera that can be turned, through the ONVIF library and HTTP, with a device that checks its tokens."""

from __future__ import annotations

import asyncio

import pytest

from cekalwatch.camera.checks import check_mount
from cekalwatch.camera.ptz.monitor import arrive
from cekalwatch.camera.ptz.onvif import PtzPosition, opened
from cekalwatch.camera.ptz.soap import OnvifError
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.program.checks.results import CheckVerdict
from tests.support.fakes.onvif_device import PASSWORD, OnvifDevice
from tests.support.scenarios.turning import (
    ARRIVALS,
    DEPARTURES,
    at,
    until,
)


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


@pytest.mark.parametrize(
    ("trusts", "verdict", "said"),
    [(False, CheckVerdict.FAIL, "nothing is sent"), (True, CheckVerdict.WARN, "the preset it was last sent to")],
)
async def test_the_check_says_what_is_sent_of_a_camera_that_tells_no_position(
    device: OnvifDevice, *, trusts: bool, verdict: CheckVerdict, said: str
):
    device.tells_position = False
    turnable = at(device).model_copy(update={"trust_preset_without_feedback": trusts})
    settings = CameraSettings.load(None, camera_id="dep-1", source="0", ptz_password=PASSWORD)
    found, text = await check_mount(turnable, settings)
    assert found is verdict
    assert said in text


async def test_the_check_warns_of_a_camera_that_is_asked_without_encryption(device: OnvifDevice):
    turnable, settings = at(device), CameraSettings.load(None, camera_id="dep-1", source="0", ptz_password=PASSWORD)
    assert turnable.address.startswith("http://")
    found, text = await check_mount(turnable, settings)
    assert (found, "asked without encryption" in text) == (CheckVerdict.WARN, True)


async def test_turning_ends_when_the_camera_rests_at_the_preset(device: OnvifDevice):
    async with opened(at(device), PASSWORD) as camera:
        turning = asyncio.create_task(arrive(camera, await camera.preset("arrivals"), period_s=0.01))
        await until(lambda: device.asked.count("GetStatus") > 2)
        assert not turning.done()
        device.finish_turn()
        await asyncio.wait_for(turning, 20)
    assert device.position == ARRIVALS
