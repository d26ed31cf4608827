"""Names as long as the list allows, with and without a space: nothing is cut, and no window grows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.desktop.dialogs.step_dialogs import DATE_MARGIN_PX, FollowUpDialog, ReasonDialog
from cekalwatch.notifier.desktop.widgets.elements import label
from cekalwatch.notifier.desktop.widgets.theme import LIGHT, style_sheet
from cekalwatch.notifier.desktop.windows.alert_view import AlertView
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import PicturesMissing, options
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, held_by, make_alert, make_shown, session_of

FORMATTER = NotifierTexts(Language.ID)
NAMES = ("W" * 200, "MUHAMMAD ABDURRAHMAN " * 9)


def named(name: str) -> Alert:
    alert = make_alert()
    return held_by(BUDI, replace(alert, subject=replace(alert.subject, name=name, aliases=(name, name))))


def cut(widget: QLabel) -> bool:
    return widget.isVisible() and widget.width() < widget.minimumSizeHint().width()


def test_a_label_keeps_its_text_and_breaks_only_long_words(qtbot: QtBot) -> None:
    made = label("2171011204790003 " + "W" * 60, wrap=True)
    qtbot.addWidget(made)
    assert made.text() == "2171011204790003 " + "W" * 60
    assert made.minimumSizeHint().width() < label("W" * 60).minimumSizeHint().width() / 2
    made.setText("W" * 24)
    assert made.minimumSizeHint() == label("W" * 24).minimumSizeHint()


def test_the_strip_of_sightings_lists_what_came_late_and_says_so(qtbot: QtBot) -> None:
    view = AlertView()
    qtbot.addWidget(view)
    alert = named("BUDI")
    (first,) = alert.sightings
    alert = replace(alert, sightings=(first, replace(first, capture_id="c-2", late=True)))
    steps = options(alert, session_of(BUDI), "pc-1")
    view.show_alert(make_shown(alert), PicturesMissing.NOT_KEPT, steps, FORMATTER, cekal_online=False)
    assert [FORMATTER.say("LATE_SIGHTING") in one.text() for one in view.strip.labels[-2:]] == [False, True]


@pytest.mark.parametrize("width", [1180, 1280, 1366])
@pytest.mark.parametrize("language", Language)
def test_of_many_sightings_those_are_shown_that_have_room_the_newest_always(
    qtbot: QtBot, width: int, language: Language
) -> None:
    view = AlertView()
    qtbot.addWidget(view)
    view.setStyleSheet(style_sheet(LIGHT, 1.0))
    alert = named("BUDI")
    (first,) = alert.sightings
    seen = [replace(first, capture_id=f"c-{number}", model_version="standard-2") for number in range(11)]
    alert = replace(alert, sightings=(*seen, replace(first, capture_id="c-11", late=True)))
    steps = options(alert, session_of(BUDI), "pc-1")
    formatter = NotifierTexts(language)
    view.show_alert(make_shown(alert), PicturesMissing.NOT_KEPT, steps, formatter, cekal_online=False)
    view.resize(width, 640)
    view.show()
    qtbot.waitUntil(lambda: view.width() == width)
    view.resize(width, 641)
    qtbot.wait(50)
    words = [view.score_bar.word, *view.strip.labels]
    assert not [one.text() for one in words if cut(one)]
    assert view.width() == width
    shown = [one for one in view.strip.labels if one.isVisible()]
    assert formatter.say("LATE_SIGHTING") in shown[-1].text()
    assert 1 < len(shown) <= 8


@pytest.mark.parametrize("name", NAMES, ids=["one-word", "many-words"])
def test_the_alert_window_wraps_a_long_name(qtbot: QtBot, name: str) -> None:
    view = AlertView()
    qtbot.addWidget(view)
    view.setStyleSheet(style_sheet(LIGHT, 1.0))
    alert = named(name)
    steps = options(alert, session_of(BUDI), "pc-1")
    view.show_alert(make_shown(alert), PicturesMissing.NOT_KEPT, steps, FORMATTER, cekal_online=False)
    view.resize(1366, 640)
    view.show()
    qtbot.waitUntil(lambda: view.name.height() >= view.name.heightForWidth(view.name.width()))
    assert view.name.text() == name
    assert view.width() == 1366
    assert not [one.text() for one in view.findChildren(QLabel) if cut(one)]


@pytest.mark.parametrize("name", NAMES, ids=["one-word", "many-words"])
def test_a_dialog_wraps_a_long_name(qtbot: QtBot, name: str) -> None:
    dialog = ReasonDialog(None, FORMATTER, Step.REFER, named(name), lambda *_: None)
    qtbot.addWidget(dialog)
    dialog.setStyleSheet(style_sheet(LIGHT, 1.0))
    dialog.show()
    assert dialog.width() <= 1366
    qtbot.waitUntil(lambda: not [one.text() for one in dialog.findChildren(QLabel) if cut(one)])


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("refusal", ["REFUSED_CONTACT_TIME_AHEAD", "REFUSED_CERTIFICATE_REVOKED"])
def test_a_dialog_makes_room_for_all_lines_of_a_refusal(qtbot: QtBot, language: Language, refusal: str) -> None:
    texts = NotifierTexts(language)
    dialog = FollowUpDialog(None, texts, named("BUDI"), lambda _decision, _done, failed: failed(texts.say(refusal)))
    qtbot.addWidget(dialog)
    dialog.setStyleSheet(style_sheet(LIGHT, 1.0))
    for field in (dialog.agency, dialog.contact):
        field.setText("Kejaksaan Agung")
    dialog.outcome.setPlainText("two officers come")
    dialog.show()
    dialog.submit()
    shown = dialog.problem
    qtbot.waitUntil(lambda: shown.height() >= shown.heightForWidth(shown.width()) > shown.fontMetrics().lineSpacing())
    assert shown.geometry().top() >= dialog.outcome.geometry().bottom()


def test_the_date_of_a_contact_begins_inside_its_field(qtbot: QtBot) -> None:
    dialog = FollowUpDialog(None, FORMATTER, named("BUDI"), lambda *_: None)
    qtbot.addWidget(dialog)
    dialog.setStyleSheet(style_sheet(LIGHT, 1.0))
    dialog.show()
    line = dialog.when.lineEdit()
    assert line.textMargins().left() == DATE_MARGIN_PX
    assert line.width() >= line.fontMetrics().horizontalAdvance(line.text()) + DATE_MARGIN_PX
