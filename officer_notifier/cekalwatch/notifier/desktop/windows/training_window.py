"""Practice with two faces, for who starts: the keys of work, feedback after each pair, and the result at the end.

It has nothing of a traveller or of a list. An alert closes it, and what it counted is forgotten with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace
from cekalwatch.notifier.desktop.dialogs.step_flow import KEYS
from cekalwatch.notifier.desktop.widgets.comparison import Comparison
from cekalwatch.notifier.desktop.widgets.elements import button, fit, label, message, row, set_role
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.training.pairs import FacePair
from cekalwatch.notifier.training.practice import ANSWERS, Practice

ZOOM_KEYS = ("+", "-", "0")


class TrainingWindow(QMainWindow):
    """One practice, from its first pair to its result."""

    closed = Signal()

    def __init__(self, texts: NotifierTexts, pairs: tuple[FacePair, ...]) -> None:
        super().__init__()
        self._say = texts.say
        self._texts = texts
        self._began_s = time.monotonic()
        self.practice = Practice(pairs)
        self.title = label(role="title", wrap=True)
        self.comparison = Comparison()
        self.feedback = message()
        self.result = label(wrap=True)
        self.result.hide()
        say = texts.say
        self.answers = {
            step: button(f"{say('TRAINING_SAME') if step is Step.REFER else say(f'STEP_{step}')}   {KEYS[step]}")
            for step in ANSWERS
        }
        self.next = button(say("TRAINING_NEXT"), "main")
        for step, one in self.answers.items():
            one.clicked.connect(partial(self.take, step))
            self._on(KEYS[step], partial(self.take, step))
        self.next.clicked.connect(self.go_on)
        for key in ("Return", "Enter"):
            self._on(key, self.go_on)
        for key, act in zip(
            ZOOM_KEYS, (self.comparison.larger, self.comparison.smaller, self.comparison.fit), strict=True
        ):
            self._on(key, act)
        page = QWidget()
        page.setObjectName("page")
        layout = QVBoxLayout(page)
        layout.addWidget(self.title)
        layout.addWidget(self.comparison, 1)
        layout.addWidget(self.result, 1, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.feedback)
        layout.addLayout(row(*self.answers.values(), None, self.next))
        self.setCentralWidget(page)
        self.setWindowTitle(say("WINDOW_TRAINING"))
        fit(self, 1180, 720)
        self._show()

    def take(self, step: Step) -> None:
        """Take an answer, and say at once whether it was right."""
        pair = self.practice.pair
        if pair is None or self.practice.answer is not None:
            return
        self.practice.take(step)
        right = step is (Step.REFER if pair.same else Step.NOT_SAME)
        if pair.same:
            words = self._say("TRAINING_RIGHT_SAME") if right else self._say("TRAINING_WAS_SAME")
        else:
            words = self._say("TRAINING_RIGHT_OTHER") if right else self._say("TRAINING_WAS_OTHER")
        self.feedback.setText(words)
        self.feedback.setAccessibleName(words)
        set_role(self.feedback, "done" if right else "warning")
        self.feedback.show()
        self._offer(answered=True)
        self.next.setFocus()

    def go_on(self) -> None:
        """Show the next pair, or the result; after the result, close."""
        if self.practice.pair is None:
            self.close()
            return
        if self.practice.answer is not None:
            self.practice.go_on()
            self._show()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  # Qt's name
        """Forget the pictures and the answers."""
        self.comparison.forget()
        super().closeEvent(event)
        self.closed.emit()

    def _show(self) -> None:
        self.feedback.hide()
        pair, say = self.practice.pair, self._say
        if pair is None:
            self._show_result()
            return
        self.title.setText(
            f"{say('TRAINING_PAIR', number=self.practice.number, count=self.practice.count)} {say('TRAINING_ASK')}"
        )
        pictures = AlertPictures(pair.one, (ReferenceFace("", "", FaceFigures(), jpeg=pair.other),))
        self.comparison.show_pictures(pictures, self._texts, another=True)
        self.comparison.name_probe(say("TRAINING_PICTURE"))
        self._offer(answered=False)

    def _offer(self, *, answered: bool) -> None:
        for one in self.answers.values():
            one.setEnabled(not answered)
        self.next.setVisible(answered)

    def _show_result(self) -> None:
        say, same, others = self._say, self.practice.score(same=True), self.practice.score(same=False)
        took = self._texts.duration(timedelta(seconds=time.monotonic() - self._began_s))
        self.title.setText(say("TRAINING_OVER"))
        self.result.setText(
            "\n\n".join(
                (
                    say("TRAINING_OF_SAME", right=same.right, count=same.asked, undecided=same.undecided),
                    say("TRAINING_OF_OTHERS", right=others.right, count=others.asked, undecided=others.undecided),
                    say("TRAINING_TOOK", duration=took),
                    say("TRAINING_FIELD"),
                    say("TRAINING_PRIVATE"),
                )
            )
        )
        self.comparison.forget()
        self.comparison.hide()
        self.result.show()
        for one in self.answers.values():
            one.hide()
        self.next.setText(say("TRAINING_CLOSE"))
        self.next.setVisible(True)
        self.next.setFocus()

    def _on(self, key: str, act: Callable[[], None]) -> None:
        shortcut = QShortcut(QKeySequence(key), self, context=Qt.ShortcutContext.WindowShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(act)
