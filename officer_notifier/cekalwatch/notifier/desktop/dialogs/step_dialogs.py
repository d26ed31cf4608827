"""The questions before a step is recorded: why, which reference number, which contact with the agency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

from PySide6.QtCore import QDate, QDateTime, QLocale, QTime
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QDateTimeEdit, QPushButton, QVBoxLayout, QWidget

from cekalwatch.contract.values.adjudication import MAX_NOTE, FollowUp, Reason, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.actions.alert_actions import Decision, SecondSignature
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog, text_of
from cekalwatch.notifier.desktop.dialogs.sign_in_dialogs import ProofDialog
from cekalwatch.notifier.desktop.widgets.elements import Choice, ChoiceBox, TickBox, button, label
from cekalwatch.notifier.signing_in.browser_sign_in import Prover
from cekalwatch.office.alerts import reasons
from cekalwatch.office.locale.alert_formatting import AlertFormatter
from cekalwatch.program.translations import Language

_LOCALES = MappingProxyType(
    {Language.ID: QLocale(QLocale.Language.Indonesian), Language.EN: QLocale(QLocale.Language.English)}
)
DATE_MARGIN_PX = 8
"""Space before the first character of a date."""

TakeStep = Callable[[Decision, Callable[[], object], Callable[[str], object]], object]
"""Carries a decision out, then calls the first function once it is recorded, or the second with the reason."""


class StepDialog(FormDialog):
    """A question whose answer is a decision about an alert. It is a part of the window, beside the faces."""

    def __init__(
        self, parent: QWidget | None, formatter: AlertFormatter, step: Step, alert: Alert, take: TakeStep
    ) -> None:
        title = f"{formatter.say(f'STEP_{step}')}: {formatter.subject_name(alert)}"
        super().__init__(parent, formatter, title, formatter.say("BUTTON_SAVE"))
        self.become_part()
        self.step = step
        self._take = take

    def decision(self) -> Decision:
        raise NotImplementedError  # Qt's metaclass cannot be that of an abstract class as well

    def send(self, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        self._take(self.decision(), done, failed)


class ReasonDialog(StepDialog):
    """Asks for a reason and a note. A digit chooses a reason, Enter records it; no reason is chosen at the
    beginning."""

    def __init__(
        self, parent: QWidget | None, formatter: AlertFormatter, step: Step, alert: Alert, take: TakeStep
    ) -> None:
        super().__init__(parent, formatter, step, alert, take)
        self.reasons = reasons(step, alert)
        self._group = QButtonGroup(self)
        column = QVBoxLayout()
        for number, reason in enumerate(self.reasons):
            choice = Choice(f"{number + 1}  {formatter.reason_to_choose(reason)}")
            self._group.addButton(choice, number)
            column.addWidget(choice)
            QShortcut(QKeySequence(str(number + 1)), self).activated.connect(choice.click)
        self.first = self._group.button(0)
        self.note_field = self.note()
        self.form.addRow(label(self.say("ASK_REASON"), "label"), column)
        self.ask(self.say("ASK_NOTE"), self.note_field)

    @property
    def reason(self) -> Reason | None:
        """The chosen reason; None before a person chose one."""
        chosen = self._group.checkedId()
        return self.reasons[chosen] if chosen >= 0 else None

    def choose(self, reason: Reason) -> None:
        self._group.button(self.reasons.index(reason)).setChecked(True)

    def missing(self) -> str:
        if self.reason is None:
            return self.say("CHOOSE_REASON")
        note = text_of(self.note_field)
        wrong = len(note) > MAX_NOTE or (self.reason is Reason.OTHER and not note)
        return self.say("REFUSED_NOTE_INVALID") if wrong else ""

    def decision(self) -> Decision:
        if (reason := self.reason) is None:
            raise ValueError("no reason is chosen")
        return Decision(self.step, reason, text_of(self.note_field))


class ReferenceDialog(StepDialog):
    """Asks for the reference number of Cekal Online."""

    def __init__(
        self, parent: QWidget | None, formatter: AlertFormatter, step: Step, alert: Alert, take: TakeStep
    ) -> None:
        super().__init__(parent, formatter, step, alert, take)
        self.reference = self.line()
        self.note_field = self.note()
        self.ask(self.say("ASK_REFERENCE"), self.reference)
        self.ask(self.say("ASK_NOTE"), self.note_field)
        self.first = self.reference

    def missing(self) -> str:
        if not self.reference.text().strip():
            return self.say("REFUSED_REFERENCE_INVALID")
        return self.say("REFUSED_NOTE_INVALID") if len(text_of(self.note_field)) > MAX_NOTE else ""

    def decision(self) -> Decision:
        return Decision(
            self.step,
            Reason.LISTED_IN_CEKAL_ONLINE,
            text_of(self.note_field),
            reference=self.reference.text().strip().upper(),
        )


class SecondSignatureDialog(ProofDialog):
    """Asks a supervisor beside the officer to prove who they are, and then, where they have not looked yet, what they
    find of the two faces; it ends with `signature`."""

    def __init__(
        self, parent: QWidget | None, controller: Controller, alert: Alert, can_look: Callable[[Step], bool]
    ) -> None:
        """`can_look`: whether a finding may be chosen now; both faces must be on screen, except for "cannot tell"."""
        formatter = controller.formatter
        super().__init__(parent, controller, formatter.say(f"STEP_{Step.CONFIRM}"), formatter.say("ASK_SUPERVISOR"))
        self._can_look = can_look
        self.become_part()
        self._alert = alert
        self.signature: SecondSignature | None = None
        self.looks: dict[Step, QPushButton] = {}

    def missing(self) -> str:
        return self.say("ASK_SUPERVISOR") if super().missing() else ""

    def prove(self, prover: Prover, done: Callable[[], object], failed: Callable[[str], object]) -> None:
        def signed(signature: SecondSignature) -> None:
            if self.closed:
                self._controller.leave_beside(signature)
                return
            if hindrance := signature.hindrance(self._alert):
                self._controller.leave_beside(signature)
                failed(self.formatter.hindrance(hindrance, self._alert))
                return
            self.signature = signature
            if signature.must_look(self._alert):
                self.ask_look()
            else:
                done()

        self._controller.sign_beside(prover, signed, failed)

    def ask_look(self) -> None:
        """Ask what they find of the two faces, in place of who they are."""
        self.fields = ()
        while self.form.rowCount():
            self.form.removeRow(0)
        self.problem.hide()
        self.send_button.hide()
        self.form.addRow(label(self.say("LOOK_HINT"), "muted", wrap=True))
        for step in (Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL):
            self.looks[step] = button(self.say(f"AT_SIGHT_{step}"))
            self.looks[step].clicked.connect(partial(self._look, step))
            self.form.addRow(self.looks[step])
        self.first = self.looks[Step.REFER]
        self.first.setFocus()

    def _look(self, step: Step) -> None:
        if not self._can_look(step):
            self._failed(self.say("PICTURES_LOADING"))
        elif self.signature:
            self._controller.look_beside(self._alert, step, self.signature, self.accept, self._failed)


class ConfirmDialog(ReferenceDialog):
    """Asks for the reference number of Cekal Online, or that it cannot be reached."""

    def __init__(
        self,
        parent: QWidget | None,
        formatter: AlertFormatter,
        alert: Alert,
        take: TakeStep,
        signature: SecondSignature | None = None,
    ) -> None:
        """`signature`: of a supervisor at the side of the signed-in person."""
        super().__init__(parent, formatter, Step.CONFIRM, alert, take)
        self.central_system_down = TickBox(self.say("REASON_CENTRAL_SYSTEM_DOWN"))
        self.central_system_down.toggled.connect(self.reference.setDisabled)
        self.form.insertRow(1, self.central_system_down)
        self.signature = signature

    def missing(self) -> str:
        if self.central_system_down.isChecked() and len(text_of(self.note_field)) <= MAX_NOTE:
            return ""
        return super().missing()

    def decision(self) -> Decision:
        asked = replace(super().decision(), supervisor=self.signature)
        if not self.central_system_down.isChecked():
            return asked
        return replace(asked, reason=Reason.CENTRAL_SYSTEM_DOWN, reference="")


class FollowUpDialog(StepDialog):
    """Asks for a contact with an agency, and its result; it offers those that must still be told."""

    def __init__(self, parent: QWidget | None, formatter: AlertFormatter, alert: Alert, take: TakeStep) -> None:
        super().__init__(parent, formatter, Step.FOLLOW_UP, alert, take)
        self.agencies, self.agency = ChoiceBox(), self.line()
        self.agencies.setEditable(True)
        self.agencies.setLineEdit(self.agency)
        self.agencies.addItems(alert.agencies)
        self.contact = self.line()
        self.outcome = self.note()
        # The clock of the site, which may not be that of this PC.
        now = datetime.now(formatter.zone)
        site_time = QDateTime(QDate(now.year, now.month, now.day), QTime(now.hour, now.minute))
        self.when = QDateTimeEdit(site_time)
        self.when.setLocale(_LOCALES[formatter.language])
        self.when.setDisplayFormat("d MMMM yyyy HH:mm")
        # A style sheet's padding does not move the text of such a field, and its border covers the first character.
        self.when.lineEdit().setTextMargins(DATE_MARGIN_PX, 0, 0, 0)
        self.when.setMaximumDateTime(site_time.addSecs(60))
        for title, field in (
            (self.say("ASK_AGENCY"), self.agencies),
            (self.say("ASK_CONTACT"), self.contact),
            (self.say("ASK_WHEN", zone=f"{now:%Z}"), self.when),
            (self.say("ASK_RESULT"), self.outcome),
        ):
            self.ask(title, field)
        self.first = self.contact

    def missing(self) -> str:
        texts = (self.agency.text().strip(), self.contact.text().strip(), text_of(self.outcome))
        return "" if all(0 < len(text) <= MAX_NOTE for text in texts) else self.say("REFUSED_NOTE_INVALID")

    def decision(self) -> Decision:
        chosen = self.when.dateTime().toPython()
        moment = chosen.replace(tzinfo=self.formatter.zone)  # type: ignore[attr-defined]  # the stubs say object
        return Decision(
            Step.FOLLOW_UP,
            follow_up=FollowUp(
                agency=self.agency.text().strip(),
                contact=self.contact.text().strip(),
                result=text_of(self.outcome),
                contacted_at=moment.astimezone(UTC),
            ),
        )
