"""Takes a step with an alert: asks what it needs, sends it, and shows the result."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from cekalwatch.contract.values.adjudication import STEP_OUTCOMES, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.actions.alert_actions import Decision
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.step_dialogs import ConfirmDialog, FollowUpDialog, ReasonDialog, StepDialog
from cekalwatch.notifier.desktop.widgets.action_bar import ActionBar


class StepFlow(QObject):
    """One step at a time."""

    ended = Signal()
    """A question was answered or given up."""

    def __init__(self, controller: Controller, bar: ActionBar, window: QWidget) -> None:
        super().__init__(window)
        self._controller, self._bar, self._window = controller, bar, window
        self.dialog: StepDialog | None = None
        bar.cekal_online_asked.connect(self._open_cekal_online)
        controller.session_changed.connect(self._give_up)

    @property
    def asking(self) -> bool:
        """Whether a question is open."""
        return self.dialog is not None

    def begin(self, step: Step, alert: Alert) -> None:
        """Begin a step with the alert as it is on screen: ask what it needs, or do it."""
        if self.dialog:
            return
        formatter = self._controller.formatter
        take = partial(self._controller.take_step, alert)
        match step:
            case Step.CONFIRM:
                beside = self._controller.options(alert).beside(step)
                self._ask(ConfirmDialog(self._window, formatter, alert, take, beside=beside), alert)
            case Step.FOLLOW_UP:
                self._ask(FollowUpDialog(self._window, formatter, alert, take), alert)
            case _ if step in STEP_OUTCOMES:
                self._ask(ReasonDialog(self._window, formatter, step, alert, take), alert)
            case _:
                self._do(alert, Decision(step))

    def _ask(self, dialog: StepDialog, alert: Alert) -> None:
        self.dialog = dialog
        dialog.finished.connect(partial(self._answered, alert))
        dialog.open()

    def _answered(self, before: Alert, result: int) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog:
            dialog.deleteLater()
        if result:
            formatter, after = self._controller.formatter, self._controller.alert_cache.find(before.alert_id)
            question = formatter.next_candidate(before, after.alert) if after else ""
            if question:
                self._bar.tell(question, "error")
            else:
                self._tell_done(before.alert_id)
        self.ended.emit()

    def _give_up(self) -> None:
        """Close the dialog of a person who has signed out: nobody else may finish it in their name."""
        if self.dialog and self._controller.session is None:
            self.dialog.reject()

    def _do(self, alert: Alert, decision: Decision) -> None:
        self._bar.set_busy(busy=True)
        self._bar.tell(self._controller.formatter.say("WORKING"), "muted")

        def done() -> None:
            self._bar.set_busy(busy=False)
            self._tell_done(alert.alert_id)

        def failed(words: str) -> None:
            self._bar.set_busy(busy=False)
            self._bar.tell(words, "error")

        self._controller.take_step(alert, decision, done, failed)

    def _tell_done(self, alert_id: str) -> None:
        """Say that a step is recorded; not in green where the traveller is the person on the list."""
        shown = self._controller.alert_cache.find(alert_id)
        self._bar.tell(self._controller.formatter.say("DONE"), "warning" if shown and shown.alert.hit else "done")

    def _open_cekal_online(self) -> None:
        QDesktopServices.openUrl(QUrl(self._controller.settings.cekal_online_url))
