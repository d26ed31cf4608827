"""A newer version takes over: what the officer reads, and a form that is open."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cekalwatch.notifier.desktop.run import FORM_S, NOTICE_S, Farewell
from cekalwatch.notifier.desktop.widgets.elements import notice
from cekalwatch.notifier.desktop.widgets.theme import CONTRAST, DARK, LIGHT, Theme, style_sheet
from cekalwatch.program.platform.installation import LEAVING_S


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST])
def test_the_notice_has_the_ground_of_its_theme_and_not_that_of_a_screen(theme: Theme, qtbot: QtBot) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = app.styleSheet()
    app.setStyleSheet(style_sheet(theme, 1.0))
    try:
        shown = notice()
        qtbot.addWidget(shown)
        shown.setText("Cekalwatch is being updated")
        shown.show()
        assert shown.grab().toImage().pixelColor(8, 8) == QColor(theme.panel)
    finally:
        app.setStyleSheet(before)


def test_an_open_form_may_be_filled_in_before_the_agent_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now, is_open, told = [100.0], [True], list[str]()
    monkeypatch.setattr("cekalwatch.notifier.desktop.run.time.monotonic", lambda: now[0])
    wanted = threading.Event()
    wanted.set()
    farewell = Farewell(wanted, lambda: True, lambda: told.append("update"), lambda: is_open[0])
    assert not farewell.over()
    now[0] += NOTICE_S + 1
    assert not farewell.over(), "the form is open"
    is_open[0] = False
    assert farewell.over()
    is_open[0] = True
    now[0] += FORM_S
    assert farewell.over(), "the installer waits no longer"
    assert (told, NOTICE_S + FORM_S < LEAVING_S) == (["update"], True)
    assert Farewell(wanted, lambda: False, lambda: None, lambda: True).over(), "a sign-out waits for nobody"
