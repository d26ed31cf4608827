"""Every state of the alert window, on screens of several sizes and scales, without a server.

    python -m tests.support.scenarios.window_states SCALE [FOLDER]

prints what does not fit, a line each; SCALE is Qt's scale factor, FOLDER takes pictures.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import shiboken6
from PySide6.QtCore import QPoint, QSize
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QScrollArea, QWidget

from cekalwatch.contract.values.adjudication import (
    AlertState,
    Look,
    Outcome,
    Reason,
    Step,
)
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.alerts import Alert, Candidate
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.dialogs.step_dialogs import (
    ConfirmDialog,
    FollowUpDialog,
    ReasonDialog,
    SecondSignatureDialog,
)
from cekalwatch.notifier.desktop.widgets.elements import TITLE_PX
from cekalwatch.notifier.desktop.widgets.theme import LIGHT, palette, style_sheet
from cekalwatch.notifier.desktop.widgets.undo_bar import Judged
from cekalwatch.notifier.desktop.windows.alert_window import AlertWindow
from cekalwatch.office.connection import Cause, Disconnected, Refusal
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.translations import Language
from tests.support.builders.jpegs import plain_jpeg
from tests.support.builders.notifier_alarms import make_alarm
from tests.support.builders.notifier_alerts import BUDI, FRESH, SITI, held_by, judged_by, make_alert, make_pictures
from tests.support.builders.notifier_alerts import session_of as session
from tests.support.fakes.alert_server import EPOCH
from tests.support.scenarios.lone_desk import LoneDesk, lone_desk

SCREENS = ((1366, 768), (1920, 1080))
"""Pixels of the screens that counters have."""
LEAST = (960, 540)
"""The smallest window that everything must fit, in logical pixels: 1920 × 1080 at 200 %."""

LEAST_FACES = 0.55
"""Which part of the window's height the faces have before the first look, at least."""
FACES = make_pictures(plain_jpeg(360, 480), plain_jpeg(360, 480), plain_jpeg(360, 480))
NAME = "MUHAMMAD ABDURRAHMAN WIJAYAKUSUMA SANTOSO"


def alert(state: AlertState = AlertState.NEW, **fields: object) -> Alert:
    """Return an alert with much to say: a long name, several sightings, three candidates, a history."""
    made = replace(make_alert(NAME), state=state)
    (first,) = made.sightings
    looks = tuple(Look(Outcome.REFERRED, one, EPOCH, 1, "S-001") for one in (BUDI, SITI))
    findings = judged_by(BUDI, Outcome.REFERRED, Reason.OTHER, "the scar on the chin, and the left ear").handling
    others = tuple(Candidate(f"S-{number}", 0.5, f"{NAME} {number}") for number in (2, 3))
    return replace(
        made,
        sightings=tuple(replace(first, capture_id=f"c-{number}") for number in range(12)),
        candidates=(*made.candidates, *others),
        handling=replace(findings, looks=looks) if state is not AlertState.NEW else made.handling,
        agencies_owed=("Kejaksaan Agung", "Komisi Pemberantasan Korupsi") if state is AlertState.CONFIRMED else (),
        asked_key="one",
        **fields,  # type: ignore[arg-type]  # fields of an alert
    )


class Stage:
    """One window at the beginning of each state."""

    def __init__(self, desk: LoneDesk) -> None:
        self.desk = desk
        desk.controller.clock.heard(EPOCH + timedelta(seconds=12))
        self.window = AlertWindow(desk.controller, desk.alarms)
        self.window.show()
        self.watched()

    def watched(self, fault: ReadinessFault | None = None) -> None:
        self.desk.controller.connected(FRESH, 1, Readiness(fault, ("3", "5", "7", "9")))

    def show(self, shown: Alert, *, supervisor: bool = False, pictures: bool = True) -> None:
        """Put an alert on screen, as an officer or a supervisor sees it."""
        self.desk.sit_down(session(SITI, PersonRole.SUPERVISOR) if supervisor else session(BUDI))
        self.desk.show(shown)
        self.window.open_alert(shown.alert_id)
        if pictures and self.desk.asked:
            self.desk.give(FACES)

    def ask(self, step: Step) -> None:
        """Put the question of a step beside the faces."""
        window, texts = self.window, self.desk.controller.formatter
        found = self.desk.controller.alert_cache.find(window.alert_id)
        assert found
        shown = found.alert
        question: FormDialog
        if step is Step.CONFIRM:
            question = ConfirmDialog(window, texts, shown, _nothing)
        elif step is Step.FOLLOW_UP:
            question = FollowUpDialog(window, texts, shown, _nothing)
        else:
            question = ReasonDialog(window, texts, step, shown, _nothing)
        self._put(question)

    def ask_second(self, *, look: bool) -> None:
        """Ask a supervisor to sign in beside the officer, or to look at the faces."""
        controller = self.desk.controller
        shown = controller.alert_cache.find(self.window.alert_id)
        assert shown
        question = SecondSignatureDialog(self.window, controller, shown.alert, lambda _: True)
        self._put(question)
        if look:
            question.ask_look()

    def _put(self, question: FormDialog) -> None:
        self.window.view.ask(question)
        question.submit()  # it says what is missing
        self.window.flow.dialog = question  # type: ignore[assignment]  # so that `clear` closes it

    def clear(self) -> None:
        """Take everything away."""
        if self.window.flow.dialog:
            self.window.flow.dialog.reject()
            self.window.flow.dialog = None
        self.window.undo.forget()
        self.desk.alarms.take(())
        self.desk.asked.clear()
        self.watched()
        self.window.view.action_bar.tell("", "muted")
        self.desk.controller.alert_cache.clear()


def _nothing(*_: object) -> None:
    """Send nothing."""


def _locked(stage: Stage) -> None:
    stage.desk.show(alert())
    stage.desk.controller.session = None
    stage.desk.controller.changed.emit()


def _blind(stage: Stage) -> None:
    details = {"reason": "NAME_NOT_ALLOWED"}
    stage.desk.alarms.take(
        tuple(make_alarm(AlarmKind.CAMERA_REJECTED, counter, details=details) for counter in ("3", "5", "7", "9"))
    )
    stage.watched(ReadinessFault.CAMERA)
    stage.show(alert())


def _refused(stage: Stage) -> None:
    stage.show(alert())
    stage.desk.controller.disconnected(Disconnected(Cause.REFUSED, Refusal("NAME_NOT_ALLOWED")))


def _judged(stage: Stage) -> None:
    first, second = alert(), replace(alert().before_look, alert_id=str(uuid.uuid4()))
    stage.show(second)
    texts = stage.desk.controller.formatter
    stage.window.undo.offer(Judged(first.alert_id, "S-001", Step.NOT_SAME), texts, texts.say("NEXT_FACE"))


def _told(stage: Stage) -> None:
    stage.show(held_by(BUDI, alert(AlertState.CLAIMED)))
    texts = stage.desk.controller.formatter
    stage.window.view.action_bar.tell(
        f"{texts.say('REFUSED_ALERT_CHANGED')} {texts.say('STILL_SENDING', count=3)}", "error"
    )


def _with_history(stage: Stage) -> None:
    stage.show(alert(AlertState.REFERRED), supervisor=True)
    stage.window.view.steps_so_far.setChecked(True)
    stage.window.view.score_bar.numbers.setChecked(True)


def _asked(step: Step, state: AlertState) -> Callable[[Stage], None]:
    def ask(stage: Stage) -> None:
        stage.show(held_by(BUDI, alert(state)) if state is AlertState.CLAIMED else alert(state), supervisor=True)
        stage.ask(step)

    return ask


def _second(*, look: bool) -> Callable[[Stage], None]:
    def ask(stage: Stage) -> None:
        stage.show(alert(AlertState.REFERRED))
        stage.ask_second(look=look)

    return ask


STATES: Mapping[str, Callable[[Stage], None]] = MappingProxyType(
    {
        "quiet": lambda stage: stage.desk.sit_down(session(BUDI)),
        "locked": _locked,
        "loading": lambda stage: stage.show(alert().before_look, pictures=False),
        "first look": lambda stage: stage.show(alert().before_look),
        "new": lambda stage: stage.show(alert(late=True)),
        "mine": lambda stage: stage.show(held_by(BUDI, alert(AlertState.CLAIMED))),
        "held": lambda stage: stage.show(held_by(SITI, alert(AlertState.CLAIMED), "pc-2")),
        "referred": lambda stage: stage.show(alert(AlertState.REFERRED)),
        "referred, supervisor": lambda stage: stage.show(alert(AlertState.REFERRED), supervisor=True),
        "with history and numbers": _with_history,
        "confirmed": lambda stage: stage.show(alert(AlertState.CONFIRMED), supervisor=True),
        "ended": lambda stage: stage.show(alert(AlertState.REFERRED, orders_ended_at=EPOCH)),
        "ground gone": lambda stage: stage.show(alert(AlertState.CONFIRMED, orders_ended_at=EPOCH)),
        "closed": lambda stage: stage.show(alert(AlertState.CLOSED)),
        "blind": _blind,
        "refused": _refused,
        "judged": _judged,
        "told": _told,
        "reason": _asked(Step.REFER, AlertState.CLAIMED),
        "not the same": _asked(Step.NOT_SAME, AlertState.CLAIMED),
        "clear": _asked(Step.CLEAR, AlertState.REFERRED),
        "confirm": _asked(Step.CONFIRM, AlertState.REFERRED),
        "follow-up": _asked(Step.FOLLOW_UP, AlertState.CONFIRMED),
        "second signature": _second(look=False),
        "second look": _second(look=True),
    }
)


def misfits(window: QWidget, size: QSize) -> list[str]:
    """Return what does not fit a window of that size: words that are cut, and buttons that are not all on screen."""
    found = [f"the window is {window.width()} × {window.height()}"] if window.size() != size else []
    shown = [one for one in window.findChildren(QLabel) if one.isVisible() and one.text()]
    found += [
        f"cut: {one.text()}"
        for one in shown
        if one.width() < one.minimumSizeHint().width()
        or one.height() < (one.heightForWidth(one.width()) if one.wordWrap() else one.minimumSizeHint().height())
        or (not _scrolled(one) and not _whole(one))
    ]
    for one in window.findChildren(QAbstractButton):
        if not one.isVisible():
            continue
        needed = one.minimumSizeHint()
        if one.width() < needed.width() or one.height() < needed.height():
            found.append(f"cut: {one.text()}")
        elif not _whole(one) and not _scrolled(one):
            found.append(f"outside: {one.text()}")
    return found


def _whole(one: QWidget) -> bool:
    return one.visibleRegion().boundingRect() == one.rect()


def _scrolled(one: QWidget) -> bool:
    """Whether a person can bring it into view."""
    parent = one.parentWidget()
    while parent:
        if isinstance(parent, QScrollArea) and (inside := parent.widget()):
            return one.mapTo(inside, QPoint()).x() >= 0 and parent.viewport().width() >= inside.width()
        parent = parent.parentWidget()
    return False


def sizes(scale: float) -> Iterator[QSize]:
    """Yield the rooms for a window on screens that counters have, in logical pixels."""
    for width, height in SCREENS:
        wide, high = int(width / scale), int(height / scale)
        if (wide, high) >= LEAST:
            yield QSize(wide, high - TITLE_PX)


def _settled(app: QApplication) -> None:
    for _ in range(6):  # Qt does layouts between events, some of them after others
        QTest.qWait(4)
        app.processEvents()


def walk(scale: float, pictures: Path | None) -> Iterator[str]:
    """Show every state in both languages on every screen, and yield what does not fit."""
    os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": f"{scale}"}
    app = QApplication([])
    app.setStyle("Fusion")
    app.setPalette(palette(LIGHT))
    app.setStyleSheet(style_sheet(LIGHT, 1.0))
    for language in Language:
        with tempfile.TemporaryDirectory() as folder, lone_desk(Path(folder), language) as desk:
            stage = Stage(desk)
            for name, begin in STATES.items():
                begin(stage)
                for size in sizes(scale):
                    stage.window.resize(size)
                    _settled(app)
                    yield from (
                        f"{name}, {language}, {size.width()} × {size.height()} at {scale:.0%}: {one}"
                        for one in misfits(stage.window, size)
                    )
                    faces = stage.window.view.comparison
                    if name == "first look" and faces.height() < LEAST_FACES * size.height():
                        yield f"the faces are {faces.width()} × {faces.height()} of {size.width()} × {size.height()}"
                    if pictures:
                        stage.window.grab().save(str(pictures / f"{name}-{language}-{size.width()}.png"))
                stage.clear()
            shiboken6.delete(stage.window)


if __name__ == "__main__":
    configure_logs("error")
    kept = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    for line in walk(float(sys.argv[1]), kept):
        print(line)  # noqa: T201  # its result
