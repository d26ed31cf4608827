"""The line of every window: whether a listed traveller who passes now would ring here, and if not why."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from cekalwatch.notifier.desktop.desk import Desk
from cekalwatch.notifier.desktop.widgets.elements import WrappingLabel, set_role


class WatchLine(WrappingLabel):
    """It follows the desk by itself, also in a hidden window, where it costs a comparison."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setContentsMargins(16, 6, 16, 6)  # as the header's
        self.setObjectName("watch")
        self._desk = desk
        self._painted: object = None
        self._why: tuple[str, ...] = ()
        desk.changed.connect(self.paint_again)
        self.paint_again()

    def explain(self, why: Iterable[str]) -> None:
        """Add sentences that say why, to what the line says."""
        self._why = tuple(why)
        self.paint_again()

    def paint_again(self) -> None:
        """Show the present state, with what to do where the server refuses this PC."""
        desk = self._desk
        state = (desk.connection, desk.own_faults, desk.language, self._why)
        if state == self._painted:
            return
        self._painted = state
        advice = desk.formatter.refusal(desk.connection)
        self.setText("  ".join(filter(None, (desk.watching, advice, *self._why))))
        set_role(self, desk.watch_level, "level")


def watched(window: QMainWindow, content: QWidget, desk: Desk) -> WatchLine:
    """Make `content` that of a window, above a line, which is returned."""
    line, body = WatchLine(desk), QWidget()
    body.setObjectName("page")
    layout = QVBoxLayout(body)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(content, 1)
    layout.addWidget(line)
    window.setCentralWidget(body)
    return line
