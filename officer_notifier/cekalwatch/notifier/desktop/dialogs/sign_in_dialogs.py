"""Signing in, and changing the password, which the first one makes necessary."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.widgets.elements import label
from cekalwatch.office.locale.alert_formatting import AlertFormatter


class SignInDialog(FormDialog):
    """Asks for name and password; continues with the change of a first password by itself."""

    def __init__(self, parent: QWidget | None, formatter: AlertFormatter, controller: Controller) -> None:
        title = formatter.say("WINDOW_SIGN_IN")
        super().__init__(parent, formatter, title, formatter.say("BUTTON_SIGN_IN"))
        self._controller = controller
        self.name = self.line(controller.last_name)
        self.password = self.secret()
        self.ask(self.say("SIGN_IN_NAME"), self.name)
        self.ask(self.say("PASSWORD"), self.password)
        self.first = self.password if controller.last_name else self.name

    def missing(self) -> str:
        """See `FormDialog`."""
        return "" if self.name.text().strip() and self.password.text() else self.say("REFUSED_SIGN_IN_REFUSED")

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        """See `FormDialog`."""

        def refused(words: str) -> None:
            self.password.clear()
            self.password.setFocus()
            failed(words)

        self._controller.sign_in(self.name.text().strip(), self.password.text(), done, refused)


class PasswordDialog(FormDialog):
    """Asks for the present password, and twice for the new one."""

    def __init__(self, parent: QWidget | None, formatter: AlertFormatter, controller: Controller) -> None:
        super().__init__(parent, formatter, formatter.say("WINDOW_PASSWORD"), formatter.say("BUTTON_CHANGE"))
        self._controller = controller
        self.present, self.new, self.again = self.secret(), self.secret(), self.secret()
        if controller.session and controller.session.password_change_needed:
            self.form.addRow(label(self.say("CHANGE_FIRST_PASSWORD"), "warning", wrap=True))
        self.form.addRow(label(self.say("PASSWORD_RULE"), "muted", wrap=True))
        for title, field in (
            (self.say("PRESENT_PASSWORD"), self.present),
            (self.say("NEW_PASSWORD"), self.new),
            (self.say("NEW_PASSWORD_AGAIN"), self.again),
        ):
            self.ask(title, field)
        self.first = self.present

    def missing(self) -> str:
        """See `FormDialog`."""
        if not self.present.text() or not self.new.text():
            return self.say("PASSWORD_RULE")
        return "" if self.new.text() == self.again.text() else self.say("PASSWORDS_DIFFER")

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        """See `FormDialog`."""
        self._controller.change_password(self.present.text(), self.new.text(), done, failed)
