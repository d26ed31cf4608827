"""The list of today's alerts, with filters."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.widgets.elements import ChoiceBox, LockedPlaceholder, label, row
from cekalwatch.notifier.desktop.windows.alert_table import TODAY, AlertTableModel, AlertTableView, StateFilter, soon
from cekalwatch.notifier.desktop.windows.painted_window import PaintedWindow


class TodayWindow(PaintedWindow):
    """The list, or a placeholder while nobody has signed in."""

    opened = Signal(str)
    sign_in_asked = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.table = AlertTableModel(controller, TODAY)
        self.view = AlertTableView(self.table)
        self.view.opened.connect(self.opened)
        self.states, self.counters, self.text = ChoiceBox(), ChoiceBox(), QLineEdit()
        self._titles = [label(role="label") for _ in range(2)]
        self.count = label(role="title")
        self.empty = label(role="muted")
        self.locked = LockedPlaceholder()
        self.locked.sign_in.clicked.connect(self.sign_in_asked)
        for state in StateFilter:
            self.states.addItem("", state)
        self.states.currentIndexChanged.connect(self.paint_again)
        self.counters.addItem("", "")
        self.counters.currentIndexChanged.connect(self.paint_again)
        self.text.setClearButtonEnabled(True)
        self.text.textChanged.connect(self.paint_again)

        page = QWidget()
        page.setObjectName("page")
        layout = QVBoxLayout(page)
        filters = row(self._titles[0], self.states, self._titles[1], self.counters, self.text, None, self.count)
        filters.setStretchFactor(self.text, 1)
        self.text.setMinimumWidth(260)
        layout.addLayout(filters)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.empty)
        self.pages = QStackedWidget()
        self.pages.setObjectName("page")
        self.pages.addWidget(page)
        self.pages.addWidget(self.locked)
        self.show_above_others(self.pages, controller, 1360, 640)
        self._soon = soon(self, self.paint_if_seen)
        controller.changed.connect(self._soon)
        controller.session_changed.connect(self._forget_filters)
        self._ages = QTimer(self)
        self._ages.setInterval(5_000)
        self._ages.timeout.connect(self.paint_if_seen)
        self._ages.start()
        self.paint_again()

    def paint_again(self) -> None:
        controller = self._controller
        formatter = controller.formatter
        say = formatter.say
        self.setWindowTitle(say("WINDOW_TODAY"))
        self._titles[0].setText(say("FILTER_STATE"))
        self._titles[1].setText(say("FILTER_COUNTER"))
        self.states.setAccessibleName(say("FILTER_STATE"))
        self.counters.setAccessibleName(say("FILTER_COUNTER"))
        self.text.setAccessibleName(say("FILTER_TEXT"))
        self.view.setAccessibleName(say("WINDOW_TODAY"))
        self.text.setPlaceholderText(say("FILTER_TEXT"))
        alerts = controller.alert_cache.newest_first()
        for number, state in enumerate(StateFilter):
            self.states.setItemText(number, say(f"FILTER_{state}"))
        self._offer_counters(sorted({one.alert.place.counter for one in alerts}), say("FILTER_ALL"))
        self.table.states = StateFilter(self.states.currentData())
        self.table.counter = self.counters.currentData() or ""
        self.table.text = self.text.text().strip()
        self.table.refresh(alerts if controller.unlocked else ())
        rows = len(self.table.rows)
        self.count.setText(say("ALERT_COUNT", count=rows))
        self.empty.setText(say("LIST_EMPTY"))
        self.empty.setVisible(rows == 0)
        self.locked.show_count(controller.waiting_count, formatter)
        self.pages.setCurrentIndex(0 if controller.unlocked else 1)

    def _forget_filters(self) -> None:
        """Leave nothing of a search to who comes next: it has a name in it, and hides alerts."""
        if not self._controller.unlocked:
            self.states.setCurrentIndex(0)
            self.counters.setCurrentIndex(0)
            self.text.clear()

    def _offer_counters(self, counters: list[str], all_of_them: str) -> None:
        self.counters.setItemText(0, all_of_them)
        offered = {self.counters.itemData(number) for number in range(self.counters.count())}
        for counter in counters:
            if counter not in offered:
                self.counters.addItem(counter, counter)
