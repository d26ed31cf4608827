"""What the alert window shows in place of an alert: nobody has signed in, or nothing waits."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cekalwatch.notifier.desktop.widgets.elements import button, label
from cekalwatch.office.locale.alert_formatting import AlertFormatter


class LockedPlaceholder(QWidget):
    """Covers travellers' data until an officer signs in; says how many alerts wait."""

    def __init__(self) -> None:
        super().__init__()
        self.count = label(role="name", wrap=True)
        self._why = label(role="muted", wrap=True)
        self.sign_in = button("", "main")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        for one in (self.count, self._why):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(one)
        layout.addSpacing(16)
        layout.addWidget(self.sign_in, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(1)

    def show_count(self, waiting: int | None, formatter: AlertFormatter) -> None:
        """Say how many alerts wait; None: that is not known."""
        say = formatter.say
        self.count.setText(formatter.waiting(waiting))
        self._why.setText(say("LOCKED_WHY"))
        self.sign_in.setText(say("BUTTON_SIGN_IN"))


class QuietPlaceholder(QWidget):
    """Says that nothing waits."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label(role="title")
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        QVBoxLayout(self).addWidget(self._words)

    def show_words(self, formatter: AlertFormatter) -> None:
        """Show the text."""
        self._words.setText(formatter.say("NOTHING_WAITING"))
