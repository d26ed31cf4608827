"""Every task of an officer and a supervisor at the PC by keyboard alone: no test here clicks, or calls a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.notifier.desktop.dialogs.step_flow import KEYS
from cekalwatch.notifier.desktop.threads import DesktopScreen
from tests.support.builders.notifier_alarms import make_alarm
from tests.support.builders.practice_faces import practice_folder
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc
from tests.support.scenarios.people import PASSWORD

pytestmark = pytest.mark.slow
MOST_TABS = 40


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficeThread]:
    office = OfficeThread(tmp_path_factory.mktemp("site"))
    office.list_people()
    with office.open():
        yield office


class Hands:
    """Types, and counts the keys that do something."""

    def __init__(self, pc: OfficerPc) -> None:
        self._pc = pc
        self.keys = 0

    def press(self, key: Qt.Key, window: QWidget, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key in whatever has the keyboard there."""
        self.keys += 1
        receiver = window.focusWidget() if window.focusWidget() is not None else window
        QTest.keyClick(receiver, key, held)

    def reach(self, widget: QWidget) -> None:
        """Go on with the tabulator key until a part of its window has the keyboard."""
        window = widget.window()
        for _ in range(MOST_TABS):
            if window.focusWidget() is widget:
                return
            self.press(Qt.Key.Key_Tab, window)
        raise AssertionError(f"the keyboard does not get to {widget}")

    def choose(self, words: str) -> None:
        """Go to the alert window, open the menu, and choose the entry that begins with the words."""
        self._pc.turn_to()
        self.press(Qt.Key.Key_F1, self._pc.window)
        menu = self._pc.agent.tray.menu
        self._pc.until(menu.isVisible)
        wanted = next(one for one in menu.actions() if one.text().startswith(words))
        for _ in menu.actions():
            QTest.keyClick(menu, Qt.Key.Key_Down)
            if menu.activeAction() is wanted:
                QTest.keyClick(menu, Qt.Key.Key_Return)
                return
        raise AssertionError(f"the keyboard does not get to {words}")


def sign_in(pc: OfficerPc, hands: Hands, name: str) -> None:
    """Sign in from the locked window."""
    pc.turn_to()
    hands.reach(pc.window.locked.sign_in)
    hands.press(Qt.Key.Key_Return, pc.window)
    pc.until(lambda: pc.dialog is not None)
    hands.reach(pc.dialog.name)  # which has the name of who was here before
    hands.press(Qt.Key.Key_A, pc.dialog, Qt.KeyboardModifier.ControlModifier)
    pc.type(pc.dialog, f"{name}\t{PASSWORD}\r")
    pc.until(lambda: pc.controller.session is not None and pc.agent.dialog is None)


def test_an_officer_and_a_supervisor_do_all_their_tasks_by_keyboard(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server's list, which is empty, would take the place of the problem.
    monkeypatch.setattr(DesktopScreen, "alarms", lambda *_: None)
    faces = practice_folder(tmp_path / "faces")
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-d1", training_dir=faces) as pc:
        hands = Hands(pc)
        sign_in(pc, hands, "budi")
        hands.choose(pc.controller.formatter.say("MENU_PRACTICE"))
        pc.until(lambda: pc.agent.training)
        training = pc.agent.training
        assert training
        pc.until(training.isActiveWindow)
        hands.press(Qt.Key.Key_F5, training)
        hands.press(Qt.Key.Key_Return, training)
        assert training.practice.number == 2
        training.close()

        alert_id = office.raise_alert("1")
        pc.until(lambda: pc.window.alert_id == alert_id)
        pc.turn_to()
        pc.until(lambda: pc.window.takes_keys and pc.can(Step.REFER))

        hands.keys = 0
        hands.press(Qt.Key.Key_F5, pc.window)
        pc.until(lambda: not pc.shown.look_needed and pc.can(Step.REFER))
        pc.until(lambda: pc.window.takes_keys)
        hands.press(Qt.Key.Key_F5, pc.window)
        pc.until(lambda: pc.dialog is not None)
        hands.press(Qt.Key.Key_1, pc.dialog)
        hands.press(Qt.Key.Key_Return, pc.dialog)
        pc.shows(alert_id, "REFERRED")
        assert hands.keys == 4, "look, judge, reason, save"

        hands.press(Qt.Key.Key_Z, pc.window, Qt.KeyboardModifier.ControlModifier)
        pc.until(lambda: pc.state == "CLAIMED")
        pc.until(lambda: pc.window.takes_keys and pc.can(Step.REFER))
        hands.press(Qt.Key.Key_F5, pc.window)
        pc.until(lambda: pc.dialog is not None)
        hands.press(Qt.Key.Key_1, pc.dialog)
        hands.press(Qt.Key.Key_Return, pc.dialog)
        pc.shows(alert_id, "REFERRED")
        assert not pc.window.view.action_bar.message, "that it is undone is true no more"

        hands.choose(pc.controller.formatter.say("MENU_TODAY"))
        pc.until(pc.agent.today.isActiveWindow)
        hands.reach(pc.agent.today.view)
        hands.press(Qt.Key.Key_Down, pc.agent.today)
        hands.press(Qt.Key.Key_Return, pc.agent.today)
        pc.until(pc.window.isActiveWindow)

        hands.choose("Sign out")
        pc.until(lambda: pc.controller.session is None)
        sign_in(pc, hands, "siti")
        hands.choose(pc.controller.formatter.say("MENU_SUPERVISOR"))
        supervisor = pc.agent.supervisor
        pc.until(supervisor.isActiveWindow)
        pc.until(lambda: supervisor.report is not None and supervisor.table.rows)
        for one in (supervisor.hours, supervisor.export_button, supervisor.view):
            hands.reach(one)
        hands.press(Qt.Key.Key_Down, supervisor)
        office.raise_alert("2")
        pc.until(lambda: len(supervisor.table.rows) == 2)
        hands.press(Qt.Key.Key_Return, supervisor)
        pc.until(pc.window.isActiveWindow)
        assert pc.window.alert_id == alert_id, "what comes meanwhile takes nobody's place"
        pc.until(lambda: pc.window.takes_keys and pc.can(Step.REFER))
        pc.look()
        pc.until(lambda: pc.window.takes_keys and pc.can(Step.CONFIRM))
        hands.press(Qt.Key.Key_F8, pc.window)
        pc.until(lambda: pc.dialog is not None)
        pc.type(pc.dialog, "CO-2026-000123\r")
        pc.shows(alert_id, "CONFIRMED")
        pc.until(lambda: pc.window.takes_keys and pc.can(Step.FOLLOW_UP))
        hands.press(Qt.Key.Key_F10, pc.window)
        pc.until(lambda: pc.dialog is not None)
        pc.type(pc.dialog, "duty desk")
        hands.reach(pc.dialog.outcome)
        pc.type(pc.dialog, "two officers come")
        hands.reach(pc.dialog.send_button)
        hands.press(Qt.Key.Key_Space, pc.dialog)
        pc.until(lambda: pc.dialog is None and pc.can(Step.CLOSE))
        pc.until(lambda: pc.window.takes_keys)
        hands.press(Qt.Key.Key_F12, pc.window)
        pc.shows(alert_id, "CLOSED")

        for present in ((), (make_alarm(AlarmKind.CAMERA_COVERED, "D1"),)):
            pc.agent.alarms.take(present)
        alarms = pc.agent.alarm_window
        pc.until(lambda: alarms.seen_buttons)  # it shows itself
        hands.choose("Problems")
        pc.until(alarms.isActiveWindow)
        hands.reach(next(iter(alarms.seen_buttons.values())))
        hands.press(Qt.Key.Key_Return, alarms)
        pc.until(alarms.message.isVisible)  # the server does not know this one, and says so


def test_what_they_do_less_often_takes_no_mouse_either(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-d1") as pc:
        hands = Hands(pc)

        def take(step: Step) -> None:
            pc.until(lambda: pc.window.isActiveWindow() and pc.window.takes_keys and pc.can(step))
            hands.press(Qt.Key[f"Key_{KEYS[step]}"], pc.window)

        def give_reason() -> None:
            pc.until(lambda: pc.dialog is not None)
            hands.press(Qt.Key.Key_1, pc.dialog)
            hands.press(Qt.Key.Key_Return, pc.dialog)

        def find(alert_id: str) -> None:
            hands.choose(pc.controller.formatter.say("MENU_TODAY"))
            today = pc.agent.today
            pc.until(lambda: today.isActiveWindow() and alert_id in [one.alert.alert_id for one in today.table.rows])
            hands.reach(today.view)
            hands.press(Qt.Key.Key_Home, today, Qt.KeyboardModifier.ControlModifier)
            for _ in range([one.alert.alert_id for one in today.table.rows].index(alert_id)):
                hands.press(Qt.Key.Key_Down, today)
            hands.press(Qt.Key.Key_Return, today)
            pc.until(lambda: pc.window.alert_id == alert_id)

        sign_in(pc, hands, "budi")
        office.raise_alert("3")
        pc.until(lambda: pc.state == "NEW")
        pc.turn_to()
        alert_id = pc.window.alert_id
        take(Step.CLAIM)
        pc.until(lambda: pc.state == "CLAIMED")
        take(Step.RELEASE)
        pc.until(lambda: pc.state == "NEW")
        hands.choose(pc.controller.formatter.say("MENU_TODAY"))
        today = pc.agent.today
        pc.until(lambda: today.isActiveWindow() and today.table.rows)
        hands.reach(today.text)
        pc.type(today, "nobody of that name")
        pc.until(lambda: not today.table.rows)
        pc.turn_to()
        take(Step.REFER)
        pc.until(lambda: not pc.shown.look_needed)
        take(Step.REFER)
        give_reason()
        pc.shows(alert_id, "REFERRED")

        hands.choose(pc.controller.formatter.say("MENU_PASSWORD"))
        pc.until(lambda: pc.dialog is not None)
        pc.type(pc.dialog, f"{PASSWORD}\tshort\tshort\r")
        pc.until(pc.dialog.problem.isVisible)
        hands.press(Qt.Key.Key_Escape, pc.dialog)
        pc.until(lambda: pc.dialog is None)

        hands.choose("Sign out")
        pc.until(lambda: pc.controller.session is None)
        sign_in(pc, hands, "siti")
        find(alert_id)
        take(Step.NOT_SAME)
        pc.until(lambda: not pc.shown.look_needed)
        take(Step.CLEAR)
        give_reason()
        pc.until(lambda: "next face" in pc.window.view.action_bar.message)

        held = office.raise_alert("4")
        office.claim("ani", held)
        pc.until(lambda: (shown := pc.controller.alert_cache.find(held)) and shown.alert.state == "CLAIMED")
        find(held)
        take(Step.TAKE_OVER)
        give_reason()
        pc.until(lambda: "taken over by Petugas siti" in pc.words)
