"""One alert, large: pictures, facts, sightings, other candidates, and what can be done next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cekalwatch.contract.values.adjudication import JUDGEMENTS
from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.desktop.dialogs.step_flow import ActionBar
from cekalwatch.notifier.desktop.widgets.comparison import Comparison
from cekalwatch.notifier.desktop.widgets.elements import button, clear, label, message, panel, set_role
from cekalwatch.office.alerts import Options, PicturesMissing, ScoreLevel, ShownAlert, score_level
from cekalwatch.office.locale.alert_formatting import AlertFormatter
from cekalwatch.office.locale.order_formatting import Fact


class FactsPanel(QFrame):
    """A title, and facts below each other."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._title = label(role="title")
        self._grid = QGridLayout()
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(1, 3)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.addWidget(self._title)
        layout.addLayout(self._grid)
        self._shown: tuple[str, tuple[Fact, ...]] | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        return self._shown[1] if self._shown else ()

    def show_facts(self, title: str, facts: Iterable[Fact]) -> None:
        """Show other facts; without any, the panel is hidden."""
        wanted = (title, tuple(facts))
        if wanted == self._shown:
            return
        self._shown = wanted
        clear(self._grid)
        self._title.setText(title)
        self._title.setVisible(bool(title))
        for row, fact in enumerate(wanted[1]):
            value = label(fact.value, "warning" if fact.warning else "value", wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if not fact.label:
                self._grid.addWidget(value, row, 0, 1, 2)
                continue
            self._grid.addWidget(label(fact.label, "label", wrap=True), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
        self.setVisible(bool(wanted[1]))


NUMBERS_KEY = "Ctrl+D"
_SIGHTINGS_IN_STRIP = 8
_STRIP_SPACING_PX = 8


class AlertView(QWidget):
    """The page of the alert window that shows an alert."""

    def __init__(self) -> None:
        super().__init__()
        self.comparison = Comparison()
        self.score_bar = ScoreBar()
        self.action_bar = ActionBar()
        self.name = label(role="name", wrap=True)
        self.warnings = label(role="warning", wrap=True)
        self.ended = message()
        set_role(self.ended, "error")
        self.candidate = label(role="title", wrap=True)
        """Which of several candidates is asked about."""
        self.subject, self.passage, self.history, self.candidates = (FactsPanel() for _ in range(4))
        self.scores = FactsPanel()
        """The numbers of the similarity, once somebody asks for them."""
        self.score_bar.numbers.toggled.connect(self._show_numbers)
        self.steps_so_far = button("")
        """Opens the history, which is folded behind the number of its entries."""
        self.steps_so_far.setCheckable(True)
        self.steps_so_far.toggled.connect(self.history.setVisible)
        self.orders: list[FactsPanel] = []
        """One for each order that an alert had so far; those of others are hidden."""
        self._orders = QVBoxLayout()
        self._sightings_title = label(role="title")
        self.strip = SightingStrip()
        self._verify = label(role="muted", wrap=True)
        self.look = label(role="muted", wrap=True)
        """What the person found at first sight."""
        self._alert_id = ""
        self._numbers: tuple[str, tuple[Fact, ...]] = ("", ())
        self._hints: tuple[str, ...] = ()
        """Before a first look: what to do, and what is left to do where a face cannot be shown."""
        self.comparison.opened.connect(self._open_looks)

        pictures = QVBoxLayout()
        pictures.addWidget(self.comparison, 1)
        pictures.addWidget(self.score_bar)
        seen = QHBoxLayout()
        seen.addWidget(self._sightings_title)
        seen.addWidget(self.strip, 1)
        pictures.addLayout(seen)

        column = QWidget()
        column.setObjectName("column")
        facts = QVBoxLayout(column)
        facts.setContentsMargins(0, 0, 4, 0)
        facts.setSpacing(8)
        for part in (self.candidate, self.name, self.scores, self.subject):
            facts.addWidget(part)
        facts.addLayout(self._orders)
        for after in (self.candidates, self.passage, self.steps_so_far, self.history):
            facts.addWidget(after)
        facts.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(column)
        scroll.setMinimumWidth(450)
        known = QWidget()
        beside = QVBoxLayout(known)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(scroll, 1)
        beside.addWidget(self.warnings)

        self._facts = known
        self._side = QStackedWidget()
        self._side.addWidget(known)

        middle = QHBoxLayout()
        middle.setSpacing(8)
        middle.addWidget(panel(pictures), 3)
        middle.addWidget(self._side, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        layout.addWidget(self.ended)
        layout.addLayout(middle, 1)
        layout.addWidget(self.look)
        layout.addWidget(self.action_bar)
        layout.addWidget(self._verify)
        self._has_looked = self._unsettled = True

    def show_alert(
        self,
        shown: ShownAlert,
        pictures: AlertPictures | PicturesMissing,
        options: Options,
        formatter: AlertFormatter,
        *,
        cekal_online: bool,
        session: PersonSession | None = None,
        current: bool = True,
    ) -> None:
        """Show the present version of an alert: before the person's first look, nothing but the two faces.

        `current`: the pictures are those of this version.
        """
        alert, say = shown.alert, formatter.say
        another = alert.alert_id != self._alert_id
        self._alert_id = alert.alert_id
        if another:
            self.action_bar.tell("", "muted")
        if another or alert.look_needed:
            self.score_bar.numbers.setChecked(False)
            self.steps_so_far.setChecked(False)
        self._has_looked, self._unsettled = not alert.nameless, alert.unsettled
        self._arrange()
        self._hints = (say("LOOK_HINT"), say("LOOK_IMPOSSIBLE")) if alert.look_needed else ()
        self.look.setText(formatter.own_look(alert, session))
        self.comparison.show_pictures(pictures, formatter, another=another, current=current)
        self.score_bar.show_score(alert, formatter)
        self._numbers = say("FACT_SIMILARITY"), formatter.scores(alert)
        self._show_numbers()
        self.candidate.setText(formatter.candidate(alert))
        self.candidate.setVisible(bool(self.candidate.text()))
        self.name.setText(formatter.subject_name(alert))
        self.warnings.setText("\n".join(formatter.warnings(alert)))
        self.warnings.setVisible(bool(self.warnings.text()))
        ended = formatter.orders_ended(alert)
        self.ended.setText(ended)
        self.ended.setVisible(bool(ended))
        self.subject.show_facts(say("SUBJECT_TITLE"), formatter.subject(alert))
        while len(self.orders) < len(alert.orders):
            self.orders.append(FactsPanel())
            self._orders.addWidget(self.orders[-1])
        for number, one in enumerate(self.orders):
            facts = formatter.order(alert.orders[number]) if number < len(alert.orders) else ()
            one.show_facts(say("ORDER_TITLE"), facts)
        _, *moments = formatter.passage(alert)  # the place stands at the top
        self.passage.show_facts(say("PASSAGE_TITLE"), moments)
        history = formatter.history(alert)
        self.history.show_facts("", history)
        self.history.setVisible(self.steps_so_far.isChecked())
        self.steps_so_far.setText(f"{say('HISTORY_TITLE')}: {len(history)}")
        self.steps_so_far.setVisible(bool(history))
        several = formatter.candidates(alert) if len(alert.candidates) > 1 else ()
        alone = () if alert.nameless else (Fact("", say("NO_OTHER_CANDIDATES")),)
        self.candidates.show_facts(say("CANDIDATES_TITLE"), several or alone)
        self._show_sightings(alert, formatter)
        self.action_bar.show_options(alert, options, formatter, cekal_online=cekal_online)
        self._open_looks()
        self._verify.setText(say("VERIFY"))
        self._scroll.setAccessibleName(say("SUBJECT_TITLE"))

    def _open_looks(self) -> None:
        """Before a first look, open its steps once both faces are seen."""
        faces, steps = self.comparison, JUDGEMENTS if self._hints else frozenset()
        self.action_bar.close_steps(frozenset(step for step in steps if not faces.can_find(step)))
        if self._hints:
            self.look.setText(self._hints[faces.seen and not faces.complete])
        self.look.setVisible(bool(self.look.text()))

    def ask(self, question: QDialog) -> None:
        """Show a question in place of the facts: beside the faces, on every desktop."""
        self._side.addWidget(question)
        self._side.setCurrentWidget(question)
        question.finished.connect(lambda _: self._answered(question))
        self._arrange()
        question.show()

    def _answered(self, question: QDialog) -> None:
        self._side.removeWidget(question)
        self._arrange()

    def _arrange(self) -> None:
        """Show the parts that come after the look; a question takes the room of the steps."""
        asking, known = self._side.currentWidget() is not self._facts, self._has_looked
        self._side.setVisible(known or asking)
        self.score_bar.setVisible(known)
        self.action_bar.setVisible(not asking)
        for part in (self._sightings_title, self.strip):
            part.setVisible(known and not asking)
        self._verify.setVisible(known and self._unsettled and not asking)

    def forget_pictures(self) -> None:
        """Show no picture: the person has left."""
        self.comparison.forget()

    def _show_numbers(self) -> None:
        title, facts = self._numbers
        self.scores.show_facts(title, facts if self.score_bar.numbers.isChecked() else ())

    def _show_sightings(self, alert: Alert, formatter: AlertFormatter) -> None:
        self._sightings_title.setText(formatter.say("SIGHTINGS_TITLE", count=len(alert.sightings)))
        texts = []
        for one in alert.sightings:
            place = formatter.say("COUNTER", counter=one.camera.counter)
            words = [formatter.hour(one.captured_at), place]
            texts.append(" ".join([*words, formatter.say("LATE_SIGHTING")] if one.late else words))
        self.strip.show_texts(texts)


class SightingStrip(QWidget):
    """The newest sightings beside each other, oldest first: as many as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self.labels = [label(role="muted") for _ in range(_SIGHTINGS_IN_STRIP)]
        """The newest last; those without a text are hidden."""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_STRIP_SPACING_PX)
        for one in self.labels:
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(one)
        layout.addStretch(1)

    def show_texts(self, texts: Sequence[str]) -> None:
        """Show other texts, of which the newest is the last."""
        newest = texts[-len(self.labels) :]
        for one, text in zip(self.labels, [""] * (len(self.labels) - len(newest)) + [*newest], strict=True):
            one.setText(text)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Ask for no width: what has no room is left out."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out the oldest."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        left = self.width()
        for one in reversed(self.labels):
            left -= one.sizeHint().width() + _STRIP_SPACING_PX
            one.setVisible(bool(one.text()) and (left >= 0 or one is self.labels[-1]))


class ScoreBar(QWidget):
    """One block, two or three, and the level's words; the numbers behind them are shown only on request."""

    def __init__(self) -> None:
        super().__init__()
        self.word = label(role="warning", wrap=True)
        self.numbers = button("")
        self.numbers.setCheckable(True)
        self.numbers.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it has a key
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.word, 1)
        layout.addWidget(self.numbers)

    def show_score(self, alert: Alert, formatter: AlertFormatter) -> None:
        """Show the level of the alert's score."""
        self.numbers.setText(f"{formatter.say('SHOW_SCORES')} ({NUMBERS_KEY})")
        if alert.nameless:
            self.word.clear()
            return
        levels = list(ScoreLevel)
        height = levels.index(score_level(alert)) + 1
        self.word.setText(f"{'■' * height}{'□' * (len(levels) - height)}  {formatter.similarity(alert)}")
