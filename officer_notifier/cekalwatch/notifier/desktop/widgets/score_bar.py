"""How far the score lies above the threshold: one of three plain words, and two numbers. No percentage: it is none."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from cekalwatch.notifier.desktop.widgets.basic import label
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.model.alert import Alert
from cekalwatch.notifier.model.score_levels import SCORE_LEVELS, score_level


class ScoreBar(QWidget):
    """As many blocks as the band is high, its word, and score and threshold behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.word = label(role="warning")
        self.numbers = label(role="muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.word)
        layout.addStretch(1)
        layout.addWidget(self.numbers)

    def show_score(self, notice: Alert, wording: AlertFormatter) -> None:
        """Show the alert's band."""
        own = score_level(notice.score, notice.threshold)
        height = SCORE_LEVELS.index(own) + 1
        self.word.setText(f"{'■' * height}{'□' * (len(SCORE_LEVELS) - height)}  {wording.say(own)}")
        numbers = wording.say(Phrase.SCORE, score=f"{notice.score:.2f}", threshold=f"{notice.threshold:.2f}")
        self.numbers.setText(f"{wording.say(Phrase.COLUMN_SCORE)}: {numbers}")
