"""A camera that goes blind, as the real windows of an officer's and a supervisor's PC show it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.watchlist import Freshness, SourceFreshness
from cekalwatch.notifier.desktop.windows.tray import Light
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.alarms import beat
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc
from tests.support.scenarios.server import CaptureClient

WITHIN_MS = 10_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeThread]:
    with OfficeThread(tmp_path / "site", heartbeat_period_seconds=60).open() as opened:
        yield opened


class Cameras:
    """The cameras of both counters, connected; each says how it does when it is told to."""

    def __init__(self, office: OfficeThread, clients: dict[str, CaptureClient]) -> None:
        self._office = office
        self._clients = clients

    def say(self, camera_id: str, view: str) -> None:
        self._office.run(self._clients[camera_id].call.write(beat(view)))

    def die(self, camera_id: str) -> None:
        self._clients[camera_id].call.cancel()


@asynccontextmanager
async def connected(office: OfficeThread, camera_id: str) -> AsyncIterator[CaptureClient]:
    files = office.office.site.device(DeviceRole.CAMERA, camera_id)
    async with office.office.site.dialer(office.office.address, files).aio_channel() as channel:
        client = await CaptureClient.open(channel, camera_id)
        await client.call.write(beat())
        yield client
        client.call.cancel()


@contextmanager
def all_cameras(office: OfficeThread) -> Iterator[Cameras]:
    blocks = {camera_id: connected(office, camera_id) for camera_id in ("dep-1", "arr-1")}
    yield Cameras(office, {name: office.run(block.__aenter__()) for name, block in blocks.items()})
    for block in blocks.values():
        office.run(block.__aexit__(None, None, None))


def words_on(pc: OfficerPc) -> str:
    """Everything that the window of alarms says now."""
    return "\n".join(label.text() for label in pc.agent.alarm_window.findChildren(QLabel) if label.isVisible())


@pytest.mark.slow
def test_a_covered_camera_is_on_the_supervisors_screen_with_what_to_do_until_it_is_well(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with all_cameras(office) as cameras, officer_pc(office, tmp_path, qapp, qtbot, "pc-s") as pc:
        pc.sign_in("siti")
        cameras.say("dep-1", "COVERED")
        qtbot.waitUntil(lambda: "Counter D1 (dep-1)" in words_on(pc), timeout=WITHIN_MS)
        assert pc.agent.alarm_window.isVisible()
        assert "the camera is covered" in words_on(pc)
        assert "Remove what is in front of the lens." in words_on(pc)
        (alarm,) = (one for one in pc.agent.alarms.shown if one.kind is AlarmKind.CAMERA_COVERED)
        pc.agent.alarm_window.seen_buttons[alarm.alarm_id].click()
        pc.until(lambda: "Petugas siti" in words_on(pc))
        assert alarm.alarm_id not in pc.agent.alarm_window.seen_buttons
        assert len(office.office.trail(Action.TROUBLE_ACKNOWLEDGED)) == 1
        cameras.say("dep-1", "OK")
        qtbot.waitUntil(lambda: "dep-1" not in words_on(pc), timeout=WITHIN_MS)


@pytest.mark.slow
def test_an_officer_sees_that_a_counter_of_their_own_is_blind_and_no_other(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with (
        all_cameras(office) as cameras,
        officer_pc(office, tmp_path / "d", qapp, qtbot, "pc-d1", counters=("D1",)) as departure,
        officer_pc(office, tmp_path / "a", qapp, qtbot, "pc-a1", counters=("A1",)) as arrival,
    ):
        departure.until(lambda: departure.agent.tray.light is Light.GREEN)
        arrival.until(lambda: arrival.agent.tray.light is Light.GREEN)
        cameras.die("dep-1")
        qtbot.waitUntil(lambda: departure.agent.tray.light is Light.RED, timeout=WITHIN_MS)  # its last camera
        assert "Counter D1 (dep-1): the camera is not connected" in departure.agent.tray.toolTip()
        departure.window.bring_up()
        assert "Counter D1 (dep-1)" in departure.window.watch.text()
        assert departure.window.watch.isVisible()
        departure.sign_in("budi")
        assert not departure.agent.alarm_window.isVisible(), "it is the supervisors' to act"
        assert [one.kind for one in departure.agent.alarms.shown] == [AlarmKind.CAMERA_DOWN]
        assert arrival.agent.tray.light is Light.GREEN
        assert arrival.agent.alarms.shown == ()


@pytest.mark.slow
def test_a_supervisor_who_signs_in_later_gets_what_nobody_has_seen(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with all_cameras(office) as cameras, officer_pc(office, tmp_path, qapp, qtbot, "pc-s") as pc:
        cameras.say("arr-1", "BLINDED")
        pc.until(lambda: pc.agent.alarms.blind)
        assert not pc.agent.alarm_window.isVisible()
        pc.sign_in("siti")
        pc.until(pc.agent.alarm_window.isVisible)
        pc.controller.set_language(Language.ID)
        pc.until(lambda: "kamera silau" in words_on(pc))


@pytest.mark.slow
def test_the_tray_names_the_source_that_is_stale(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1") as pc:
        pc.controller.connected(Freshness.of([SourceFreshness("http:cekal", None, stale=True)], active_subjects=3))
        assert "(source: http:cekal)" in pc.agent.tray.toolTip()


@pytest.mark.slow
def test_a_counter_whose_pc_dies_is_on_the_supervisors_screen_and_its_alerts_go_there_at_once(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with (
        all_cameras(office),
        officer_pc(office, tmp_path / "a", qapp, qtbot, "pc-a1", counters=("A1",)) as arrival,
        officer_pc(office, tmp_path / "s", qapp, qtbot, "pc-s", sound=True) as supervisors,
    ):
        supervisors.sign_in("siti")
        with officer_pc(office, tmp_path / "d", qapp, qtbot, "pc-d1", counters=("D1",)) as departure:
            departure.until(lambda: departure.controller.connection.ready)
            alert_id = office.raise_alert()
            supervisors.shows(alert_id, "NEW")
        qtbot.waitUntil(lambda: "no PC would ring here" in words_on(supervisors), timeout=15_000)
        assert [one.about for one in supervisors.agent.alarms.shown] == ["batam-center/D1"]
        supervisors.until(lambda: escalated(supervisors, alert_id))
        assert arrival.agent.alarms.shown == ()
        later = office.raise_alert("2")
        qtbot.waitUntil(lambda: escalated(supervisors, later), timeout=3_000)
        with officer_pc(office, tmp_path / "d", qapp, qtbot, "pc-d1", counters=("D1",), sound=True) as departure:
            departure.until(lambda: departure.agent.bell.rings)
            qtbot.waitUntil(lambda: supervisors.agent.alarms.shown == (), timeout=WITHIN_MS)


def escalated(pc: OfficerPc, alert_id: str) -> bool:
    shown = pc.controller.alert_cache.find(alert_id)
    return bool(shown and shown.alert.escalated)
