"""Small parts that several windows are made of."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from cekalwatch.notifier.locale.alert_formatting import Fact


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label of plain text: text of the watchlist is never taken for markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        set_role(made, role)
    return made


def message() -> QLabel:
    """Return a label for what came of something; hidden while there is nothing to say."""
    made = label(wrap=True)
    # A style sheet's padding is forgotten when Qt asks how high wrapped text is.
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


def set_role(widget: QWidget, role: str, name: str = "role") -> None:
    """Give a widget a part in the style sheet."""
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


class FactsPanel(QFrame):
    """A title, and facts below each other."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._title = label(role="title")
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, 170)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.addWidget(self._title)
        layout.addLayout(self._grid)
        self._shown: tuple[str, tuple[Fact, ...]] | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What it shows."""
        return self._shown[1] if self._shown else ()

    def show_facts(self, title: str, facts: Iterable[Fact]) -> None:
        """Show other facts; without any, the panel is hidden."""
        wanted = (title, tuple(facts))
        if wanted == self._shown:
            return
        self._shown = wanted
        clear(self._grid)
        self._title.setText(title)
        self._title.setVisible(bool(title))
        for row, fact in enumerate(wanted[1]):
            value = label(fact.value, "warning" if fact.warning else "value", wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if not fact.label:
                self._grid.addWidget(value, row, 0, 1, 2)
                continue
            self._grid.addWidget(label(fact.label, "label"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
        self.setVisible(bool(wanted[1]))


def clear(layout: QLayout) -> None:
    """Take everything out of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()
        elif inner := item.layout():
            clear(inner)


def row(*widgets: QWidget | None, spacing: int = 10) -> QHBoxLayout:
    """Return widgets beside each other; None is what stretches."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget)
    return layout
