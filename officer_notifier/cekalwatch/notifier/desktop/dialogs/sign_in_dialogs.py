"""Signing in, and changing the password, which the first one makes necessary."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.widgets.basic import label
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter
from cekalwatch.notifier.locale.phrases import Phrase


class SignInDialog(FormDialog):
    """Asks for name and password; goes on to the change of a first password by itself."""

    def __init__(self, parent: QWidget | None, wording: AlertFormatter, station: Controller) -> None:
        title = wording.say(Phrase.WINDOW_SIGN_IN)
        super().__init__(parent, wording, title, wording.say(Phrase.BUTTON_SIGN_IN))
        self._station = station
        self.name = self.line(station.last_name)
        self.password = self.secret()
        self.form.addRow(label(self.say(Phrase.SIGN_IN_NAME), "label"), self.name)
        self.form.addRow(label(self.say(Phrase.PASSWORD), "label"), self.password)
        self.first = self.password if station.last_name else self.name

    def missing(self) -> str:
        """See `FormDialog`."""
        return "" if self.name.text().strip() and self.password.text() else self.say(Phrase.REFUSED_SIGN_IN_REFUSED)

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        """See `FormDialog`."""

        def refused(words: str) -> None:
            self.password.clear()
            self.password.setFocus()
            failed(words)

        self._station.sign_in(self.name.text().strip(), self.password.text(), done, refused)


class PasswordDialog(FormDialog):
    """Asks for the present password, and twice for the new one."""

    def __init__(self, parent: QWidget | None, wording: AlertFormatter, station: Controller) -> None:
        super().__init__(parent, wording, wording.say(Phrase.WINDOW_PASSWORD), wording.say(Phrase.BUTTON_CHANGE))
        self._station = station
        self.present, self.new, self.again = self.secret(), self.secret(), self.secret()
        if station.session and station.session.password_change_needed:
            self.form.addRow(label(self.say(Phrase.CHANGE_FIRST_PASSWORD), "warning", wrap=True))
        self.form.addRow(label(self.say(Phrase.PASSWORD_RULE), "muted", wrap=True))
        for phrase, field in (
            (Phrase.PRESENT_PASSWORD, self.present),
            (Phrase.NEW_PASSWORD, self.new),
            (Phrase.NEW_PASSWORD_AGAIN, self.again),
        ):
            self.form.addRow(label(self.say(phrase), "label"), field)
        self.first = self.present

    def missing(self) -> str:
        """See `FormDialog`."""
        if not self.present.text() or not self.new.text():
            return self.say(Phrase.PASSWORD_RULE)
        return "" if self.new.text() == self.again.text() else self.say(Phrase.PASSWORDS_DIFFER)

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        """See `FormDialog`."""
        self._station.change_password(self.present.text(), self.new.text(), done, failed)
