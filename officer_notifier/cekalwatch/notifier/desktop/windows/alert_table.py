"""Alerts as rows of a table, with filters. Today's list and the supervisor's view show the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from cekalwatch.contract.values.adjudication import UNDECIDED, AlertState
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.office.alerts import ShownAlert

_PAINT_AFTER_MS = 50
_ROW_PADDING_PX = 12
_TEXT, _FONT = Qt.ItemDataRole.DisplayRole.value, Qt.ItemDataRole.FontRole.value
_POINTED = Qt.ItemDataRole.ToolTipRole.value

Index = QModelIndex | QPersistentModelIndex


class Column(StrEnum):
    """The content of a column."""

    TIME = "TIME"
    STATE = "STATE"
    NAME = "NAME"
    COUNTER = "COUNTER"
    HOLDER = "HOLDER"
    AGE = "AGE"
    ESCALATION = "ESCALATION"
    SIMILARITY = "SIMILARITY"


TODAY = (Column.TIME, Column.STATE, Column.NAME, Column.COUNTER, Column.HOLDER, Column.SIMILARITY)
SUPERVISOR = (Column.AGE, Column.ESCALATION, Column.STATE, Column.HOLDER, Column.NAME, Column.COUNTER)


class StateFilter(StrEnum):
    """Which states pass."""

    ALL = "ALL"
    OPEN = "OPEN"
    DONE = "DONE"


class AlertTableModel(QAbstractTableModel):
    """The rows. `refresh` replaces them."""

    def __init__(self, controller: Controller, columns: Sequence[Column]) -> None:
        super().__init__()
        self._controller = controller
        self._columns = tuple(columns)
        self.states = StateFilter.ALL
        self.counter = ""
        self.text = ""
        self._rows: tuple[ShownAlert, ...] = ()

    @property
    def name_column(self) -> int:
        return self._columns.index(Column.NAME)

    @property
    def rows(self) -> tuple[ShownAlert, ...]:
        """What passes the filters."""
        return self._rows

    def refresh(self, alerts: Sequence[ShownAlert]) -> None:
        """Show these alerts, as far as they pass the filters."""
        rows = tuple(shown for shown in alerts if self._passes(shown))
        if [one.alert.alert_id for one in rows] != [one.alert.alert_id for one in self._rows]:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        else:
            # The same rows: the selection and the place in the list stay.
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._columns) - 1))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._columns) - 1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's name and default
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401  # Qt's type
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._controller.formatter.say(f"COLUMN_{self._columns[section]}")
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        """Return a cell's text, also for the pointer; an alert that nobody has claimed is bold."""
        if role not in {_TEXT, _FONT, _POINTED}:
            return None
        shown = self._rows[index.row()]
        if role != _FONT:
            return self._text(shown, self._columns[index.column()])
        if shown.alert.state is AlertState.NEW:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def _text(self, shown: ShownAlert, column: Column) -> str:
        alert, formatter, now = shown.alert, self._controller.formatter, self._controller.clock()
        match column:
            case Column.TIME:
                return formatter.moment(alert.raised_at, now)
            case Column.STATE:
                return formatter.standing(alert)
            case Column.NAME:
                return formatter.subject_name(alert)
            case Column.COUNTER:
                return formatter.counter(alert)
            case Column.HOLDER:
                return formatter.holder(alert, self._controller.session)
            case Column.AGE:
                return formatter.age(alert, now)
            case Column.ESCALATION:
                return formatter.escalation(alert)
            case Column.SIMILARITY:
                return formatter.similarity(alert)

    def _passes(self, shown: ShownAlert) -> bool:
        alert = shown.alert
        wanted = {
            StateFilter.ALL: True,
            StateFilter.OPEN: alert.open,
            StateFilter.DONE: alert.state not in UNDECIDED,
        }[self.states]
        subject = alert.subject
        numbers = (subject.nik, *(one.number for one in subject.travel_documents), alert.handling.reference)
        words = " ".join((subject.name, *subject.aliases, *numbers)).casefold()
        return wanted and self.counter in {"", alert.place.counter} and self.text.casefold() in words


def soon(parent: QObject, paint: Callable[[], object]) -> Callable[[], None]:
    """Return what asks for `paint`: many that ask at once get one painting, a little later.

    A list of fifty alerts takes long to lay out, and must not hold up the alert window, or itself, for each of them.
    """
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(_PAINT_AFTER_MS)
    timer.timeout.connect(paint)

    def ask() -> None:
        if not timer.isActive():
            timer.start()

    return ask


class AlertTableView(QTableView):
    """The table on screen. Enter or a double click opens a row."""

    opened = Signal(str)
    """The key of the alert that a person wants to see."""

    def __init__(self, model: AlertTableModel) -> None:
        super().__init__()
        self._model = model
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        # Each row is one line. Asking every cell for its height takes longer than all the rest, with fifty rows.
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._fit_rows()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        # A name may be of any length: it gets what the other columns leave, and the pointer shows the rest.
        header.setSectionResizeMode(model.name_column, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(self._open)
        self._place = ""
        model.modelAboutToBeReset.connect(self._keep_place)
        model.modelReset.connect(self._come_back)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Follow the size of the text."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit_rows()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  # Qt's name
        """Open the row on Enter."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _keep_place(self) -> None:
        """Keep which alert is chosen: other rows come and go while a person is about to open it."""
        index = self.currentIndex()
        self._place = self._model.rows[index.row()].alert.alert_id if index.isValid() else ""

    def _come_back(self) -> None:
        for row, shown in enumerate(self._model.rows):
            if shown.alert.alert_id == self._place:
                self.selectRow(row)

    def _fit_rows(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + _ROW_PADDING_PX)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self._model.rows[index.row()].alert.alert_id)
