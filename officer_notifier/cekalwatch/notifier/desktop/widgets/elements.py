"""Small parts that several windows are made of."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QWidget


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label of plain text: text of the watchlist is never taken for markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        set_role(made, role)
    return made


def message() -> QLabel:
    """Return a label for a result; hidden while there is none."""
    made = label(wrap=True)
    # Qt ignores a style sheet's padding when it computes the height of wrapped text.
    made.setMargin(8)
    made.hide()
    return made


def button(text: str, role: str = "") -> QPushButton:
    """Return a button; `&` in its text is no shortcut."""
    made = QPushButton(text.replace("&", "&&"))
    made.setAutoDefault(False)
    if role:
        set_role(made, role)
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


def set_role(widget: QWidget, role: str, name: str = "role") -> None:
    """Set the role by which the style sheet finds a widget."""
    if widget.property(name) != role:
        widget.setProperty(name, role)
        # Qt looks at the property only when the style is put on.
        for one in (widget, *widget.findChildren(QWidget)):
            one.style().unpolish(one)
            one.style().polish(one)
        widget.updateGeometry()


def panel(layout: QLayout) -> QFrame:
    """Return a frame around a layout."""
    frame = QFrame()
    frame.setObjectName("panel")
    frame.setLayout(layout)
    return frame


def clear(layout: QLayout) -> None:
    """Take everything out of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()
        elif inner := item.layout():
            clear(inner)


def row(*widgets: QWidget | None, spacing: int = 10) -> QHBoxLayout:
    """Return widgets in a row; None is a space that stretches."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget)
    return layout
