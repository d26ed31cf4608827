"""Dialogs in which people prove who they are, or change their password."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QWidget

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.widgets.elements import button, label, set_role
from cekalwatch.notifier.signing_in.browser_sign_in import Prover, TypedPassword
from cekalwatch.office.client.session_client import Password
from cekalwatch.office.locale.alert_formatting import AlertFormatter


class ProofDialog(FormDialog):
    """Asks a person who they are: at the identity provider, which comes first where there is one, or by a password."""

    def __init__(
        self, parent: QWidget | None, controller: Controller, title: str, introduction: str = "", name: str = ""
    ) -> None:
        formatter = controller.formatter
        super().__init__(parent, formatter, title, formatter.say("BUTTON_SIGN_IN"))
        self._controller, self._provider = controller, controller.provider
        self.name, self.password = self.line(name), self.secret()
        self.first = self.password if name else self.name
        self.provider_button: QPushButton | None = None
        if introduction:
            self.form.addRow(label(introduction, "muted", wrap=True))
        if self._provider:
            self.provider_button = button(self.say("SIGN_IN_BY_PROVIDER", provider=self._provider.host), "main")
            self.provider_button.clicked.connect(self.go_to_provider)
            self.first = self.provider_button
            self.form.addRow(self.provider_button)
            self.form.addRow(label(self.say("OR_PASSWORD"), "muted", wrap=True))
            set_role(self.send_button, "")
        self.ask(self.say("SIGN_IN_NAME"), self.name)
        self.ask(self.say("PASSWORD"), self.password)
        show = self.offer_to_show(self.password)
        self.fields: tuple[QWidget, ...] = (self.name, self.password, show, *filter(None, [self.provider_button]))
        """What may not be changed while the person is in the browser, or the server is asked."""
        self.finished.connect(controller.leave_browser)

    def prove(self, prover: Prover, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        """Let the person prove who they are, and go on with that."""
        raise NotImplementedError  # Qt's metaclass cannot be that of an abstract class as well

    def missing(self) -> str:
        return "" if self.name.text().strip() and self.password.text() else self.say("REFUSED_SIGN_IN_REFUSED")

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        def refused(words: str) -> None:
            failed(words)
            if not self.closed:
                self.password.clear()
                self.password.setFocus()

        self.prove(TypedPassword(Password(self.name.text().strip(), self.password.text())), done, refused)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  # Qt's name
        """Let Enter press the provider's button where that has the keyboard, and the other one in all fields."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and self.provider_button and self.provider_button.hasFocus():
            self.go_to_provider()
        else:
            super().keyPressEvent(event)

    def go_to_provider(self) -> None:
        """Open the provider's page in the browser, and wait for the person."""
        if self._provider and self.send_button.isEnabled():
            self._begin(self.say("BROWSER_WAITING", provider=self._provider.host))
            self.prove(self._controller.in_browser(), self._done, self._failed)

    def _begin(self, words: str) -> None:
        super()._begin(words)
        self._allow_fields(allowed=False)

    def _done(self) -> None:
        if not self.closed:
            self.activateWindow()  # the browser is in front
        super()._done()

    def _failed(self, words: str) -> None:
        if not self.closed:
            self._allow_fields(allowed=True)
            self.activateWindow()
            if self.fields and self.provider_button:
                self.provider_button.setFocus()
        super()._failed(words)

    def _allow_fields(self, *, allowed: bool) -> None:
        for one in self.fields:
            one.setEnabled(allowed)


class SignInDialog(ProofDialog):
    """Signs a person in; the change of a first password follows by itself."""

    def __init__(self, parent: QWidget | None, controller: Controller) -> None:
        title = controller.formatter.say("WINDOW_SIGN_IN")
        super().__init__(parent, controller, title, name=controller.last_name)

    def prove(self, prover: Prover, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        name = self.name.text().strip() if isinstance(prover, TypedPassword) else ""

        def in_now() -> None:
            self._controller.last_name = name
            done()

        self._controller.sign_in(prover, in_now, failed)


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
        self.offer_to_show(self.present, self.new, self.again)
        self.first = self.present

    def missing(self) -> str:
        if not self.present.text() or not self.new.text():
            return self.say("PASSWORD_RULE")
        return "" if self.new.text() == self.again.text() else self.say("PASSWORDS_DIFFER")

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        self._controller.change_password(self.present.text(), self.new.text(), done, failed)
