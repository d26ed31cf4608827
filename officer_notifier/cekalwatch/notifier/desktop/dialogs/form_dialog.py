"""A dialog with fields, which stays open with its input until the answer is recorded."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from cekalwatch.contract.values.adjudication import MAX_NOTE
from cekalwatch.notifier.desktop.widgets.elements import TickBox, button, label, message, row, set_role
from cekalwatch.office.locale.alert_formatting import AlertFormatter

Send = Callable[[Callable[[], object], Callable[[str], object]], object]
"""Sends the entered values, then calls the first function when they are recorded, or the second one with the error."""


SLOW_MS = 3_000
"""After this time without an answer it is said what happens next."""


def still_sending(formatter: AlertFormatter) -> str:
    """Return what is said once the server has not answered for `SLOW_MS`."""
    return formatter.say("STILL_SENDING", count=SLOW_MS // 1000)


class FormDialog(QDialog):
    """The frame of such dialogs; each adds its fields to `form`."""

    def __init__(self, parent: QWidget | None, formatter: AlertFormatter, title: str, send_text: str) -> None:
        super().__init__(parent)
        self.formatter = formatter
        self.say = formatter.say
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(560)
        self.form = QFormLayout()
        self.form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        self.form.setVerticalSpacing(8)
        self.closed = False
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.timeout.connect(lambda: self._tell(still_sending(formatter), "warning"))
        self.first: QWidget | None = None
        """The field that has the keyboard at the beginning."""
        self.problem = message()
        self.send_button = button(send_text, "main")
        self.send_button.setDefault(True)
        self.send_button.clicked.connect(self.submit)
        cancel = button(self.say("BUTTON_CANCEL"))
        cancel.clicked.connect(self.reject)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(label(title, "title", wrap=True))
        layout.addLayout(self.form)
        layout.addWidget(self.problem)
        layout.addLayout(row(None, cancel, self.send_button))

    def become_part(self) -> None:
        """Be a part of a window: the fields scroll where it is low, above the buttons, which are always there."""
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setMinimumWidth(0)
        fields, scroll = QWidget(), QScrollArea()
        fields.setObjectName("column")
        self._layout.removeItem(self.form)
        self._layout.setContentsMargins(8, 4, 8, 4)
        fields.setLayout(self.form)
        scroll.setWidget(fields)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._layout.insertWidget(1, scroll, 1)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Give the keyboard to the first field: Qt gives it to the default button."""
        super().showEvent(event)
        self._make_room()
        if self.first is not None:
            self.first.setFocus()

    def missing(self) -> str:
        """Return what still has to be filled in, in words; empty when nothing."""
        return ""

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        raise NotImplementedError  # Qt's metaclass cannot be that of an abstract class as well

    def submit(self) -> None:
        """Send, unless something is missing or it is under way."""
        if not self.send_button.isEnabled():
            return
        if problem := self.missing():
            self._tell(problem, "error")
            return
        self._begin(self.say("WORKING"))
        self._slow.start(SLOW_MS)
        self.send(self._done, self._failed)

    def done(self, result: int) -> None:
        """Close it; what it is still told then is about nothing on screen."""
        self.closed = True
        self._slow.stop()
        super().done(result)

    def ask(self, title: str, field: QWidget) -> None:
        """Add a field below its title, which is its name for screen readers as well."""
        above = label(title, "label")
        above.setBuddy(field)
        field.setAccessibleName(title)
        self.form.addRow(above, field)

    def line(self, text: str = "") -> QLineEdit:
        field = QLineEdit(text)
        field.setMaxLength(MAX_NOTE)
        return field

    def secret(self) -> QLineEdit:
        field = QLineEdit()
        field.setEchoMode(QLineEdit.EchoMode.Password)
        field.setMaxLength(256)
        return field

    def offer_to_show(self, *secrets: QLineEdit) -> TickBox:
        """Add a choice that shows what is typed into these fields, and return it."""
        show = TickBox(self.say("SHOW_PASSWORD"))
        modes = {True: QLineEdit.EchoMode.Normal, False: QLineEdit.EchoMode.Password}
        for one in secrets:
            show.toggled.connect(lambda shown, one=one: one.setEchoMode(modes[shown]))
        self.form.addRow(show)
        return show

    def note(self) -> QPlainTextEdit:
        """Return a field for some lines; the tabulator key leaves it."""
        field = QPlainTextEdit()
        field.setTabChangesFocus(True)
        field.setFixedHeight(76)
        return field

    def _begin(self, words: str) -> None:
        self.send_button.setEnabled(False)
        self._tell(words, "muted")

    def _done(self) -> None:
        if not self.closed:
            self.accept()

    def _failed(self, words: str) -> None:
        if not self.closed:
            self._slow.stop()
            self.send_button.setEnabled(True)
            self._tell(words, "error")

    def _tell(self, words: str, role: str) -> None:
        self.problem.setText(words)
        set_role(self.problem, role)
        self.problem.show()
        self._make_room()

    def _make_room(self) -> None:
        """Be as high as the wrapped texts need: Qt counts their first lines only, and draws the others over fields."""
        if self.isWindow():
            self.resize(self.width(), max(self.height(), self.heightForWidth(self.width())))


def text_of(field: QPlainTextEdit) -> str:
    """Return the text of a note, without space around it."""
    return field.toPlainText().strip()
