"""The arrow of a combo box is an arrow, in the colour of the text, in every theme and size."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cekalwatch.notifier.desktop.widgets.elements import ChoiceBox
from cekalwatch.notifier.desktop.widgets.theme import CONTRAST, DARK, LIGHT, Theme, palette, style_sheet


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST], ids=["light", "dark", "contrast"])
def test_its_arrow_points_down(qapp: QApplication, qtbot: QtBot, theme: Theme, scale: float) -> None:
    before = qapp.palette(), qapp.styleSheet()
    qapp.setPalette(palette(theme))
    qapp.setStyleSheet(style_sheet(theme, scale))
    try:
        box = ChoiceBox()
        qtbot.addWidget(box)
        box.addItem("")
        box.resize(box.sizeHint())
        picture = box.grab().toImage()
    finally:
        qapp.setPalette(before[0])
        qapp.setStyleSheet(before[1])
    text, inside = QColor(theme.text), range(6, picture.height() - 6)
    painted = {(x, y) for y in inside for x in range(6, picture.width() - 6) if _near(picture.pixelColor(x, y), text)}
    rows = sorted({y for _, y in painted})
    widths = [max(x for x, y in painted if y == row) - min(x for x, y in painted if y == row) for row in rows]
    assert len(rows) >= 4
    assert widths[0] > 2 * widths[-1], "wide above, a point below"
    assert rows[0] < picture.height() / 2 < rows[-1], "in the middle of the box"


def _near(one: QColor, other: QColor) -> bool:
    return all(
        abs(a - b) < 60 for a, b in ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    )
