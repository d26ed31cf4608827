"""A panel of facts: labels on the left, what is known on the right."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout

from cekalwatch.notifier.desktop.widgets.elements import clear, label
from cekalwatch.office.locale.alert_formatting import Fact


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
