"""A camera that turns by itself, from preset to preset, and people who turn it meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cekalwatch.camera.ptz.tour import remove_turn
from cekalwatch.camera.view.monitor import PresetStatus
from tests.support.scenarios.turning import (
    ARRIVALS,
    AT_PRESET,
    AWAY,
    NOT_REACHED,
    UNKNOWN,
    Mount,
    until,
)

TOUR: dict[str, Any] = {"stay_seconds": 60, "turn_seconds": 20, "wait_seconds": 30}


async def test_the_tour_turns_from_preset_to_preset_and_waits_while_somebody_passes(mount: Mount):
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        assert mount.device.sent_to == []  # it is there already
        mount.passing = {"dep"}
        await mount.passes(60)
        await mount.answers()
        assert mount.statuses == (AT_PRESET, AWAY)
        mount.passing = set()
        await mount.until(dep=AWAY, arr=AWAY)
        await until(lambda: mount.device.heading == ARRIVALS)
        mount.device.finish_turn()
        await mount.until(dep=AWAY, arr=AT_PRESET)
        mount.passing = {"arr"}
        await mount.passes(60)
        await mount.answers()
        await mount.passes(30)
        await mount.until(dep=AWAY, arr=AWAY)  # somebody always passes: it does not wait for ever
        await until(lambda: mount.device.sent_to == ["arrivals", "departures"])


async def test_no_key_is_at_its_preset_from_before_the_camera_is_told_to_turn(mount: Mount):
    at_the_order: list[tuple[PresetStatus, ...]] = []
    mount.device.on_order = lambda: at_the_order.append(mount.statuses)
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await mount.passes(60)
        await until(lambda: bool(at_the_order))
    assert at_the_order == [(AWAY, AWAY)]


async def test_the_tour_follows_the_hour(mount: Mount):
    mount.clock.set_ahead_s = timedelta(hours=-3).total_seconds()  # five o'clock in UTC
    async with mount.followed(arr_hours=("06:00-09:00",), **TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await mount.passes(1800)
        await mount.answers()
        assert mount.device.sent_to == []
        await mount.passes(1800)
        await until(lambda: mount.device.sent_to == ["arrivals"])


async def test_a_preset_that_is_not_reached_is_a_fault_of_its_key_and_the_tour_goes_on(mount: Mount):
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await mount.passes(60)
        await until(lambda: mount.device.heading == ARRIVALS)
        mount.device.heading = None  # the motor is blocked
        mount.device.position = (0.0, 0.1, 0.2)
        await mount.until(dep=AWAY, arr=AWAY)
        await mount.passes(20.1)
        await until(lambda: mount.device.sent_to == ["arrivals", "departures"])
        mount.device.finish_turn()
        await mount.until(dep=AT_PRESET, arr=NOT_REACHED)
        await mount.passes(60)
        await until(lambda: mount.device.sent_to == ["arrivals", "departures", "arrivals"])
        mount.device.finish_turn()
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_a_tour_of_a_camera_that_does_not_tell_its_position_turns_nothing_and_sends_nothing(mount: Mount):
    mount.device.tells_position = False
    async with mount.followed(**TOUR):
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        await mount.passes(600)
        await mount.answers()
        assert mount.statuses == (UNKNOWN, UNKNOWN)
    assert mount.device.sent_to == []


async def test_a_trusted_camera_tours_too(mount: Mount):
    mount.device.tells_position, mount.device.turns_by_itself = False, True
    async with mount.followed(**TOUR, trust_preset_without_feedback=True):
        await mount.until(dep=AWAY, arr=AWAY)
        await mount.passes(20)
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await mount.passes(60)
        await mount.until(dep=AWAY, arr=AWAY)
        await mount.passes(20)
        await mount.until(dep=AWAY, arr=AT_PRESET)
        await until(lambda: mount.device.sent_to == ["departures", "arrivals"])


async def test_a_persons_turn_leaves_the_tour_for_its_time(mount: Mount):
    mount.device.turns_by_itself = True
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.person_turns_it_to("arrivals", minutes=30)
        await mount.until(dep=AWAY, arr=AT_PRESET)
        await mount.passes(29 * 60)
        await mount.answers()
        assert mount.statuses == (AWAY, AT_PRESET)
        await mount.passes(60)
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await until(lambda: mount.device.sent_to == ["arrivals", "departures"])


async def test_a_persons_turn_to_a_preset_without_a_key_sends_nothing_until_the_tour_is_taken_up(mount: Mount):
    mount.device.turns_by_itself = True
    mount.device.presets["preset-3"] = ("wall", (0.0, 0.9, 0.2))
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.person_turns_it_to("wall")
        await mount.until(dep=AWAY, arr=AWAY)
        await mount.passes(24 * 3600)
        await mount.answers()
        assert mount.statuses == (AWAY, AWAY)
        remove_turn(mount.folder, mount.monitor.mount)
        await mount.until(dep=AT_PRESET, arr=AWAY)
    await until(lambda: mount.device.sent_to == ["wall", "departures"])
