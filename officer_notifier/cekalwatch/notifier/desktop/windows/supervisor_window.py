"""The supervisor's view: open alerts with their holders, ages and escalations, and the figures of the shift."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.notifier.actions.shift_csv import figures_csv
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.widgets.elements import (
    ChoiceBox,
    LockedPlaceholder,
    enter_button,
    label,
    message,
    panel,
    row,
    set_role,
)
from cekalwatch.notifier.desktop.windows.alert_table import (
    SUPERVISOR,
    AlertTableModel,
    AlertTableView,
    StateFilter,
    soon,
)
from cekalwatch.notifier.desktop.windows.painted_window import PaintedWindow
from cekalwatch.office.locale.alert_formatting import SHIFT_FIGURES, AlertFormatter

HOURS = (8, 12, 24)
"""Lengths of a shift that can be chosen."""
FIGURES_IN_LINE = 6
_REFRESH_MS = 30_000


class SupervisorWindow(PaintedWindow):
    """The view, or a placeholder while no supervisor has signed in."""

    opened = Signal(str)
    sign_in_asked = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.report: ShiftReport | None = None
        self._start = self._end = datetime.now(controller.settings.zone)
        self.table = AlertTableModel(controller, SUPERVISOR)
        self.table.states = StateFilter.OPEN
        self.view = AlertTableView(self.table)
        self.view.opened.connect(self.opened)
        self._open_title, self._figures_title = label(role="title"), label(role="title")
        self.owed = message()
        self.figures = [label(role="figure") for _ in range(SHIFT_FIGURES)]
        self._figure_names = [label(role="label", wrap=True) for _ in range(SHIFT_FIGURES)]
        self.cameras, self.lists = _tallies(), _tallies()
        self.hours = ChoiceBox()
        for hours in HOURS:
            self.hours.addItem("", hours)
        self.hours.currentIndexChanged.connect(self.refresh)
        self._refresh, self.export_button = enter_button(), enter_button()
        self._refresh.clicked.connect(self.refresh)
        self.export_button.clicked.connect(self._ask_file)
        self.message = message()
        self.locked = LockedPlaceholder()
        self.locked.sign_in.clicked.connect(self.sign_in_asked)
        self.pages = QStackedWidget()
        self.pages.setObjectName("page")
        self.pages.addWidget(self._page())
        self.pages.addWidget(self.locked)
        self.show_above_others(self.pages, controller, 1320, 860)
        self._soon = soon(self, self.paint_if_seen)
        controller.changed.connect(self._soon)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._refresh_if_seen)
        self._timer.start()
        self.paint_again()

    @property
    def allowed(self) -> bool:
        """Whether a supervisor has signed in."""
        session = self._controller.session
        return self._controller.unlocked and session is not None and session.sees_figures

    def refresh(self) -> None:
        if not self.allowed:
            return
        self._end = datetime.now(self._controller.settings.zone)
        self._start = self._end - timedelta(hours=self.hours.currentData())
        self._controller.load_report(self._start, self._take, lambda words: self._tell(words, "error"))

    def export(self, file: Path) -> None:
        if self.report is None:
            return
        say = self._controller.formatter.say
        try:
            # The mark at the start lets spreadsheets read it as UTF-8.
            file.write_text(figures_csv(self.report, self._start, self._end), encoding="utf-8-sig", newline="")
        except OSError as error:
            self._tell(say("EXPORT_FAILED", problem=error.strerror or type(error).__name__), "error")
        else:
            self._tell(say("EXPORTED", file=file), "done")

    def paint_again(self) -> None:
        controller = self._controller
        formatter = controller.formatter
        say = formatter.say
        self.setWindowTitle(say("WINDOW_SUPERVISOR"))
        self._open_title.setText(say("OPEN_COUNT", count=controller.alert_cache.open_count))
        self._figures_title.setText(say("SHIFT_TITLE", time=formatter.minute(self._start)))
        self.hours.setAccessibleName(say("SHIFT_LENGTH"))
        self.view.setAccessibleName(say("OPEN_ALERTS"))
        self.cameras.setAccessibleName(say("COLUMN_CAMERA"))
        self.lists.setAccessibleName(say("COLUMN_LIST"))
        for number, hours in enumerate(HOURS):
            self.hours.setItemText(number, say("SHIFT_HOURS", count=hours))
        self._refresh.setText(say("BUTTON_REFRESH"))
        self.export_button.setText(say("BUTTON_EXPORT"))
        self.export_button.setEnabled(self.report is not None)
        if not self.allowed:
            self.report = None
        self._paint_figures(formatter)
        waiting = controller.alert_cache.most_urgent_first() if self.allowed else ()
        self.table.refresh(waiting)
        owed = formatter.references_owed([one.alert for one in waiting], controller.clock())
        self.owed.setText("\n".join(owed))
        set_role(self.owed, "warning")
        self.owed.setVisible(bool(owed))
        self.locked.show_count(controller.waiting_count, formatter)
        self.pages.setCurrentIndex(0 if self.allowed else 1)

    def _page(self) -> QWidget:
        page = QWidget()
        page.setObjectName("page")
        figures = QGridLayout()
        for number, (figure, name) in enumerate(zip(self.figures, self._figure_names, strict=True)):
            line, column = divmod(number, FIGURES_IN_LINE)
            figures.addWidget(figure, 2 * line, column)
            figures.addWidget(name, 2 * line + 1, column, Qt.AlignmentFlag.AlignTop)
            figures.setColumnStretch(column, 1)
        tables = QHBoxLayout()
        tables.addWidget(self.cameras, 3)
        tables.addWidget(self.lists, 2)
        below = QVBoxLayout()
        below.addLayout(row(self._figures_title, None, self.hours, self._refresh, self.export_button))
        below.addLayout(figures)
        below.addLayout(tables, 1)
        layout = QVBoxLayout(page)
        layout.addWidget(self._open_title)
        layout.addWidget(self.owed)
        layout.addWidget(self.view, 1)
        layout.addWidget(panel(below), 1)
        layout.addWidget(self.message)
        return page

    def _take(self, report: ShiftReport) -> None:
        self.report = report
        self.message.hide()
        self.paint_again()

    def _tell(self, words: str, role: str) -> None:
        self.message.setText(words)
        set_role(self.message, role)
        self.message.show()

    def _paint_figures(self, formatter: AlertFormatter) -> None:
        report = self.report
        for fact, figure, name in zip(formatter.shift_figures(report), self.figures, self._figure_names, strict=True):
            figure.setText(fact.value)
            name.setText(fact.label)
        _fill(self.cameras, formatter.say("COLUMN_CAMERA"), report.cameras if report else (), formatter)
        _fill(self.lists, formatter.say("COLUMN_LIST"), report.lists if report else (), formatter)

    def _ask_file(self) -> None:
        name = f"cekalwatch-{self._end:%Y-%m-%d-%H%M}.csv"
        file, _ = QFileDialog.getSaveFileName(self, self.export_button.text(), name, "CSV (*.csv)")
        if file:
            self.export(Path(file))

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.refresh()


def _tallies() -> QTableWidget:
    table = QTableWidget(0, 3)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    return table


def _fill(table: QTableWidget, title: str, tallies: Sequence[Tally], formatter: AlertFormatter) -> None:
    say = formatter.say
    table.setHorizontalHeaderLabels([title, say("COLUMN_FALSE_RATE"), say("COLUMN_CONFIRMED")])
    table.setRowCount(len(tallies))
    for line, tally in enumerate(tallies):
        texts = (formatter.list_name(tally.key), formatter.false_alerts(tally), str(tally.confirmed))
        for column, text in enumerate(texts):
            table.setItem(line, column, QTableWidgetItem(text))
