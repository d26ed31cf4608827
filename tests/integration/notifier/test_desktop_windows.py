"""The real windows against a real server: who sees what, what is refused and how, and what is never lost."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDesktopServices, QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import Reason, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.widgets.comparison import PhotoView
from cekalwatch.notifier.desktop.windows import alert_window
from cekalwatch.notifier.desktop.windows.tray import Light
from cekalwatch.office.alerts import PicturesMissing
from cekalwatch.office.connection import Cause, Disconnected
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from tests.support.builders.notifier_alerts import make_pictures
from tests.support.builders.practice_faces import practice_folder
from tests.support.scenarios.officer_pc import WAIT_MS, OfficerPc, OfficeThread, officer_pc
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD

UNTOUCHED_MS = 400
NEW_PASSWORD = "garam sepeda awan biru"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeThread]:
    with OfficeThread(tmp_path / "site").open() as opened:
        yield opened


@pytest.fixture
def pc(office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot) -> Iterator[OfficerPc]:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1") as made:
        yield made


def words_on(pc: OfficerPc) -> str:
    """Everything that the alert window says now."""
    return "\n".join(label.text() for label in pc.window.findChildren(QLabel) if label.isVisible())


def says(dialog: FormDialog, problem: str) -> bool:
    return problem in dialog.problem.text()


@pytest.mark.slow
def test_nobody_reads_a_name_before_signing_in_and_the_alert_waits(office: OfficeThread, pc: OfficerPc) -> None:
    alert_id = office.raise_alert()
    pc.until(pc.controller.waiting)
    assert pc.window.isVisible()
    assert pc.window.pages.currentWidget() is pc.window.locked
    assert "Waiting alerts: 1" in words_on(pc)
    assert "Contoh Satu" not in words_on(pc)
    pc.agent.show_today()
    assert not pc.agent.today.table.rows
    pc.sign_in("budi")
    pc.shows(alert_id, "NEW")
    assert "Contoh Satu" not in words_on(pc), "two faces come first"
    pc.look()
    assert "Contoh Satu" in words_on(pc)
    pc.until(lambda: pc.window.view.comparison.probe.loaded and pc.window.view.comparison.reference.loaded)
    pc.until(lambda: pc.agent.today.table.rows)


@pytest.mark.slow
def test_an_officer_reads_with_whom_the_traveller_is_easily_mistaken(office: OfficeThread, pc: OfficerPc) -> None:
    office.list_people()
    office.judge_lookalikes("S-1", "S-2")
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pc.look()
    pc.until(lambda: "Easily mistaken for" in words_on(pc))
    assert "Check the documents carefully" in words_on(pc)
    assert "Look-alike" in words_on(pc)


@pytest.mark.slow
def test_the_screen_locks_when_nobody_touches_it_and_the_claim_is_not_renewed(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1", idle_lock_seconds=30) as pc:
        pc.sign_in("budi")
        alert_id = office.raise_alert()
        pc.shows(alert_id, "NEW")
        pc.press(Qt.Key.Key_F2)
        pc.shows(alert_id, "CLAIMED")
        pc.agent.lock.look()
        assert pc.controller.session, "a key was pressed just now"
        pc.agent.lock.limit_ms = 1
        qtbot.wait(5)
        pc.agent.lock.look()
        assert pc.controller.session is None
        assert pc.window.pages.currentWidget() is pc.window.locked
        assert not pc.controller.claims_to_renew()
        assert not (tmp_path / "pc-1" / "session-pc-1").exists()


@pytest.mark.slow
def test_whatever_is_typed_or_clicked_in_any_window_counts_as_a_touch(
    office: OfficeThread, pc: OfficerPc, qtbot: QtBot
) -> None:
    lock, menu = pc.agent.lock, pc.agent.tray.menu

    def restarts(touch: Callable[[QWindow], None], window: QWidget) -> bool:
        handle = window.windowHandle()
        qtbot.waitUntil(lambda: lock.untouched_ms >= UNTOUCHED_MS, timeout=WAIT_MS)
        touch(handle)
        return lock.untouched_ms < UNTOUCHED_MS

    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pc.turn_to()
    qtbot.wait(1)
    touches: list[Callable[[QWindow], None]] = [
        lambda window: QTest.keyClick(window, Qt.Key.Key_Shift),
        lambda window: QTest.keyClick(window, Qt.Key.Key_F2),  # a shortcut
        lambda window: QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=QPoint(2, 2)),
        lambda window: QTest.mouseMove(window, QPoint(9, 9)),
        lambda window: QTest.wheelEvent(window, QPointF(9, 9), QPoint(0, 120)),
    ]
    for touch in touches:
        assert restarts(touch, pc.window)
    menu.popup(pc.window.mapToGlobal(QPoint(20, 20)))
    assert restarts(touches[2], menu)
    assert not restarts(lambda _: pc.window.update(), pc.window)


@pytest.mark.slow
def test_whoever_works_at_the_pc_keeps_the_session_and_nobody_else_does(
    office: OfficeThread, pc: OfficerPc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pc.turn_to()
    lock, said = pc.agent.lock, list[str]()
    monkeypatch.setattr(pc.controller, "check_session", lambda: said.append("here"))
    lock.say_every_ms = UNTOUCHED_MS
    qtbot.waitUntil(lambda: lock.untouched_ms >= UNTOUCHED_MS, timeout=WAIT_MS)
    lock.look()
    assert said == []
    QTest.keyClick(pc.window.windowHandle(), Qt.Key.Key_Shift)
    lock.look()
    lock.look()
    assert said == ["here"]


@pytest.mark.slow
def test_an_alert_locks_a_screen_whose_session_is_over_and_is_shown_whole_after_the_sign_in(
    office: OfficeThread, pc: OfficerPc
) -> None:
    pc.sign_in("budi")
    office.end_sessions()
    alert_id = office.raise_alert()
    pc.until(lambda: pc.controller.session is None)
    assert pc.window.pages.currentWidget() is pc.window.locked
    assert "EILEEN" not in words_on(pc)
    pc.sign_in("budi")
    pc.until(lambda: bool((found := pc.controller.alert_cache.find(alert_id)) and found.alert.named))
    pc.shows(alert_id, "NEW")


@pytest.mark.slow
def test_an_alert_that_names_nobody_says_that_the_session_is_over(
    office: OfficeThread, pc: OfficerPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream goes on without a person some time after the session's end, and only then names nobody."""
    monkeypatch.setattr(pc.controller.pictures, "of", lambda _: PicturesMissing.LOADING)
    pc.sign_in("budi")
    office.end_sessions()
    passed = itertools.count()
    pc.until(lambda: office.raise_alert(str(next(passed))) and pc.controller.session is None)
    assert pc.window.pages.currentWidget() is pc.window.locked


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda controller, alert: controller.refresh(alert.alert_id), id="refresh"),
        pytest.param(lambda controller, _: controller.load_today(), id="list"),
        pytest.param(lambda controller, alert: controller.pictures.of(alert), id="pictures"),
    ],
)
def test_the_screen_locks_whatever_call_learns_that_the_session_is_over(
    office: OfficeThread, pc: OfficerPc, monkeypatch: pytest.MonkeyPatch, call: Callable[[Controller, Alert], object]
) -> None:
    """An alert may still come with its name in the second in which the session ends: then only its pictures tell."""
    monkeypatch.setattr(pc.controller, "check_session", lambda: None)
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    shown = pc.controller.alert_cache.find(alert_id)
    assert shown
    office.end_sessions()
    pc.controller.pictures.leave()
    call(pc.controller, shown.alert)
    pc.until(lambda: pc.controller.session is None)


@pytest.mark.slow
def test_a_question_that_was_open_when_the_screen_locked_is_given_up(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pc.press(Qt.Key.Key_F6)
    assert pc.dialog
    pc.controller.sign_out()
    assert pc.dialog is None


@pytest.mark.slow
def test_a_new_alert_does_not_change_what_is_under_the_hand(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    first = office.raise_alert("1")
    pc.shows(first, "NEW")
    second = office.raise_alert("2")
    pc.until(lambda: len(pc.controller.waiting()) == 2)
    assert pc.window.alert_id == first
    assert "1 more waiting" in pc.window.queue_text
    pc.turn_to()
    QTest.keyClick(pc.window, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
    pc.shows(second, "NEW")


@pytest.mark.slow
def test_keys_that_were_meant_for_another_window_do_nothing(
    office: OfficeThread, pc: OfficerPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_window, "KEYS_IGNORED_MS", 60_000)  # however slow this machine is
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.agent.show_today()
    pc.until(pc.agent.today.isActiveWindow)
    pc.window.bring_up()
    pc.until(pc.window.isActiveWindow)
    QTest.keyClick(pc.window, Qt.Key.Key_F6)
    assert pc.dialog is None
    QTest.keyClick(pc.window, Qt.Key.Key_F2)
    assert not pc.window.view.action_bar.message, "nothing was sent"


@pytest.mark.slow
def test_the_click_that_gives_the_window_the_keyboard_takes_the_step(
    office: OfficeThread, pc: OfficerPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_window, "KEYS_IGNORED_MS", 60_000)
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.agent.show_today()
    pc.until(pc.agent.today.isActiveWindow)
    pc.until(lambda: pc.window.takes_clicks)
    pc.window.activateWindow()  # as a window manager does with a click
    pc.until(pc.window.isActiveWindow)
    QTest.mouseClick(pc.window.view.action_bar.steps[Step.CLAIM], Qt.MouseButton.LeftButton)
    pc.shows(alert_id, "CLAIMED")


@pytest.mark.slow
def test_a_click_that_was_meant_for_what_was_there_before_does_nothing(
    office: OfficeThread, pc: OfficerPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_window, "CLICKS_IGNORED_MS", 60_000)
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.until(lambda: pc.window.takes_keys)
    QTest.mouseClick(pc.window.view.action_bar.steps[Step.CLAIM], Qt.MouseButton.LeftButton)
    assert not pc.window.view.action_bar.message, "nothing was sent"


@pytest.mark.slow
def test_an_alert_comes_up_on_the_screen_that_the_settings_name(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    main = qapp.primaryScreen().name()
    (other,) = (screen.name() for screen in qapp.screens() if screen.name() != main)
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1", alert_screen=other) as pc:
        office.raise_alert()
        pc.until(pc.window.isVisible)
        assert pc.window.screen().name() == other
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1", alert_screen="unplugged") as pc:
        pc.window.come_up()
        assert pc.window.screen().name() == main


@pytest.mark.slow
def test_who_loses_the_race_is_told_who_won_and_sees_the_alert_as_it_is(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    stale = pc.controller.alert_cache.find(alert_id)
    assert stale
    ani = office.run(office.office.sign_in("ani", "pc-2"))
    office.run(ani.claim(alert_id))
    pc.shows(alert_id, "CLAIMED")
    pc.window.flow.begin(Step.CLAIM, stale.alert)
    pc.until(lambda: pc.window.view.action_bar.message == "Petugas ani holds this alert.")
    assert not pc.can(Step.RELEASE)


@pytest.mark.slow
def test_a_supervisor_beside_looks_first_and_a_refused_confirmation_keeps_what_was_typed_and_says_why(
    office: OfficeThread, pc: OfficerPc
) -> None:
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.press(Qt.Key.Key_F5)
    pc.give_reason()
    pc.shows(alert_id, "REFERRED")
    pc.press(Qt.Key.Key_F8)
    side = pc.dialog
    found = {"Referred", "EILEEN", "Contoh Satu", "same person", "undo"}
    for name, password, problem in (
        ("siti", OTHER_PASSWORD, "The sign-in name or the password is wrong."),
        ("budi", PASSWORD, "You judged this alert."),
        ("ani", PASSWORD, "Only a supervisor"),
    ):
        side.name.setText(name)
        side.password.setText(password)
        side.submit()
        pc.until(partial(says, side, problem))
        assert pc.dialog is side
        assert not {one for one in found if one in pc.words}, "two faces, place and time for who comes beside"
    side.name.setText("siti")
    assert not side.password.text(), "that was another person's"
    side.password.setText(PASSWORD)
    side.submit()
    pc.until(lambda: side.looks)
    assert not {one for one in found if one in pc.words}
    side.looks[Step.REFER].click()
    pc.until(lambda: pc.dialog is not side)
    dialog = pc.dialog
    assert "Contoh Satu" in pc.words
    dialog.reference.setText("?")
    dialog.note_field.setPlainText("called twice")
    dialog.submit()
    pc.until(partial(says, dialog, "The Cekal Online number must have 4 to 64 characters"))
    assert dialog.note_field.toPlainText() == "called twice"
    dialog.reference.setText("co-2026/7")
    dialog.submit()
    pc.shows(alert_id, "CONFIRMED")
    assert pc.controller.session
    assert pc.controller.session.display_name == "Petugas budi", "the supervisor signed in for this step only"
    assert len(office.office.trail(Action.ALERT_LOOKED)) == 2


@pytest.mark.slow
def test_something_else_needs_a_note_and_too_much_of_it_is_refused(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.press(Qt.Key.Key_F7)
    pc.until(pc.dialog.isActiveWindow)
    QTest.keyClick(pc.dialog.focusWidget(), Qt.Key.Key_4)
    assert pc.dialog.reason is Reason.OTHER
    for note in ("", "x" * 1001):
        pc.dialog.note_field.setPlainText(note)
        pc.dialog.submit()
        assert "at most 1,000 characters" in pc.dialog.problem.text()
    pc.dialog.note_field.setPlainText("x" * 1000)
    pc.dialog.submit()
    pc.shows(alert_id, "CANNOT_DETERMINE")


def in_place_of(picture: PhotoView, words: str) -> bool:
    return words in picture.words


@pytest.mark.slow
def test_an_alert_whose_pictures_are_damaged_shows_its_text(
    office: OfficeThread, pc: OfficerPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pc.look()
    view = pc.window.view.comparison
    pc.until(lambda: view.probe.loaded)
    damaged = b"\xff\xd8\xff\xe0 not a picture"
    # The window is painted again with each sign of life: the pictures that it takes then are the damaged ones.
    monkeypatch.setattr(pc.controller.pictures, "of", lambda _: make_pictures(damaged, damaged))
    for language, words in ((Language.EN, "could not be loaded"), (Language.ID, "tidak dapat dimuat")):
        pc.controller.set_language(language)
        for side in (view.probe, view.reference):
            pc.until(partial(in_place_of, side, words))
    assert "Contoh Satu" in words_on(pc)
    pc.window.view.grab()


@pytest.mark.slow
def test_pictures_zoom_and_move_together(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    view = pc.window.view.comparison
    pc.turn_to()
    for _ in range(20):
        QTest.keyClick(pc.window, Qt.Key.Key_Plus)
    assert view.probe.zoom == view.reference.zoom == 8
    view.probe.moved.emit(QPointF(-9, 9))
    assert view.probe.centre == view.reference.centre == QPointF(0.0625, 0.9375)
    QTest.keyClick(pc.window, Qt.Key.Key_0)
    assert view.probe.zoom == 1
    assert view.probe.centre == QPointF(0.5, 0.5)


@pytest.mark.slow
def test_the_tray_tells_connection_freshness_and_open_alerts(office: OfficeThread, pc: OfficerPc) -> None:
    tray = pc.agent.tray

    def light() -> Light:
        return tray.light

    pc.until(lambda: light() is Light.RED)  # no camera watches its counters
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    assert "1 open" in tray.toolTip()
    pc.controller.connected(Freshness(None, stale=False, active_subjects=0))
    assert light() is Light.AMBER
    assert "NEVER BEEN IMPORTED" in tray.toolTip()
    pc.controller.disconnected(Disconnected(Cause.SILENT))
    assert light() is Light.RED
    assert "DISCONNECTED" in tray.toolTip()
    assert "NOBODY IS WATCHED" in words_on(pc)


@pytest.mark.slow
def test_a_first_password_is_changed_before_anything_is_shown(office: OfficeThread, pc: OfficerPc) -> None:
    office.hire_with_first_password("rina")
    alert_id = office.raise_alert()
    pc.agent.sign_in()
    pc.type(pc.dialog, f"rina\t{PASSWORD}\r")
    pc.until(lambda: pc.controller.session and pc.dialog and hasattr(pc.dialog, "again"))
    assert not pc.controller.unlocked
    assert pc.window.pages.currentWidget() is pc.window.locked
    for new, again, problem in (
        (NEW_PASSWORD, NEW_PASSWORD + "?", "The two new passwords are different"),
        ("password1234", "password1234", "easy to guess"),
    ):
        for field, text in ((pc.dialog.present, PASSWORD), (pc.dialog.new, new), (pc.dialog.again, again)):
            field.setText(text)
        pc.dialog.submit()
        pc.until(partial(says, pc.dialog, problem))
    pc.dialog.new.setText(NEW_PASSWORD)
    pc.dialog.again.setText(NEW_PASSWORD)
    pc.dialog.submit()
    pc.until(lambda: pc.controller.unlocked)
    pc.shows(alert_id, "NEW")
    assert pc.window.pages.currentWidget() is pc.window.view


@pytest.mark.slow
def test_who_signs_in_by_the_command_is_signed_in_here_too(office: OfficeThread, pc: OfficerPc) -> None:
    seat = office.run(office.office.sign_in("budi", "pc-1"))
    pc.session_file.keep(seat.token)
    pc.controller.follow_sign_in()
    pc.until(lambda: pc.controller.session is not None)
    pc.session_file.forget()
    pc.controller.follow_sign_in()
    assert pc.controller.session is None


@pytest.mark.slow
def test_the_list_filters_by_state_counter_and_number(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    first, second = office.raise_alert("1"), office.raise_alert("2")
    pc.until(lambda: len(pc.controller.waiting()) == 2)
    pc.agent.open_alert(first)
    pc.press(Qt.Key.Key_F6)
    pc.give_reason()
    pc.shows(second, "NEW")  # the next one that waits, at once
    pc.agent.show_today()
    today = pc.agent.today

    def keys() -> set[str]:
        return {shown.alert.alert_id for shown in today.table.rows}

    assert keys() == {first, second}
    for number, wanted in enumerate(({first, second}, {second}, {first})):
        today.states.setCurrentIndex(number)
        assert keys() == wanted
    today.states.setCurrentIndex(0)
    today.counters.setCurrentIndex(1)
    assert keys() == {first, second}
    today.text.setText("no such name")
    assert not keys()
    today.text.setText("contoh")
    assert keys() == {first}, "the other one has no name before the first look"
    today.text.clear()
    today.view.selectRow(1)
    QTest.keyClick(today.view, Qt.Key.Key_Return)
    assert pc.window.alert_id == today.table.rows[1].alert.alert_id


@pytest.mark.slow
def test_a_supervisor_sees_holders_and_figures_and_exports_them(
    office: OfficeThread, pc: OfficerPc, tmp_path: Path
) -> None:
    ani = office.run(office.office.sign_in("ani", "pc-2"))
    alert_id = office.raise_alert()
    office.run(ani.claim(alert_id))
    pc.sign_in("budi")
    pc.agent.show_supervisor()
    assert pc.agent.supervisor.pages.currentIndex() == 1, "locked for anybody who is no supervisor"
    assert not pc.agent.tray.supervisor.isVisible()
    pc.controller.sign_out()
    pc.sign_in("siti")
    pc.agent.show_supervisor()
    window = pc.agent.supervisor
    pc.until(window.isActiveWindow)  # in front of the others
    pc.until(lambda: window.report is not None and window.table.rows)

    def row() -> list[str]:
        return [window.table.data(window.table.index(0, column)) for column in range(window.table.columnCount())]

    pc.until(lambda: "Petugas ani (pc-2)" in row())
    assert window.report
    assert (window.report.raised, window.report.open) == (1, 1)
    file = tmp_path / "figures.csv"
    window.export(file)
    rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert ["raised", "", "", "", "1"] in rows
    window.export(tmp_path / "no" / "folder.csv")
    assert "Could not save" in window.message.text()


@pytest.mark.slow
def test_the_language_changes_while_it_runs(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pc.agent.tray.language.trigger()
    assert pc.controller.language is Language.ID
    assert re.search(r"Keberangkatan, \d+ (detik|menit) lalu", words_on(pc))
    assert pc.window.view.action_bar.steps[Step.CLAIM].text().startswith("Tangani")


@pytest.mark.slow
def test_the_menu_leads_to_the_console_and_to_a_practice_which_an_alert_ends_since_its_keys_are_the_same(
    office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = practice_folder(tmp_path / "faces")
    console = "https://konsol.example:8443/"
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1", training_dir=faces, console_url=console) as pc:
        opened = list[str]()
        monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
        pc.agent.tray.shift.trigger()
        pc.agent.tray.guides.trigger()
        assert opened == [f"{console}shift", f"{console}guides"]
        assert pc.agent.tray.practice.isVisible()
        pc.agent.tray.practice.trigger()
        window = pc.agent.training
        assert window
        assert window.isVisible()
        office.raise_alert()
        pc.until(lambda: pc.agent.training is None)
        assert pc.window.isVisible()
        pc.agent.tray.practice.trigger()
        assert pc.agent.training is None, "an alert that waits comes first"
