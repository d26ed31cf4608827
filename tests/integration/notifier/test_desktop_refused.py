"""An officer's PC that was set up wrongly, or started anew: it stays on the screen, and says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QFrame
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.desktop import sound
from cekalwatch.notifier.desktop.widgets.theme import LIGHT
from cekalwatch.notifier.desktop.windows.tray import Light
from cekalwatch.office.client import subscription
from cekalwatch.office.connection import Cause
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc, starting_pc

WITHIN_MS = 10_000


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficeThread]:
    with OfficeThread(tmp_path_factory.mktemp("site")).open() as opened:
        yield opened


def stays_red_and_says(pc: OfficerPc, words: str) -> None:
    pc.until(lambda: pc.controller.connection.cause is Cause.REFUSED)
    pc.until(lambda: words in pc.words)
    assert pc.window.isVisible()
    assert (pc.window.tone, pc.window.watch.property("level")) == ("calm", "NONE")
    assert pc.agent.tray.light is Light.RED
    assert words in pc.agent.tray.toolTip()
    assert words in pc.agent.tray.advice.text()
    assert "The number of waiting alerts is not known." in pc.words, "never: none"


@pytest.mark.slow
def test_a_revoked_pc_stays_and_works_again_once_it_is_enrolled(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "REFUSED_PAUSE_S", 0.2)
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-lost") as pc:
        office.revoke_pc("pc-lost")
        stays_red_and_says(
            pc,
            "The certificate of this PC was revoked. Ask the administrator to invite this PC again (“pki invite”), "
            "then run “cekalwatch-notifier enrol”.",
        )
        files = office.office.site.device(DeviceRole.NOTIFIER, "pc-lost")
        for file in (files.key, files.certificate):
            file.unlink()
        office.office.site.device(DeviceRole.NOTIFIER, "pc-lost")
        pc.until(lambda: pc.controller.connection.ready)
        assert "revoked" not in pc.words


@pytest.mark.slow
def test_a_pc_with_another_name_than_its_certificates_says_what_to_remove(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with starting_pc(office, tmp_path, qapp, qtbot, "pc-1", agent_id="counter-1") as pc:
        stays_red_and_says(pc, "Remove “agent_id” from the settings")


@pytest.mark.slow
def test_a_counter_that_does_not_exist_is_refused_with_those_that_do(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with starting_pc(office, tmp_path, qapp, qtbot, "pc-1", counters=("D1", "Z9")) as pc:
        stays_red_and_says(pc, "The server has no counter Z9, which the settings of this PC name")
        assert "The server has: A1, D1." in pc.words
    with starting_pc(office, tmp_path, qapp, qtbot, "pc-1", counters=("D1",), direction="ARRIVAL") as pc:
        stays_red_and_says(pc, "The server has no counter D1")


@pytest.mark.slow
def test_a_pc_that_starts_anew_shows_that_alerts_wait_and_goes_by_its_certificates_name(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1", agent_id="") as pc:
        assert pc.controller.settings.agent_id == "pc-1"
        assert "No alert is waiting." in pc.words
        alert_id = office.raise_alert()
        pc.until(lambda: "Waiting alerts: 1" in pc.words)
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1") as pc:
        pc.until(lambda: "Waiting alerts: 1" in pc.words)
        assert not pc.controller.alert_cache.newest_first(), "nobody has signed in: the number, and nothing else"
        assert pc.window.isVisible()
        assert "1 open" in pc.agent.tray.toolTip()
        pc.sign_in("budi")
        pc.shows(alert_id, "NEW")
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-new") as pc:
        pc.until(lambda: "Waiting alerts: 1" in pc.words)


@pytest.mark.slow
def test_without_a_tray_the_window_is_there_with_the_menu(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_tray(monkeypatch)
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1") as pc:
        assert pc.window.isVisible()
        pc.window.close()
        assert pc.window.isMinimized(), "among the other windows, where a person finds it"
        menu = pc.window.menu.menu()
        assert pc.agent.tray.quit in menu.actions()
        assert pc.window.menu.accessibleName() == "Menu (F1)"


@pytest.mark.slow
def test_a_pc_without_sound_or_without_a_place_to_show_says_so_within_ten_seconds(
    tmp_path: Path, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said CONNECTED, and would have rung for nobody's ears and eyes."""
    with (  # no camera of this server is away, which it would say first
        OfficeThread(tmp_path / "site", cameras=()).open() as office,
        officer_pc(office, tmp_path, qapp, qtbot, "pc-1", sound=True) as pc,
    ):
        tray = pc.agent.tray

        def says(words: str, light: Light) -> None:
            qtbot.waitUntil(lambda: words in tray.toolTip(), timeout=WITHIN_MS)
            assert words in pc.agent.today.watch.text(), "every window has the line"
            assert tray.light is light

        monkeypatch.setattr(sound, "_PLAYERS", ())
        says("This PC cannot make a sound.", Light.AMBER)
        monkeypatch.setattr(sound, "_PLAYERS", (("true",),))
        says("Watching", Light.GREEN)
        no_tray(monkeypatch)
        pc.window.hide()
        says("neither the alert window nor the icon", Light.AMBER)
        pc.window.come_up()
        says("Watching", Light.GREEN)


@pytest.mark.slow
def test_a_locked_window_is_not_green_and_alarms_stand_apart_from_its_header(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1") as pc:
        window, header = pc.window, pc.window.findChild(QFrame, "header")
        pc.controller.connected(Freshness(None, stale=True, active_subjects=1), 0, Readiness(ReadinessFault.LIST))
        window.bring_up()
        qtbot.waitUntil(lambda: "watchlist" in window.watch.text(), timeout=WITHIN_MS)
        assert "LOCKED" in pc.words
        assert window.grab().toImage().pixelColor(4, 4).name() == LIGHT.panel
        assert header is not None
        apart = window.watch.mapTo(window, QPoint()).y() - header.mapTo(window, QPoint(0, header.height())).y()
        assert apart > window.pages.height() / 2


def no_tray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PySide6.QtWidgets.QSystemTrayIcon.isSystemTrayAvailable", lambda: False)
