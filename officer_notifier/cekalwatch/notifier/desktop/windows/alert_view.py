"""One alert, large: pictures, facts, sightings, other candidates, and what can be done next."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cekalwatch.notifier.desktop.widgets.action_bar import ActionBar
from cekalwatch.notifier.desktop.widgets.basic import FactsPanel, label, panel
from cekalwatch.notifier.desktop.widgets.comparison import Comparison
from cekalwatch.notifier.desktop.widgets.score_bar import ScoreBar
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter, Fact
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.model.alert import Alert, Shown
from cekalwatch.notifier.model.steps import Options

_MAX_ORDERS = 4
_SIGHTINGS_IN_STRIP = 8


class AlertView(QWidget):
    """The page of the alert window that shows an alert."""

    def __init__(self) -> None:
        super().__init__()
        self.comparison = Comparison()
        self.band = ScoreBar()
        self.action_bar = ActionBar()
        self.name = label(role="name", wrap=True)
        self.late = label(role="warning", wrap=True)
        self.subject, self.passage, self.history, self.candidates = (FactsPanel() for _ in range(4))
        self.orders = [FactsPanel() for _ in range(_MAX_ORDERS)]
        self._sightings_title = label(role="title")
        self._sightings = QHBoxLayout()
        self._sightings.setSpacing(8)
        self.strip = [label(role="muted") for _ in range(_SIGHTINGS_IN_STRIP)]
        for one in self.strip:
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._sightings.addWidget(one)
        self._sightings.addStretch(1)
        self._verify = label(role="muted", wrap=True)
        self._alert_id = ""

        pictures = QVBoxLayout()
        pictures.addWidget(self.comparison, 1)
        pictures.addWidget(self.band)
        pictures.addWidget(self._sightings_title)
        pictures.addLayout(self._sightings)

        column = QWidget()
        column.setObjectName("column")
        facts = QVBoxLayout(column)
        facts.setContentsMargins(0, 0, 4, 0)
        facts.setSpacing(8)
        for part in (self.name, self.late, self.history, self.subject, *self.orders, self.passage, self.candidates):
            facts.addWidget(part)
        facts.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(400)
        scroll.setWidget(column)

        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(panel(pictures), 3)
        middle.addWidget(scroll, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.addLayout(middle, 1)
        layout.addWidget(self.action_bar)
        layout.addWidget(self._verify)

    def show_alert(self, shown: Shown, options: Options, wording: AlertFormatter, *, cekal_online: bool) -> None:
        """Show an alert as it stands now."""
        notice, say = shown.notice, wording.say
        another = notice.alert_id != self._alert_id
        self._alert_id = notice.alert_id
        if another:
            self.action_bar.tell("", "muted")
        self.comparison.show_pictures(shown.images, wording, another=another)
        self.band.show_score(notice, wording)
        self.name.setText(notice.subject.name or say(Phrase.UNKNOWN))
        self.late.setText(say(Phrase.LATE))
        self.late.setVisible(notice.late)
        self.subject.show_facts(say(Phrase.SUBJECT_TITLE), wording.subject(notice))
        for number, one in enumerate(self.orders):
            facts = wording.order(notice.orders[number]) if number < len(notice.orders) else ()
            one.show_facts(say(Phrase.ORDER_TITLE), facts)
        self.passage.show_facts(say(Phrase.PASSAGE_TITLE), [fact for fact in wording.passage(notice) if fact.label])
        self.history.show_facts(say(Phrase.HISTORY_TITLE), wording.history(notice))
        self.candidates.show_facts(say(Phrase.OTHER_CANDIDATES), _others(notice, wording))
        self._show_sightings(notice, wording)
        self.action_bar.show_options(notice, options, wording, cekal_online=cekal_online)
        self._verify.setText(say(Phrase.VERIFY))

    def _show_sightings(self, notice: Alert, wording: AlertFormatter) -> None:
        self._sightings_title.setText(wording.say(Phrase.SIGHTINGS_TITLE, count=len(notice.sightings)))
        newest = notice.sightings[-_SIGHTINGS_IN_STRIP:]
        for number, one in enumerate(self.strip):
            one.setVisible(number < len(newest))
            if number < len(newest):
                sighting = newest[number]
                place = wording.say(Phrase.COUNTER, counter=sighting.counter)
                one.setText(f"{wording.clock(sighting.captured_at)}\n{place}\n{sighting.score:.2f}")


def _others(notice: Alert, wording: AlertFormatter) -> tuple[Fact, ...]:
    """Return the candidates beside the alert's own, ranked, with words for their score."""
    others = [one for one in notice.candidates if one.subject_id != notice.subject.subject_id]
    if not others:
        return (Fact("", wording.say(Phrase.NO_OTHER_CANDIDATES)),)
    return tuple(
        Fact(f"{rank}. {one.score:.2f}", one.name or wording.say(Phrase.UNKNOWN))
        for rank, one in enumerate(others, start=2)
    )
