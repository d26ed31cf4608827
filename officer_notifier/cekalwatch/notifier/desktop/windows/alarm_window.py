"""Alarms of cameras and the watchlist: since when, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from cekalwatch.contract.values.alarms import Alarm
from cekalwatch.notifier.desktop.alarm_controller import AlarmController
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.widgets.elements import clear, enter_button, label, message, set_role
from cekalwatch.notifier.desktop.windows.painted_window import PaintedWindow


class AlarmWindow(PaintedWindow):
    """The list, newest first. It has nothing of a traveller in it, so it needs nobody to have signed in."""

    def __init__(self, controller: Controller, alarms: AlarmController) -> None:
        super().__init__()
        self._controller = controller
        self._alarms = alarms
        self.seen_buttons: dict[str, QPushButton] = {}
        """The button of each alarm that the person here can acknowledge, by its key."""
        # A supervisor may be typing elsewhere when it comes up.
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.empty = label(role="muted")
        self.message = message()
        set_role(self.message, "error")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(12)
        self._grid.setColumnStretch(1, 3)
        self._grid.setColumnStretch(2, 4)
        page = QWidget()
        page.setObjectName("page")
        layout = QVBoxLayout(page)
        layout.addWidget(self.message)
        layout.addWidget(self.empty)
        layout.addLayout(self._grid)
        layout.addStretch(1)
        self._area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        self.show_above_others(area, controller, 1040, 600)
        alarms.changed.connect(self.paint_if_seen)
        controller.changed.connect(self.paint_if_seen)
        self._painted: object = None
        self.paint_again()

    def paint_again(self) -> None:
        formatter, present = self._controller.formatter, self._alarms.shown
        unseen = {one.alarm_id for one in self._alarms.unseen}
        self.setWindowTitle(formatter.say("WINDOW_TROUBLES"))
        self._area.setAccessibleName(formatter.say("WINDOW_TROUBLES"))
        self.empty.setText(formatter.say("NO_TROUBLES"))
        self.empty.setVisible(not present)
        state = (present, unseen, self._controller.language)
        if state == self._painted:
            return  # a button must not vanish under a hand because an alert came
        self._painted = state
        clear(self._grid)
        self.seen_buttons = {}
        if not present:
            return
        for column, text in enumerate(self._titles()):
            self._grid.addWidget(label(text, role="label"), 0, column)
        for line, one in enumerate(reversed(present), 1):
            self._add(line, one, can_be_seen=one.alarm_id in unseen)

    def _titles(self) -> tuple[str, ...]:
        say = self._controller.formatter.say
        return (
            say("COLUMN_WHERE"),
            say("COLUMN_TROUBLE"),
            say("COLUMN_TODO"),
            say("COLUMN_SINCE"),
            say("COLUMN_SEEN_BY"),
        )

    def _add(self, line: int, alarm: Alarm, *, can_be_seen: bool) -> None:
        formatter = self._controller.formatter
        texts = (
            (formatter.alarm_place(alarm), "value"),
            (formatter.alarm(alarm), "warning" if alarm.blinds else "value"),
            (formatter.advice(alarm), ""),
            (formatter.since(alarm, self._controller.clock()), ""),
        )
        for column, (text, role) in enumerate(texts):
            self._grid.addWidget(label(text, role, wrap=True), line, column, Qt.AlignmentFlag.AlignTop)
        if not can_be_seen:
            self._grid.addWidget(label(alarm.seen_by, wrap=True), line, 4, Qt.AlignmentFlag.AlignTop)
            return
        seen = enter_button()
        seen.setText(formatter.say("BUTTON_TROUBLE_SEEN"))
        seen.setAccessibleName(f"{seen.text()}: {formatter.alarm_line(alarm)}")
        seen.clicked.connect(lambda: self._acknowledge(alarm))
        self.seen_buttons[alarm.alarm_id] = seen
        self._grid.addWidget(seen, line, 4, Qt.AlignmentFlag.AlignTop)

    def _acknowledge(self, alarm: Alarm) -> None:
        self.message.hide()
        self._alarms.acknowledge(alarm, self._tell)

    def _tell(self, words: str) -> None:
        self.message.setText(words)
        self.message.show()
