"""Small parts that several windows are made of."""

from __future__ import annotations

import re
import textwrap

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QRadioButton,
    QStyle,
    QStyleOptionButton,
    QVBoxLayout,
    QWidget,
)

from cekalwatch.office.locale.alert_formatting import AlertFormatter

TITLE_PX = 40
"""Height that a window's frame may take."""
MAX_WORD = 24
"""Characters of a word that stay on one line where text wraps; a name may have no space at all."""
CHOICE_LINE = 36
"""Characters in a line of a choice: what is beside the faces on the smallest screen."""
_LONG_WORD = re.compile(rf"\S{{{MAX_WORD + 1},}}")
_BREAK_HERE = "\u200b"


class WrappingLabel(QLabel):
    """A label whose words break where they are long: otherwise they widen the window, or are cut off."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802  # Qt's name
        """Show a text, with places to break in its long words."""
        super().setText(_LONG_WORD.sub(_with_breaks, text))

    def text(self) -> str:
        """Return the text as it was set."""
        return super().text().replace(_BREAK_HERE, "")


def _with_breaks(word: re.Match[str]) -> str:
    return _BREAK_HERE.join(word[0][start : start + MAX_WORD] for start in range(0, len(word[0]), MAX_WORD))


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label of plain text: text of the watchlist is never taken for markup."""
    made = WrappingLabel(text) if wrap else QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        set_role(made, role)
    return made


def message() -> QLabel:
    """Return a label for a result, which is hidden while there is none."""
    made = label(wrap=True)
    # Qt ignores a style sheet's padding when it computes the height of wrapped text.
    made.setMargin(8)
    made.hide()
    return made


def name_by(widget: QWidget, name: str) -> None:
    """Give a widget without text a name for screen readers and the pointer."""
    widget.setAccessibleName(name)
    widget.setToolTip(name)


def button(text: str, role: str = "") -> QPushButton:
    """Return a button; `&` in its text does not mark a shortcut."""
    made = QPushButton(text.replace("&", "&&"))
    made.setAutoDefault(False)
    if role:
        set_role(made, role)
    return made


def enter_button(role: str = "") -> QPushButton:
    """Return a button of a window without questions, which Enter presses as well as Space."""
    made = button("", role)
    made.setAutoDefault(True)
    return made


class ChoiceBox(QComboBox):
    """A combo box that paints its own arrow: a style sheet can only show a picture file there."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  # Qt's name
        """Paint the box, and the arrow in the colour of its text, as large as a small letter."""
        super().paintEvent(event)
        side = self.fontMetrics().xHeight()
        right, middle = self.width() - side, self.height() / 2
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self.palette().text(), max(2.0, side / 4)))
            corners = [(-side, -side / 4), (-side / 2, side / 4), (0, -side / 4)]
            painter.drawPolyline([QPointF(right + x, middle + y) for x, y in corners])


class Choice(QRadioButton):
    """One of several choices; its text has as many lines as it needs, which Qt does not do by itself."""

    def __init__(self, text: str) -> None:
        super().__init__(textwrap.fill(text, CHOICE_LINE))


class TickBox(QCheckBox):
    """A check box that paints its own tick: a style sheet can only show a picture file there. It wraps as `Choice`."""

    def __init__(self, text: str = "") -> None:
        super().__init__(textwrap.fill(text, CHOICE_LINE))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  # Qt's name
        """Paint the box, and the tick in the colour of text on what is chosen."""
        super().paintEvent(event)
        if self.isChecked():
            box = self.indicator()
            with QPainter(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(self.palette().highlightedText(), max(2.0, box.width() / 7)))
                corners = [(0.22, 0.52), (0.43, 0.72), (0.78, 0.3)]
                painter.drawPolyline(
                    [QPointF(box.x() + x * box.width(), box.y() + y * box.height()) for x, y in corners]
                )

    def indicator(self) -> QRect:
        """Return where the box itself is, in pixels of this widget."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        return self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)


def set_role(widget: QWidget, role: str, name: str = "role") -> None:
    """Set the role by which the style sheet finds a widget."""
    if widget.property(name) != role:
        widget.setProperty(name, role)
        # Qt reads the property only when the style is applied.
        for one in (widget, *widget.findChildren(QWidget)):
            one.style().unpolish(one)
            one.style().polish(one)
        widget.updateGeometry()


def fit(window: QWidget, width: int, height: int) -> None:
    """Make a window so large, or as large as its screen has room for it with its title."""
    free = window.screen().availableSize()
    window.resize(min(width, free.width()), min(height, free.height() - TITLE_PX))


def in_front(window: QWidget) -> None:
    """Keep a window above others, like the alert window, which would otherwise cover it."""
    window.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)


def notice() -> QLabel:
    """Return a small window of text alone, above others, which does not take the keyboard."""
    made = label()
    made.setObjectName("notice")
    made.setMargin(24)
    made.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    in_front(made)
    return made


def panel(layout: QLayout) -> QFrame:
    frame = QFrame()
    frame.setObjectName("panel")
    frame.setLayout(layout)
    return frame


def clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()
        elif inner := item.layout():
            clear(inner)


def row(*widgets: QWidget | None, spacing: int = 10) -> QHBoxLayout:
    """Return widgets in a row; None means a stretching space."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget)
    return layout


class LockedPlaceholder(QWidget):
    """Covers travellers' data until an officer signs in; says how many alerts wait."""

    def __init__(self) -> None:
        super().__init__()
        self.count = label(role="name", wrap=True)
        self._why = label(role="muted", wrap=True)
        self.sign_in = enter_button("main")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        for one in (self.count, self._why):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(one)
        layout.addSpacing(16)
        layout.addWidget(self.sign_in, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(1)

    def show_count(self, waiting: int | None, formatter: AlertFormatter) -> None:
        """Show the number of waiting alerts; None means unknown."""
        say = formatter.say
        self.count.setText(formatter.waiting(waiting))
        self._why.setText(say("LOCKED_WHY"))
        self.sign_in.setText(say("BUTTON_SIGN_IN"))


class QuietPlaceholder(QWidget):
    """Says that nothing waits."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label(role="title")
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        QVBoxLayout(self).addWidget(self._words)

    def show_words(self, formatter: AlertFormatter) -> None:
        """Show the text."""
        self._words.setText(formatter.say("NOTHING_WAITING"))
