"""After the look: the question stands beside the faces, numbers come on request, and a judgement can be undone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import UNDO_FOR, FirstLook, Step
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.dialogs.step_dialogs import ConfirmDialog, ReasonDialog, StepDialog
from cekalwatch.notifier.desktop.widgets.theme import LIGHT, style_sheet
from cekalwatch.notifier.desktop.widgets.undo_bar import Judged, UndoBar
from cekalwatch.notifier.desktop.windows.alert_view import AlertView
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import PicturesMissing, options
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, held_by, make_shown, session_of

FORMATTER = NotifierTexts(Language.ID)
ALERT = replace(held_by(BUDI), first_look=FirstLook.TAKEN)
SIZES = [(1366, 560), (1920, 860)]
"""What the page of an alert has on a screen of 768 or 1080 pixels, below the header and above the lines at the foot."""


@pytest.fixture
def view(qtbot: QtBot) -> AlertView:
    made = AlertView()
    qtbot.addWidget(made)
    made.setStyleSheet(style_sheet(LIGHT, 1.0))
    show(made)
    made.show()
    return made


def show(view: AlertView) -> None:
    steps = options(ALERT, session_of(BUDI), "pc-1")
    view.show_alert(make_shown(ALERT), PicturesMissing.NOT_KEPT, steps, FORMATTER, cekal_online=False)


def place(widget: QWidget, view: AlertView) -> QRect:
    return QRect(widget.mapTo(view, QPoint()), widget.size())


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("kind", [ReasonDialog, ConfirmDialog])
def test_a_question_stands_beside_the_faces_and_never_over_them(
    qtbot: QtBot, view: AlertView, kind: type[StepDialog], width: int, height: int
) -> None:
    view.resize(width, height)
    question: StepDialog
    if kind is ReasonDialog:
        question = ReasonDialog(view, FORMATTER, Step.NOT_SAME, ALERT, lambda *_: None)
    else:
        question = ConfirmDialog(view, FORMATTER, ALERT, lambda *_: None)
    view.ask(question)
    show(view)  # a new version comes while it is asked
    qtbot.wait(50)
    faces = place(view.comparison, view)
    assert question.isVisible()
    assert not question.isWindow(), "no desktop may put it elsewhere"
    assert not faces.intersects(place(question, view))
    assert (view.width(), view.height()) == (width, height), "the window does not grow"
    assert faces.height() > height * 0.6
    (save,) = (one for one in question.findChildren(QPushButton) if one.isDefault())
    assert not save.visibleRegion().isEmpty()
    assert not view.action_bar.isVisible()
    question.reject()
    assert view.action_bar.isVisible()
    assert view.name.isVisible()


def test_numbers_are_shown_only_to_who_asks_for_them(view: AlertView) -> None:
    assert not view.scores.isVisible()
    view.score_bar.numbers.click()
    assert view.scores.isVisible()
    assert view.scores.facts[0].value == "0,62 / 0,48 (standard-1)"
    view.score_bar.numbers.click()
    assert not view.scores.facts


def test_a_judgement_can_be_undone_for_ten_seconds_and_the_line_names_nobody(qtbot: QtBot) -> None:
    now_s = [100.0]
    bar = UndoBar(lambda: now_s[0])
    qtbot.addWidget(bar)
    judged, asked = Judged(ALERT.alert_id, ALERT.subject.subject_id, Step.NOT_SAME), list[Judged]()
    bar.asked.connect(asked.append)
    bar.ask()
    assert bar.isHidden()
    bar.offer(judged, FORMATTER)
    assert "10 detik" in bar.words.text()
    assert ALERT.subject.name not in bar.words.text()
    now_s[0] += UNDO_FOR.total_seconds() - 0.5
    qtbot.waitUntil(lambda: "1 detik" in bar.words.text())
    bar.ask()
    bar.ask()
    assert asked == [judged], "two keys undo one judgement"
    bar.fail("Server tidak menjawab.")
    assert (bar.words.text(), bar.isHidden()) == ("Server tidak menjawab.", False)
    bar.offer(judged, FORMATTER)
    now_s[0] += UNDO_FOR.total_seconds()
    qtbot.waitUntil(bar.isHidden)
    bar.ask()
    assert len(asked) == 1


def test_a_password_can_be_looked_at_while_it_is_typed(qtbot: QtBot) -> None:
    dialog = FormDialog(None, FORMATTER, "", "")
    qtbot.addWidget(dialog)
    field = dialog.secret()
    show = dialog.offer_to_show(field)
    assert field.echoMode() is QLineEdit.EchoMode.Password
    show.click()
    assert field.echoMode() is QLineEdit.EchoMode.Normal
    show.click()
    assert field.echoMode() is QLineEdit.EchoMode.Password
