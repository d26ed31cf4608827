"""Where a control is, and whether a box is ticked, is seen in every theme: WCAG 2.2, 1.4.11."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QPushButton, QRadioButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cekalwatch.notifier.desktop.widgets.elements import ChoiceBox, TickBox
from cekalwatch.notifier.desktop.widgets.theme import CONTRAST, DARK, LIGHT, Theme, palette, style_sheet
from tests.support.tools.contrast import contrast

LEAST = 3.0


@pytest.fixture(params=[LIGHT, DARK, CONTRAST], ids=["light", "dark", "contrast"])
def theme(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[Theme]:
    before = qapp.palette(), qapp.styleSheet()
    theme: Theme = request.param
    qapp.setPalette(palette(theme))
    qapp.setStyleSheet(style_sheet(theme, 1.0))
    yield theme
    qapp.setPalette(before[0])
    qapp.setStyleSheet(before[1])


@pytest.mark.parametrize("kind", [QPushButton, QLineEdit, QPlainTextEdit, ChoiceBox, TickBox, QRadioButton])
def test_an_empty_control_stands_out_from_its_window(qtbot: QtBot, theme: Theme, kind: type[QWidget]) -> None:
    control = kind()
    window = window_with(qtbot, control)
    colours = colours_of(window.grab().toImage(), control.geometry())
    assert max(contrast(colour, theme.ground) for colour in colours) >= LEAST


@pytest.mark.usefixtures("theme")
def test_a_tick_is_a_tick(qtbot: QtBot) -> None:
    ticked, empty = TickBox(), TickBox()
    ticked.setChecked(True)
    window = window_with(qtbot, ticked, empty)
    picture = window.grab().toImage()
    with_tick, without = (
        colours_of(picture, box.indicator().adjusted(4, 4, -4, -4).translated(box.pos())) for box in (ticked, empty)
    )
    assert len(without) == 1
    tick, ground = (pick(with_tick, key=lambda colour: contrast(colour, "#000000")) for pick in (min, max))
    assert contrast(tick, ground) >= LEAST


def window_with(qtbot: QtBot, *controls: QWidget) -> QWidget:
    """Return a window with these controls below each other, none of which has the keyboard."""
    window = QWidget()
    window.setObjectName("page")
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    for control in controls:
        layout.addWidget(control)
    window.resize(300, 160)
    return window


def colours_of(picture: QImage, place: QRect) -> set[str]:
    columns, rows = range(place.left(), place.right() + 1), range(place.top(), place.bottom() + 1)
    return {QColor(picture.pixelColor(x, y)).name() for x in columns for y in rows}
