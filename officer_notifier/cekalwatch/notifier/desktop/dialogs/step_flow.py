"""The steps with an alert: a button for each, what a step needs is asked for, it is sent, and the result is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from cekalwatch.contract.values.adjudication import JUDGEMENTS, STEP_OUTCOMES, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.actions.alert_actions import Decision
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import SLOW_MS, still_sending
from cekalwatch.notifier.desktop.dialogs.step_dialogs import (
    ConfirmDialog,
    FollowUpDialog,
    ReasonDialog,
    ReferenceDialog,
    SecondSignatureDialog,
    StepDialog,
)
from cekalwatch.notifier.desktop.widgets.elements import button, clear, label, message, set_role
from cekalwatch.office.alerts import Options
from cekalwatch.office.locale.alert_formatting import AlertFormatter

KEYS: Mapping[Step, str] = MappingProxyType(
    {
        Step.CLAIM: "F2",
        Step.RELEASE: "F3",
        Step.REFER: "F5",
        Step.NOT_SAME: "F6",
        Step.CANNOT_TELL: "F7",
        Step.CONFIRM: "F8",
        Step.CLEAR: "F9",
        Step.TAKE_OVER: "F11",
        Step.ENTER_REFERENCE: "Shift+F8",
        Step.TAKE_BACK: "Shift+F9",
        Step.FOLLOW_UP: "F10",
        Step.CLOSE: "F12",
    }
)
"""Function keys: no text that somebody types into another window contains them."""
_MAIN = frozenset({Step.CLAIM, Step.REFER, Step.CONFIRM, Step.ENTER_REFERENCE, Step.FOLLOW_UP})
CEKAL_ONLINE_KEY = "F4"


class ActionBar(QWidget):
    """The buttons of the possible steps, each with its key, and the result of the last step."""

    asked = Signal(Step, bool)
    """A step is wanted, and whether by the mouse."""
    cekal_online_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._message = message()
        self._why = label(role="muted", wrap=True)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._message)
        layout.addLayout(self._buttons)
        layout.addWidget(self._why)
        self.steps: dict[Step, QPushButton] = {}
        self._shown: object = None
        self._options = Options(MappingProxyType({}))
        self._busy = False
        self._closed: frozenset[Step] = frozenset()
        self._by_mouse = False
        self._told: int | None = None
        for step, key in KEYS.items():
            shortcut = QShortcut(QKeySequence(key), self, context=Qt.ShortcutContext.WindowShortcut)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(lambda step=step: self._ask(step))
        QShortcut(QKeySequence(CEKAL_ONLINE_KEY), self).activated.connect(self._ask_cekal_online)
        self._cekal_online: QPushButton | None = None

    @property
    def message(self) -> str:
        """The message about the last step; empty when there is none."""
        return "" if self._message.isHidden() else self._message.text()

    @property
    def role(self) -> str:
        """The kind of the message; see `tell`."""
        return str(self._message.property("role"))

    def show_options(self, alert: Alert, options: Options, formatter: AlertFormatter, *, cekal_online: bool) -> None:
        """Show the steps of the alert's state; `cekal_online`: its button comes first."""
        self._options = options
        if self._told is not None and alert.version > self._told:
            self.tell("", "muted")
        wanted = (tuple(options.steps.items()), formatter.language, cekal_online, alert.look_needed)
        if wanted != self._shown:
            self._shown = wanted
            self._build(alert, options, formatter, cekal_online=cekal_online)
        self._why.setText("  ".join(formatter.hindrances(options, alert)))
        self._why.setVisible(bool(self._why.text()))
        self._enable()

    def close_steps(self, steps: frozenset[Step]) -> None:
        """Take none of these steps for the time being."""
        self._closed = steps
        self._enable()

    def tell(self, words: str, role: str, version: int | None = None) -> None:
        """Show the result of a step: `role` is `done`, `warning`, `error` or `muted`.

        It goes when another version of the alert than `version` comes: that was not the person's step.
        """
        self._told = version
        self._message.setText(words)
        set_role(self._message, role)
        self._message.setVisible(bool(words))

    def set_busy(self, *, busy: bool) -> None:
        """Allow no other step while one is under way."""
        self._busy = busy
        self._enable()

    def _enable(self) -> None:
        for step, one in self.steps.items():
            one.setEnabled(self._can(step))

    def _can(self, step: Step) -> bool:
        return self._options.can(step) and step not in self._closed and not self._busy

    def _build(self, alert: Alert, options: Options, formatter: AlertFormatter, *, cekal_online: bool) -> None:
        page = self.parentWidget()
        if page and any(one.hasFocus() for one in self.steps.values()):
            page.setFocus()  # no other button gets the keyboard by itself
        clear(self._buttons)
        self._cekal_online = None
        self.steps = {}
        if cekal_online:
            self._cekal_online = button(f"{formatter.say('OPEN_CEKAL_ONLINE')}\n{CEKAL_ONLINE_KEY}")
            self._cekal_online.clicked.connect(self._ask_cekal_online)
            self._buttons.addWidget(self._cekal_online)
        for step in options.steps:
            words, arrow, then = formatter.step(step, alert).partition(" → ")
            text = f"{words}\n→ {then} {KEYS[step]}" if arrow else f"{words}\n{KEYS[step]}"
            # No answer of a first look stands out.
            made = button(text, "main" if step in _MAIN and not alert.look_needed else "")
            made.pressed.connect(self._pressed)
            made.clicked.connect(lambda _=False, step=step: self._ask(step, by_mouse=self._by_mouse))
            self.steps[step] = made
            self._buttons.addWidget(made)
        self._buttons.addStretch(1)

    def _pressed(self) -> None:
        self._by_mouse = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton

    def _ask(self, step: Step, *, by_mouse: bool = False) -> None:
        if self._can(step) and self.isVisible():
            self.asked.emit(step, by_mouse)

    def _ask_cekal_online(self) -> None:
        if self._cekal_online and self.isVisible():
            self.cekal_online_asked.emit()


class StepFlow(QObject):
    """One step at a time."""

    began = Signal()
    """A supervisor comes to the officer's side."""
    ended = Signal()
    """A question was answered or given up."""
    judged = Signal(Alert, Step)
    """The judgement of an alert, as it was before that, is recorded."""

    def __init__(
        self,
        controller: Controller,
        bar: ActionBar,
        window: QWidget,
        put: Callable[[QDialog], object],
        can_look: Callable[[Step], bool],
    ) -> None:
        """`put` shows a question in the window; `can_look`: whether that can be found of the faces."""
        super().__init__(window)
        self._controller, self._bar, self._window, self._put = controller, bar, window, put
        self._can_look = can_look
        self.dialog: StepDialog | SecondSignatureDialog | None = None
        bar.cekal_online_asked.connect(self._open_cekal_online)
        controller.session_changed.connect(self._give_up)

    @property
    def asking(self) -> bool:
        return self.dialog is not None

    def begin(self, step: Step, alert: Alert) -> None:
        """Begin a step with the alert as it is on screen: ask for its inputs, or carry it out."""
        if self.dialog:
            return
        formatter = self._controller.formatter
        take = partial(self._take, alert)
        match step:
            case _ if alert.look_needed and step in JUDGEMENTS:
                self._do(alert, Decision(step, first_look=True))
            case Step.ENTER_REFERENCE:
                self._ask(ReferenceDialog(self._window, formatter, step, alert, take), alert)
            case Step.CONFIRM:
                if self._controller.options(alert).beside(step):
                    self._ask_beside(alert)
                else:
                    self._ask(ConfirmDialog(self._window, formatter, alert, take), alert)
            case Step.FOLLOW_UP:
                self._ask(FollowUpDialog(self._window, formatter, alert, take), alert)
            case _ if step in STEP_OUTCOMES:
                self._ask(ReasonDialog(self._window, formatter, step, alert, take), alert)
            case _:
                self._do(alert, Decision(step))

    @property
    def looking_beside(self) -> bool:
        """Whether a supervisor beside the officer is to see two faces, place and time, and nothing else."""
        return isinstance(self.dialog, SecondSignatureDialog)

    def _ask_beside(self, alert: Alert) -> None:
        """Let a supervisor sign in and look at the faces, and then confirm."""
        self.dialog = dialog = SecondSignatureDialog(self._window, self._controller, alert, self._can_look)
        dialog.finished.connect(partial(self._signed_beside, alert))
        self._put(dialog)
        self.began.emit()

    def _signed_beside(self, alert: Alert, result: int) -> None:
        dialog, self.dialog = self.dialog, None
        signature = dialog.signature if isinstance(dialog, SecondSignatureDialog) else None
        if dialog:
            dialog.deleteLater()
        if signature and result:
            take = partial(self._take, alert)
            confirm = ConfirmDialog(self._window, self._controller.formatter, alert, take, signature)
            confirm.finished.connect(lambda _: self._controller.leave_beside(signature))
            self._ask(confirm, alert)
        elif signature:
            self._controller.leave_beside(signature)
        self.ended.emit()

    def _ask(self, dialog: StepDialog, alert: Alert) -> None:
        self.dialog = dialog
        dialog.finished.connect(partial(self._answered, alert))
        self._put(dialog)

    def _answered(self, before: Alert, result: int) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog:
            dialog.deleteLater()
        if result:
            if isinstance(dialog, StepDialog) and dialog.step in JUDGEMENTS:
                self.judged.emit(before, dialog.step)
            else:
                self._tell_done(before)
        self.ended.emit()

    def _give_up(self) -> None:
        """Close the dialog of a person who signed out: nobody else may finish it in their name."""
        if self.dialog and self._controller.session is None:
            self.dialog.reject()

    def _do(self, alert: Alert, decision: Decision) -> None:
        self._bar.tell(self._controller.formatter.say("WORKING"), "muted")
        slow = QTimer(self)
        slow.setSingleShot(True)
        slow.timeout.connect(lambda: self._bar.tell(still_sending(self._controller.formatter), "warning"))
        slow.start(SLOW_MS)

        def done() -> None:
            slow.stop()
            if decision.first_look:  # the line above the steps says what was found
                self._bar.tell("", "muted")
            else:
                self._tell_done(alert)

        def failed(words: str) -> None:
            slow.stop()
            self._bar.tell(words, "error")

        self._take(alert, decision, done, failed)

    def _take(
        self, alert: Alert, decision: Decision, done: Callable[[], object], failed: Callable[[str], object]
    ) -> None:
        """Send a decision; until it is answered no other begins. If its question was closed, the bar says the end."""
        asked = self.dialog
        self._bar.set_busy(busy=True)

        def ended(tell: Callable[[], object], otherwise: Callable[[], object]) -> None:
            self._bar.set_busy(busy=False)
            if asked is None or not asked.closed:
                tell()
            elif not self.dialog:
                otherwise()

        def taken() -> None:
            ended(done, lambda: self._tell_done(alert))

        def refused(words: str) -> None:
            ended(lambda: failed(words), lambda: self._bar.tell(words, "error"))

        self._controller.take_step(alert, decision, taken, refused)

    def _tell_done(self, before: Alert) -> None:
        """Say that a step is recorded, or what is asked next; not in green where the traveller is the listed person."""
        shown, formatter = self._controller.alert_cache.find(before.alert_id), self._controller.formatter
        if shown and (question := formatter.next_candidate(before, shown.alert)):
            self._bar.tell(question, "notice")
            return
        role = "warning" if shown and shown.alert.hit else "done"
        self._bar.tell(formatter.say("DONE"), role, shown.alert.version if shown else None)

    def _open_cekal_online(self) -> None:
        QDesktopServices.openUrl(QUrl(self._controller.settings.cekal_online_url))
