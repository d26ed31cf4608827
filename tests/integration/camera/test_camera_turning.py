"""A camera that can be turned, through the ONVIF library and HTTP, with a device that checks its tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.camera.checks import CheckVerdict, check_mount
from cekalwatch.camera.ptz.manual_turn import ManualTurn, read_turn, remove_turn, write_turn
from cekalwatch.camera.ptz.monitor import ANSWER_HOLDS_S, PRESETS_EVERY_S, PtzMonitor, arrive
from cekalwatch.camera.ptz.onvif import OnvifError, PtzPosition, opened
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.turnable import Turnable
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.program.errors import Exit
from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.backoff import Backoff
from tests.support.builders.camera import ManualClock
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.alert_server import wait_for
from tests.support.fakes.camera_program import camera_command, camera_program, ended
from tests.support.fakes.capture_server import CaptureServer, Heard, serving
from tests.support.fakes.onvif_device import PASSWORD, USER, OnvifDevice
from tests.support.tools.starter import starter_pack

UNKNOWN, NOT_REACHED = PresetStatus.UNKNOWN, PresetStatus.NOT_REACHED
AT_PRESET, AWAY = PresetStatus.AT_PRESET, PresetStatus.AWAY
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


async def test_turning_ends_when_the_camera_rests_at_the_preset(device: OnvifDevice):
    async with opened(at(device), PASSWORD) as camera:
        turning = asyncio.create_task(arrive(camera, await camera.preset("arrivals"), period_s=0.01))
        await until(lambda: device.asked.count("GetStatus") > 2)
        assert not turning.done()
        device.finish_turn()
        await asyncio.wait_for(turning, 20)
    assert device.position == ARRIVALS


async def test_a_camera_key_is_here_only_while_the_camera_rests_at_its_preset(mount: Mount):
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.device.heading = ARRIVALS
        await mount.until(dep=AWAY, arr=AWAY)
        mount.device.finish_turn()
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_nothing_is_sent_before_the_camera_has_settled(mount: Mount):
    async with mount.followed(settle_s=5.0):
        await mount.answers()
        assert mount.statuses == (AWAY, AWAY)
        mount.clock.passed_s += 5
        await mount.until(dep=AT_PRESET, arr=AWAY)


async def test_a_camera_that_does_not_tell_its_position_sends_under_no_key_at_rest_either(mount: Mount):
    mount.device.tells_position = False
    async with mount.followed():
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        mount.device.heading = ARRIVALS
        await mount.until(dep=AWAY, arr=AWAY)
        mount.device.finish_turn()
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        mount.clock.passed_s += 3600
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
        mount.clock.passed_s += PRESETS_EVERY_S
        await mount.until(dep=AT_PRESET, arr=AWAY)


TRUSTED: dict[str, Any] = {"trust_preset_without_feedback": True, "turn_s": 20}


async def test_on_purpose_it_sends_under_the_key_of_the_preset_to_which_we_sent_it_and_after_the_turn(mount: Mount):
    mount.device.tells_position, mount.device.turns_by_itself = False, True
    async with mount.followed(**TRUSTED):
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)  # nobody has sent it anywhere
        mount.person_turns_it_to("arrivals")
        await mount.until(dep=AWAY, arr=AWAY)
        await until(lambda: mount.device.sent_to == ["arrivals"])
        mount.clock.passed_s += 19
        await mount.answers()
        assert mount.statuses == (AWAY, AWAY)
        mount.clock.passed_s += 1
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_what_was_trusted_is_sent_there_again_when_it_was_away(mount: Mount):
    """It may have been without power, and look anywhere."""
    mount.device.tells_position, mount.device.turns_by_itself = False, True
    mount.person_turns_it_to("arrivals")
    async with mount.followed(**TRUSTED):
        await mount.until(dep=AWAY, arr=AWAY)
        mount.clock.passed_s += 20
        await mount.until(dep=AWAY, arr=AT_PRESET)
        await mount.is_away()
        await mount.until(dep=AWAY, arr=AWAY)
        await until(lambda: mount.device.sent_to == ["arrivals", "arrivals"])
        mount.clock.passed_s += 20
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_a_camera_without_a_tour_is_never_turned_by_the_service(mount: Mount):
    mount.person_turns_it_to("arrivals")
    async with mount.followed():
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.clock.passed_s += 3600
        await mount.answers()
    assert mount.device.sent_to == []


TOUR: dict[str, Any] = {"stay_s": 60, "turn_s": 20, "wait_s": 30}


async def test_the_tour_turns_from_preset_to_preset_and_waits_while_somebody_passes(mount: Mount):
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        assert mount.device.sent_to == []  # it is there already
        mount.passing = {"dep"}
        mount.clock.passed_s += 60
        await mount.answers()
        assert mount.statuses == (AT_PRESET, AWAY)
        mount.passing = set()
        await mount.until(dep=AWAY, arr=AWAY)
        await until(lambda: mount.device.heading == ARRIVALS)
        mount.device.finish_turn()
        await mount.until(dep=AWAY, arr=AT_PRESET)
        mount.passing = {"arr"}
        mount.clock.passed_s += 60
        await mount.answers()
        mount.clock.passed_s += 30
        await mount.until(dep=AWAY, arr=AWAY)  # somebody always passes: it does not wait for ever
        await until(lambda: mount.device.sent_to == ["arrivals", "departures"])


async def test_no_key_is_at_its_preset_from_before_the_camera_is_told_to_turn(mount: Mount):
    at_the_order: list[tuple[PresetStatus, ...]] = []
    mount.device.on_order = lambda: at_the_order.append(mount.statuses)
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.clock.passed_s += 60
        await until(lambda: bool(at_the_order))
    assert at_the_order == [(AWAY, AWAY)]


async def test_the_tour_follows_the_hour(mount: Mount):
    mount.clock.set_ahead_s = timedelta(hours=-3).total_seconds()  # five o'clock in UTC
    async with mount.followed(arr_hours=("06:00-09:00",), **TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.clock.passed_s += 1800
        await mount.answers()
        assert mount.device.sent_to == []
        mount.clock.passed_s += 1800
        await until(lambda: mount.device.sent_to == ["arrivals"])


async def test_a_preset_that_is_not_reached_is_a_fault_of_its_key_and_the_tour_goes_on(mount: Mount):
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.clock.passed_s += 60
        await until(lambda: mount.device.heading == ARRIVALS)
        mount.device.heading = None  # the motor is blocked
        mount.device.position = (0.0, 0.1, 0.2)
        await mount.until(dep=AWAY, arr=AWAY)
        mount.clock.passed_s += 20.1
        await until(lambda: mount.device.sent_to == ["arrivals", "departures"])
        mount.device.finish_turn()
        await mount.until(dep=AT_PRESET, arr=NOT_REACHED)
        mount.clock.passed_s += 60
        await until(lambda: mount.device.sent_to == ["arrivals", "departures", "arrivals"])
        mount.device.finish_turn()
        await mount.until(dep=AWAY, arr=AT_PRESET)


async def test_a_tour_of_a_camera_that_does_not_tell_its_position_turns_nothing_and_sends_nothing(mount: Mount):
    mount.device.tells_position = False
    async with mount.followed(**TOUR):
        await mount.until(dep=UNKNOWN, arr=UNKNOWN)
        mount.clock.passed_s += 600
        await mount.answers()
        assert mount.statuses == (UNKNOWN, UNKNOWN)
    assert mount.device.sent_to == []


async def test_a_trusted_camera_tours_too(mount: Mount):
    mount.device.tells_position, mount.device.turns_by_itself = False, True
    async with mount.followed(**TOUR, trust_preset_without_feedback=True):
        await mount.until(dep=AWAY, arr=AWAY)
        mount.clock.passed_s += 20
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.clock.passed_s += 60
        await mount.until(dep=AWAY, arr=AWAY)
        mount.clock.passed_s += 20
        await mount.until(dep=AWAY, arr=AT_PRESET)
        await until(lambda: mount.device.sent_to == ["departures", "arrivals"])


async def test_a_persons_turn_leaves_the_tour_for_its_time(mount: Mount):
    mount.device.turns_by_itself = True
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.person_turns_it_to("arrivals", minutes=30)
        await mount.until(dep=AWAY, arr=AT_PRESET)
        mount.clock.passed_s += 29 * 60
        await mount.answers()
        assert mount.statuses == (AWAY, AT_PRESET)
        mount.clock.passed_s += 60
        await mount.until(dep=AT_PRESET, arr=AWAY)
        await until(lambda: mount.device.sent_to == ["arrivals", "departures"])


async def test_a_persons_turn_to_a_preset_without_a_key_sends_nothing_until_the_tour_is_taken_up(mount: Mount):
    mount.device.turns_by_itself = True
    mount.device.presets["preset-3"] = ("wall", (0.0, 0.9, 0.2))
    async with mount.followed(**TOUR):
        await mount.until(dep=AT_PRESET, arr=AWAY)
        mount.person_turns_it_to("wall")
        await mount.until(dep=AWAY, arr=AWAY)
        mount.clock.passed_s += 24 * 3600
        await mount.answers()
        assert mount.statuses == (AWAY, AWAY)
        remove_turn(mount.folder, mount.monitor.mount)
        await mount.until(dep=AT_PRESET, arr=AWAY)
    await until(lambda: mount.device.sent_to == ["wall", "departures"])


@pytest.mark.slow
async def test_of_two_camera_keys_of_one_camera_only_the_one_whose_preset_it_is_at_sends(
    device: OnvifDevice, tmp_path: Path
):
    server = CaptureServer(cameras=("dep-1", "arr-1"))
    async with serving(server):
        settings = two_keys(device, server, tmp_path)
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
    device: OnvifDevice, tmp_path: Path
):
    device.turns_by_itself = True
    server = CaptureServer(cameras=("dep-1", "arr-1"))
    async with serving(server):
        settings = two_keys(device, server, tmp_path, "stay_s = 15\nwait_s = 0\n")
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
        assert await ended(turning) == (Exit.OK, "The camera is at arrivals\n", "")
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
        f'camera_id = "arr-1"\nsource = "0"\nptz_dir = "{tmp_path / "ptz"}"\n[ptz]\naddress = "{device.address}"\n'
        f'user = "{USER}"\npreset = "arrivals"\nstay_s = 60\n'
    )
    config, password = ("--config", str(settings)), {"CEKALWATCH_CAMERA_PTZ_PASSWORD": PASSWORD}
    key = device.address.removeprefix("http://")
    code, said, errors = await camera_command("turn", "departures", "--stay", *config, home=tmp_path, **password)
    assert (code, errors) == (Exit.OK, "")
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


def two_keys(device: OnvifDevice, server: CaptureServer, folder: Path, more: str = "") -> Path:
    """Write the settings of a camera with a key for each preset, and somebody who stays in view; `more`: of `ptz`."""
    walk = Walk(begin=(300, 240), end=(420, 260), head_px=(90, 110), first_frame=0, last_frame=1500)
    video = write_video(folder / "walk.avi", [walk], frames=1500, fps=15)
    secret = folder / "ptz.password"
    secret.write_text(PASSWORD + "\n")
    settings = folder / "camera.toml"
    settings.write_text(
        f'server_address = "{server.address}"\ndetector = "{starter_pack()}"\nrealtime = true\n'
        + "".join(
            f'[[cameras]]\ncamera_id = "{key}"\nsource = "{video}"\n[cameras.ptz]\naddress = "{device.address}"\n'
            f'user = "{USER}"\npassword_file = "{secret}"\npreset = "{preset}"\n{more}'
            for key, preset in (("dep-1", "departures"), ("arr-1", "arrivals"))
        )
    )
    return settings


class Losses(Backoff):
    """Counts how often the monitor lost its camera."""

    count = 0

    def next_delay_s(self) -> float:
        self.count += 1
        return super().next_delay_s()


class Mount:
    """A device with two keys, a clock that the test sets, and a monitor."""

    def __init__(self, device: OnvifDevice, folder: Path) -> None:
        self.device = device
        self.folder = folder
        self.clock = ManualClock()
        self.passing: set[str] = set()
        self.losses = Losses(first_s=0.05, most_s=0.1)

    @asynccontextmanager
    async def followed(self, *, arr_hours: tuple[str, ...] = (), **options: object) -> AsyncIterator[None]:
        """Run the monitor; `options` are settings of both keys."""
        presets: dict[str, dict[str, object]] = {
            "dep": {"preset": "departures"},
            "arr": {"preset": "arrivals", "hours": arr_hours},
        }
        common = {"address": self.device.address, "user": USER, "settle_s": 0, **options}
        self.monitor = PtzMonitor(
            {key: Turnable.model_validate(common | own) for key, own in presets.items()},
            PASSWORD,
            self.clock,
            turns_folder=self.folder,
            under_way=lambda key: key in self.passing,
            zone=UTC,
            period_s=0.02,
            backoff=self.losses,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(self.monitor.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)

    @property
    def statuses(self) -> tuple[PresetStatus, PresetStatus]:
        return self.monitor.preset_status("dep"), self.monitor.preset_status("arr")

    async def until(self, dep: PresetStatus, arr: PresetStatus) -> None:
        await until(lambda: self.statuses == (dep, arr))

    async def is_away(self) -> None:
        """Let it not answer for too long, and answer again."""
        self.device.stop()
        self.clock.passed_s += ANSWER_HOLDS_S + 0.1
        await self.until(dep=UNKNOWN, arr=UNKNOWN)
        await until(lambda: self.losses.count > 0)
        self.device.start()

    async def answers(self) -> None:
        """Wait until the monitor has asked, and acted, twice."""
        asked = self.device.asked.count("GetStatus")
        await until(lambda: self.device.asked.count("GetStatus") >= asked + 3)

    def person_turns_it_to(self, preset: str, minutes: float | None = None) -> None:
        now = self.clock.now()
        until = None if minutes is None else now + timedelta(minutes=minutes)
        write_turn(self.folder, self.device.address.removeprefix("http://"), ManualTurn(preset, now, until))


@pytest.fixture
def mount(device: OnvifDevice, tmp_path: Path) -> Mount:
    return Mount(device, tmp_path / "ptz")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other tasks and threads bring about."""
    await asyncio.to_thread(wait_for, condition)
