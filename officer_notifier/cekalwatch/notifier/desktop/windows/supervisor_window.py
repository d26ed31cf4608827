"""The supervisor's view: open alerts with their holders, ages and escalations, and the figures of the shift."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QMainWindow,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cekalwatch.notifier.actions.shift_csv import figures_csv
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.widgets.basic import button, label, message, panel, row, set_role
from cekalwatch.notifier.desktop.widgets.placeholders import LockedPlaceholder
from cekalwatch.notifier.desktop.windows.alert_table import SUPERVISOR, AlertTable, AlertTableView, StateFilter
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.model.shift_report import ShiftReport, Tally

HOURS = (8, 12, 24)
"""Lengths of a shift that can be chosen."""
_REFRESH_MS = 30_000


class SupervisorWindow(QMainWindow):
    """The view, or the cover for who is no supervisor."""

    opened = Signal(str)
    sign_in_asked = Signal()

    def __init__(self, station: Controller) -> None:
        super().__init__()
        self._station = station
        self.report: ShiftReport | None = None
        self._start = self._end = datetime.now().astimezone()
        self.table = AlertTable(station, SUPERVISOR)
        self.table.states = StateFilter.OPEN
        self.view = AlertTableView(self.table)
        self.view.opened.connect(self.opened)
        self._open_title, self._figures_title = label(role="title"), label(role="title")
        self.figures = {phrase: label(role="figure") for phrase in _FIGURES}
        self._figure_names = {phrase: label(role="label", wrap=True) for phrase in _FIGURES}
        self.cameras, self.lists = _tallies(), _tallies()
        self.hours = QComboBox()
        for hours in HOURS:
            self.hours.addItem("", hours)
        self.hours.currentIndexChanged.connect(self.refresh)
        self._refresh, self.export_button = button(""), button("")
        self._refresh.clicked.connect(self.refresh)
        self.export_button.clicked.connect(self._ask_file)
        self.message = message()
        self.locked = LockedPlaceholder()
        self.locked.sign_in.clicked.connect(self.sign_in_asked)
        self.pages = QStackedWidget()
        self.pages.setObjectName("page")
        self.pages.addWidget(self._page())
        self.pages.addWidget(self.locked)
        self.setCentralWidget(self.pages)
        self.resize(1320, 860)
        station.changed.connect(self._paint_if_seen)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._refresh_if_seen)
        self._timer.start()
        self.paint_again()

    @property
    def allowed(self) -> bool:
        """Whether a supervisor has signed in."""
        session = self._station.session
        return self._station.unlocked and session is not None and session.sees_figures

    def refresh(self) -> None:
        """Get the figures anew."""
        if not self.allowed:
            return
        self._end = datetime.now().astimezone()
        self._start = self._end - timedelta(hours=self.hours.currentData())
        self._station.load_report(self._start, self._take, lambda words: self._tell(words, "error"))

    def export(self, file: Path) -> None:
        """Write the figures into a file."""
        if self.report is None:
            return
        say = AlertFormatter(self._station.language).say
        try:
            # The mark at the start lets spreadsheets read it as UTF-8.
            file.write_text(figures_csv(self.report, self._start, self._end), encoding="utf-8-sig", newline="")
        except OSError as error:
            self._tell(say(Phrase.EXPORT_FAILED, problem=error.strerror or type(error).__name__), "error")
        else:
            self._tell(say(Phrase.EXPORTED, file=file), "done")

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Show what is known now."""
        self.paint_again()
        super().showEvent(event)

    def paint_again(self) -> None:
        """Show what is known now."""
        station = self._station
        wording = AlertFormatter(station.language)
        say = wording.say
        self.setWindowTitle(say(Phrase.WINDOW_SUPERVISOR))
        self._open_title.setText(say(Phrase.OPEN_COUNT, count=station.casebook.open_count))
        self._figures_title.setText(say(Phrase.SHIFT_TITLE, time=wording.time(self._start)[:16]))
        for number, hours in enumerate(HOURS):
            self.hours.setItemText(number, say(Phrase.SHIFT_HOURS, count=hours))
        self._refresh.setText(say(Phrase.BUTTON_REFRESH))
        self.export_button.setText(say(Phrase.BUTTON_EXPORT))
        self.export_button.setEnabled(self.report is not None)
        if not self.allowed:
            self.report = None
        self._paint_figures(wording)
        newest = station.casebook.newest_first()
        ordered = sorted(newest, key=lambda one: (-one.notice.handling.escalation, one.notice.raised_at))
        self.table.refresh(ordered if self.allowed else ())
        self.locked.show_count(len(station.waiting()), wording)
        self.pages.setCurrentIndex(0 if self.allowed else 1)

    def _page(self) -> QWidget:
        page = QWidget()
        page.setObjectName("page")
        figures = QGridLayout()
        for column, phrase in enumerate(_FIGURES):
            figures.addWidget(self.figures[phrase], 0, column)
            figures.addWidget(self._figure_names[phrase], 1, column, Qt.AlignmentFlag.AlignTop)
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

    def _paint_figures(self, wording: AlertFormatter) -> None:
        report = self.report
        for phrase, (field, is_time) in _FIGURES.items():
            self._figure_names[phrase].setText(wording.say(phrase))
            value = getattr(report, field) if report else None
            if value is None or (is_time and not value):
                text = "–"
            else:
                text = wording.duration(timedelta(seconds=value)) if is_time else str(value)
            self.figures[phrase].setText(text)
        _fill(self.cameras, Phrase.COLUMN_CAMERA, report.cameras if report else (), wording)
        _fill(self.lists, Phrase.COLUMN_LIST, report.lists if report else (), wording)

    def _ask_file(self) -> None:
        name = f"cekalwatch-{self._end:%Y-%m-%d-%H%M}.csv"
        file, _ = QFileDialog.getSaveFileName(self, self.export_button.text(), name, "CSV (*.csv)")
        if file:
            self.export(Path(file))

    def _paint_if_seen(self) -> None:
        """A window that nobody sees takes no time from the alert's."""
        if self.isVisible():
            self.paint_again()

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.refresh()


_FIGURES = {
    Phrase.SHIFT_RAISED: ("raised", False),
    Phrase.SHIFT_OPEN: ("open", False),
    Phrase.SHIFT_CLEARED: ("cleared", False),
    Phrase.SHIFT_CONFIRMED: ("confirmed", False),
    Phrase.SHIFT_ESCALATED: ("escalated", False),
    Phrase.SHIFT_MEDIAN_CLAIM: ("median_claim_s", True),
    Phrase.SHIFT_MEDIAN_DECISION: ("median_decision_s", True),
}
"""What is shown of a report: the field, and whether it is a time."""


def _tallies() -> QTableWidget:
    table = QTableWidget(0, 3)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    return table


def _fill(table: QTableWidget, first: Phrase, tallies: Sequence[Tally], wording: AlertFormatter) -> None:
    say = wording.say
    titles = (first, Phrase.COLUMN_FALSE_RATE, Phrase.COLUMN_CONFIRMED)
    table.setHorizontalHeaderLabels([say(title) for title in titles])
    table.setRowCount(len(tallies))
    for line, tally in enumerate(tallies):
        name = wording.list_name(tally.key)
        rate = say(Phrase.SHIFT_FALSE_OF, cleared=tally.cleared, decided=tally.decided)
        for column, text in enumerate((name, rate, str(tally.confirmed))):
            table.setItem(line, column, QTableWidgetItem(text))
