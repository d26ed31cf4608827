"""A camera that can be turned sends only under the key of where it looks (domain rule 2)."""

from __future__ import annotations

from typing import Any

from cekalwatch.camera.ptz.monitor import PRESETS_EVERY_S
from tests.support.scenarios.turning import (
    ARRIVALS,
    AT_PRESET,
    AWAY,
    UNKNOWN,
    Mount,
    until,
)


async def test_a_camera_key_is_here_only_while_the_camera_rests_at_its_preset(mount: Mount):
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.device.heading = ARRIVALS
        await mount.until(dep=AWAY, arr=AWAY)
        mount.device.finish_turn()
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_nothing_is_sent_before_the_camera_has_settled(mount: Mount):
    async with mount.followed(settle_seconds=5.0):
        await mount.answers()
        assert mount.statuses == (AWAY, AWAY)
        await mount.passes(5)
        await mount.until(dep=AT_PRESET, arr=AWAY)


async def test_a_camera_that_does_not_tell_its_position_sends_under_no_key_at_rest_either(mount: Mount):
    mount.device.tells_position = False
    async with mount.followed():
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        mount.device.heading = ARRIVALS
        await mount.until(dep=AWAY, arr=AWAY)
        mount.device.finish_turn()
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        await mount.passes(3600)
        await mount.answers()
        assert mount.statuses == (UNKNOWN, UNKNOWN)


async def test_a_camera_that_tells_the_same_position_of_every_preset_sends_under_no_key(mount: Mount):
    mount.device.tells_zeros = True
    async with mount.followed():
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)


async def test_a_camera_that_does_not_answer_sends_under_no_key_until_it_does(mount: Mount):
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await mount.is_away()
        await mount.until(dep=AT_PRESET, arr=AWAY)


async def test_a_preset_that_the_camera_lacks_silences_its_key_and_no_other(mount: Mount):
    del mount.device.presets["preset-2"]
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=UNKNOWN)
        mount.device.presets["preset-2"] = ("arrivals", ARRIVALS)
        await mount.passes(PRESETS_EVERY_S)
        await mount.until(dep=AT_PRESET, arr=AWAY)


TRUSTED: dict[str, Any] = {"trust_preset_without_feedback": True, "turn_seconds": 20}


async def test_on_purpose_it_sends_under_the_key_of_the_preset_to_which_we_sent_it_and_after_the_turn(mount: Mount):
    mount.device.tells_position, mount.device.turns_by_itself = False, True
    async with mount.followed(**TRUSTED):
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)  # nobody has sent it anywhere
        mount.person_turns_it_to("arrivals")
        await mount.until(dep=AWAY, arr=AWAY)
        await until(lambda: mount.device.sent_to == ["arrivals"])
        await mount.passes(19)
        await mount.answers()
        assert mount.statuses == (AWAY, AWAY)
        await mount.passes(1)
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_what_was_trusted_is_sent_there_again_when_it_was_away(mount: Mount):
    """It may have been without power, and look anywhere."""
    mount.device.tells_position, mount.device.turns_by_itself = False, True
    mount.person_turns_it_to("arrivals")
    async with mount.followed(**TRUSTED):
        await mount.until(dep=AWAY, arr=AWAY)
        await mount.passes(20)
        await mount.until(dep=AWAY, arr=AT_PRESET)
        await mount.is_away()
        await mount.until(dep=AWAY, arr=AWAY)
        await until(lambda: mount.device.sent_to == ["arrivals", "arrivals"])
        await mount.passes(20)
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_a_camera_without_a_tour_is_never_turned_by_the_service(mount: Mount):
    mount.person_turns_it_to("arrivals")
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await mount.passes(3600)
        await mount.answers()
    assert mount.device.sent_to == []
