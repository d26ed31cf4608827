"""Alerts as rows of a table, with filters. Today's list and the supervisor's view show the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.model.alert import Shown
from cekalwatch.notifier.model.score_levels import score_level
from cekalwatch.notifier.model.steps import standing
from cekalwatch.wire.vocabulary.adjudication import OPEN_STATES, UNDECIDED, AlertState

Index = QModelIndex | QPersistentModelIndex


class Column(StrEnum):
    """What a column shows; its value names its title."""

    TIME = Phrase.COLUMN_TIME
    STATE = Phrase.COLUMN_STATE
    NAME = Phrase.COLUMN_NAME
    COUNTER = Phrase.COLUMN_COUNTER
    HOLDER = Phrase.COLUMN_HOLDER
    AGE = Phrase.COLUMN_AGE
    ESCALATION = Phrase.COLUMN_ESCALATION
    SIMILARITY = Phrase.COLUMN_SCORE


TODAY = (Column.TIME, Column.STATE, Column.NAME, Column.COUNTER, Column.HOLDER, Column.SIMILARITY)
SUPERVISOR = (Column.AGE, Column.ESCALATION, Column.STATE, Column.HOLDER, Column.NAME, Column.COUNTER)


class StateFilter(StrEnum):
    """Which states pass; its value names it."""

    ALL = Phrase.FILTER_ALL
    OPEN = Phrase.FILTER_OPEN
    DONE = Phrase.FILTER_DONE


class AlertTable(QAbstractTableModel):
    """The rows. `refresh` takes them from the casebook anew."""

    def __init__(self, station: Controller, columns: Sequence[Column]) -> None:
        super().__init__()
        self._station = station
        self._columns = tuple(columns)
        self.states = StateFilter.ALL
        self.counter = ""
        self.text = ""
        self._rows: tuple[Shown, ...] = ()

    @property
    def rows(self) -> tuple[Shown, ...]:
        """What passes the filters."""
        return self._rows

    def refresh(self, alerts: Sequence[Shown]) -> None:
        """Show these alerts, as far as they pass the filters."""
        rows = tuple(shown for shown in alerts if self._passes(shown))
        if [one.notice.alert_id for one in rows] != [one.notice.alert_id for one in self._rows]:
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
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401  # Qt's type
        """Return a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._wording.say(Phrase(self._columns[section]))
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        """Return a cell's text; what nobody has taken yet is bold."""
        shown = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(shown, self._columns[index.column()])
        if role == Qt.ItemDataRole.FontRole and standing(shown.notice, self._station.clock()) is AlertState.NEW:
            font = QFont()
            font.setBold(True)
            return font
        return None

    @property
    def _wording(self) -> AlertFormatter:
        return AlertFormatter(self._station.language)

    def _text(self, shown: Shown, column: Column) -> str:
        notice, wording, now = shown.notice, self._wording, self._station.clock()
        match column:
            case Column.TIME:
                return wording.moment(notice.raised_at, now)
            case Column.STATE:
                return wording.say(Phrase(f"STATE_{standing(notice, now) or 'UNKNOWN'}"))
            case Column.NAME:
                return notice.subject.name or wording.say(Phrase.UNKNOWN)
            case Column.COUNTER:
                return f"{notice.counter}, {wording.direction(notice.direction)}"
            case Column.HOLDER:
                return wording.holder(notice, self._station.session)
            case Column.AGE:
                return wording.duration(now - notice.raised_at)
            case Column.ESCALATION:
                return wording.escalation(notice)
            case Column.SIMILARITY:
                return wording.say(score_level(notice.score, notice.threshold))

    def _passes(self, shown: Shown) -> bool:
        notice = shown.notice
        wanted = {
            StateFilter.ALL: True,
            StateFilter.OPEN: notice.state in OPEN_STATES,
            StateFilter.DONE: notice.state not in UNDECIDED,
        }[self.states]
        subject = notice.subject
        numbers = (subject.nik, *(one.number for one in subject.documents), notice.handling.reference)
        words = " ".join((subject.name, *subject.aliases, *numbers)).casefold()
        return wanted and self.counter in {"", notice.counter} and self.text.casefold() in words


class AlertTableView(QTableView):
    """The table on screen. Enter or a double click opens a row."""

    opened = Signal(str)
    """The key of the alert that a person wants to see."""

    def __init__(self, model: AlertTable) -> None:
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
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(self._open)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  # Qt's name
        """Open the row on Enter."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self._model.rows[index.row()].notice.alert_id)
