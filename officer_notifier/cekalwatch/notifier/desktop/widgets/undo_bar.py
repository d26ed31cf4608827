"""The line with which a judgement can be undone for ten seconds, whatever alert is on the screen by then."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from cekalwatch.contract.values.adjudication import UNDO_FOR, Step
from cekalwatch.notifier.desktop.widgets.elements import button, label, set_role
from cekalwatch.notifier.locale.texts import NotifierTexts

UNDO_KEY = "Ctrl+Z"
_EVERY_MS = 250


@dataclass(frozen=True)
class Judged:
    """A judgement that was recorded a moment ago."""

    alert_id: str
    subject_id: str
    """Key of the candidate that was judged."""
    step: Step


class UndoBar(QWidget):
    """Hidden unless there is something to undo. It names nobody: the next alert's first look comes before all names."""

    asked = Signal(Judged)

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self.judged: Judged | None = None
        self._until_s = 0.0
        self._formatter: NotifierTexts | None = None
        self._question = ""
        self.words = label(wrap=True)
        self.words.setMargin(8)
        self.button = button("")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it has a key; Space is meant for the next alert
        self.button.clicked.connect(self.ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 6)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.button)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._count)
        self.hide()

    def offer(self, judged: Judged, formatter: NotifierTexts, question: str = "") -> None:
        """Offer to undo a judgement from now on, in place of the one before; `question` is what comes next."""
        self.judged, self._formatter, self._question = judged, formatter, question
        self._until_s = self._monotonic_s() + UNDO_FOR.total_seconds()
        self.button.setText(formatter.say("UNDO", key=UNDO_KEY))
        self.button.setEnabled(True)
        set_role(self.words, "notice" if question else "done")
        self._count()
        self._timer.start()
        self.show()

    def forget(self) -> None:
        self.judged = None
        self._timer.stop()
        self.hide()

    def ask(self) -> None:
        """Ask to undo it, once."""
        if self.judged and self.button.isEnabled():
            self.button.setEnabled(False)
            self.asked.emit(self.judged)

    def fail(self, words: str) -> None:
        self._timer.stop()
        self.words.setText(words)
        set_role(self.words, "error")

    def _count(self) -> None:
        left_s = self._until_s - self._monotonic_s()
        if self.judged is None or self._formatter is None or left_s <= 0:
            self.forget()
            return
        say = self._formatter.say
        words = say("JUDGED_NOW", step=say(f"STEP_{self.judged.step}"), count=math.ceil(left_s))
        self.words.setText(f"{words} {self._question}".strip())
