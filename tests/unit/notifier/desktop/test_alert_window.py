"""The alert window: what stands where, one message at a time, and what it says while the server does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import AlertState, FirstLook, Look, Outcome, Reason, Step
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.alerts import Alert, Candidate
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision
from cekalwatch.notifier.desktop.dialogs import form_dialog, step_flow
from cekalwatch.notifier.desktop.dialogs.step_dialogs import ReasonDialog
from cekalwatch.notifier.desktop.widgets.theme import CONTRAST, DARK, LIGHT, Theme, style_sheet
from cekalwatch.notifier.desktop.windows.alert_window import KEYS_IGNORED_MS, AlertWindow
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alarms import make_alarm
from tests.support.builders.notifier_alerts import BUDI, FRESH, held_by, judged_by, make_alert, session_of
from tests.support.fakes.alert_server import EPOCH
from tests.support.scenarios.lone_desk import LoneDesk, lone_desk
from tests.support.tools.contrast import contrast

WAIT_MS = 10_000


@pytest.fixture
def desk(tmp_path: Path, qtbot: QtBot) -> Iterator[LoneDesk]:  # noqa: ARG001  # Qt's application
    with lone_desk(tmp_path) as made:
        made.sit_down(session_of(BUDI))
        yield made


@pytest.fixture
def window(desk: LoneDesk, qtbot: QtBot) -> Iterator[AlertWindow]:
    made = AlertWindow(desk.controller, desk.alarms)
    made.bring_up()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    shiboken6.delete(made)


def looked(alert: Alert) -> Alert:
    """The alert as Budi sees it, who found at first sight that the faces agree."""
    look = Look(Outcome.REFERRED, BUDI, EPOCH, 1, alert.subject.subject_id)
    handling = replace(alert.handling, looks=(look,))
    return replace(alert, handling=handling, first_look=FirstLook.TAKEN, asked_key="one")


def referred() -> Alert:
    return looked(judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES))


def top(widget: QWidget, window: AlertWindow) -> int:
    return widget.mapTo(window, QPoint()).y()


def words(window: AlertWindow) -> list[str]:
    return [one.text() for one in window.findChildren(QLabel) if one.isVisible()]


def test_identity_and_order_come_before_warnings_and_history_is_folded_behind_its_count(
    desk: LoneDesk, window: AlertWindow, qtbot: QtBot
) -> None:
    shown, view = replace(referred(), late=True), window.view
    desk.show(shown)
    window.open_alert(shown.alert_id)
    window.resize(1366, 1000)
    qtbot.wait(50)
    parts = (window.whereabouts, view.name, view.subject, view.orders[0], view.warnings)
    tops = [top(one, window) for one in parts]
    assert tops == sorted(tops)
    assert not view.history.isVisible()
    assert view.steps_so_far.text() == "History: 2"
    view.steps_so_far.click()
    assert view.history.isVisible()
    desk.show(other := referred())
    window.open_alert(other.alert_id)
    assert not view.history.isVisible(), "of another alert"


@pytest.mark.parametrize("language", Language)
def test_place_and_age_stand_once_in_one_line(desk: LoneDesk, window: AlertWindow, language: Language) -> None:
    desk.controller.set_language(language)
    desk.controller.clock.heard(EPOCH)
    desk.show(make_alert())
    texts = NotifierTexts(language)
    assert window.whereabouts.text().startswith(texts.place(make_alert()))
    assert sum("Keberangkatan" in one or "Departure" in one for one in words(window)) == 1


def test_no_sentence_asks_for_a_judgement_that_was_made(desk: LoneDesk, window: AlertWindow) -> None:
    claimed = looked(held_by(BUDI))
    desk.show(claimed)
    assert "Confirm it or change it" in window.view.look.text()
    desk.show(replace(referred(), alert_id=claimed.alert_id, version=9))
    assert not window.view.look.isVisible()
    desk.show(replace(referred(), alert_id=claimed.alert_id, version=10, state=AlertState.CLEARED))
    assert not [one for one in words(window) if "Check in Cekal Online" in one]


def test_a_judgement_and_the_next_question_are_one_message_and_none_is_an_alarm(
    desk: LoneDesk, window: AlertWindow
) -> None:
    before = looked(held_by(BUDI))
    before = replace(before, candidates=(*before.candidates, Candidate("S-2", 0.5, "")))
    desk.show(before)
    desk.show(replace(before.before_look, version=9, asked_key="two"))
    window.flow.judged.emit(before, Step.NOT_SAME)
    assert "Now compare with the next face" in window.undo.words.text()
    assert window.undo.words.property("role") == "notice"
    assert not window.view.action_bar.message


@pytest.mark.parametrize(
    ("language", "sentence"), [(Language.EN, "its name is not the one"), (Language.ID, "namanya tidak sama")]
)
def test_a_code_has_its_sentence_and_the_line_says_one_thing(
    desk: LoneDesk, window: AlertWindow, language: Language, sentence: str
) -> None:
    desk.controller.set_language(language)
    alarm = make_alarm(AlarmKind.CAMERA_REJECTED, details={"reason": "NAME_NOT_ALLOWED"})
    desk.alarms.take((alarm,))
    desk.controller.connected(FRESH, 0, Readiness())
    assert sentence not in "".join(words(window)), "the server says that the counter is watched"
    desk.controller.connected(FRESH, 0, Readiness(ReadinessFault.CAMERA, ("3",)))
    window.paint_again()
    assert sentence in window.watch.text()
    assert "NAME_NOT_ALLOWED" not in "".join(words(window))
    assert sum(sentence in one for one in words(window)) == 1


def test_no_button_has_the_ring_before_somebody_moves_it_there(
    desk: LoneDesk, window: AlertWindow, qtbot: QtBot
) -> None:
    desk.show(make_alert())
    claim = window.view.action_bar.steps[Step.CLAIM]
    assert not claim.hasFocus(), "F5 to F7 work without it"
    for _ in range(10):
        if not claim.hasFocus():
            QTest.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    assert claim.hasFocus()
    desk.show(held_by(BUDI, desk.controller.waiting()[0].alert))
    qtbot.wait(50)
    assert not any(one.hasFocus() for one in window.view.action_bar.steps.values()), "nor by itself when others come"


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST])
def test_the_balloon_of_the_tray_can_be_read_in_every_theme(qtbot: QtBot, theme: Theme) -> None:
    class QBalloonTip(QWidget):
        """As Qt's own, which a style sheet finds by its name."""

    balloon, text = QBalloonTip(), QLabel("x")
    qtbot.addWidget(balloon)
    colours = balloon.palette()
    colours.setColor(QPalette.ColorRole.Window, QColor("#ffffe1"))
    balloon.setPalette(colours)
    QVBoxLayout(balloon).addWidget(text)
    balloon.setStyleSheet(style_sheet(theme, 1.0))
    balloon.show()
    text.ensurePolished()
    assert contrast(text.palette().color(text.foregroundRole()).name(), "#ffffe1") >= 4.5


def test_a_locked_window_counts_what_was_begun_here(desk: LoneDesk, window: AlertWindow) -> None:
    desk.show(held_by(BUDI))
    desk.controller.connected(FRESH, 0, Readiness())
    desk.controller.session = None
    desk.controller.changed.emit()
    assert window.locked.count.text() == "Waiting alerts: 1. Sign in to see them."
    assert window.tone == "alarm"
    assert window.locked.sign_in.hasFocus()
    QTest.mouseClick(window.pages, Qt.MouseButton.LeftButton, pos=QPoint(40, 200))
    assert window.locked.sign_in.hasFocus(), "Space signs in after a click beside the button, too"


def test_sending_that_hangs_says_so_and_no_key_sends_it_again(
    desk: LoneDesk, window: AlertWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (form_dialog, step_flow):
        monkeypatch.setattr(module, "SLOW_MS", 50)
    alert = looked(held_by(BUDI))
    desk.show(alert)
    window.flow.begin(Step.RELEASE, alert)
    qtbot.waitUntil(lambda: "nothing is recorded twice" in window.view.action_bar.message, timeout=WAIT_MS)
    assert window.view.action_bar.role == "warning"
    qtbot.wait(KEYS_IGNORED_MS)
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert window.flow.dialog is None
    desk.decisions.pop()[2]("The server does not answer.")
    assert window.view.action_bar.message == "The server does not answer."
    window.flow.begin(Step.NOT_SAME, alert)
    dialog = window.flow.dialog
    assert isinstance(dialog, ReasonDialog)
    dialog.choose(Reason.FACE_DIFFERS)
    dialog.submit()
    dialog.submit()
    qtbot.waitUntil(lambda: "nothing is recorded twice" in dialog.problem.text(), timeout=WAIT_MS)
    dialog.reject()
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert len(desk.decisions) == 1, "what is on its way is not sent again"
    desk.decisions.pop()[1]()
    assert window.view.action_bar.message == "Saved.", "it is told though its question was closed"


def test_a_step_whose_answer_was_lost_is_told_as_recorded(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    alert = looked(held_by(BUDI))
    recorded = replace(referred(), alert_id=alert.alert_id, version=alert.version + 1)

    def hang(*_: object) -> Alert:
        raise ProgramError("the server does not answer")

    monkeypatch.setattr(AlertActions, "carry_out", hang)
    with lone_desk(tmp_path, answers=False) as desk:
        desk.sit_down(session_of(BUDI))
        desk.show(alert)
        for now, end in ((recorded, "done"), (alert, "the server does not answer")):
            monkeypatch.setattr(AlertClient, "alert", lambda *_, now=now: now)
            told.clear()
            desk.controller.take_step(alert, Decision(Step.REFER), lambda: told.append("done"), told.append)
            qtbot.waitUntil(lambda: bool(told), timeout=WAIT_MS)
            assert told == [end]
