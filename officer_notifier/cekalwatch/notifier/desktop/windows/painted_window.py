"""A window with a state that changes: it paints when it comes up and, while somebody can see it, at each change."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QMainWindow, QWidget

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.widgets.elements import fit, in_front
from cekalwatch.notifier.desktop.widgets.watch_line import watched


class PaintedWindow(QMainWindow):
    """A list of alerts, figures or alarms, above the line that says how well this PC watches."""

    def show_above_others(self, content: QWidget, controller: Controller, width: int, height: int) -> None:
        """Take the content and a size, as far as the screen has room."""
        self.watch = watched(self, content, controller)
        in_front(self)
        fit(self, width, height)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        self.paint_again()
        super().showEvent(event)

    def paint_again(self) -> None:
        raise NotImplementedError

    def paint_if_seen(self) -> None:
        """Paint only a visible window: a hidden one must not delay the alert window."""
        if self.isVisible():
            self.paint_again()
