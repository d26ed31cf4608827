"""The window that comes to the front with an alert. It never takes the keyboard from another window.

It shows one alert at a time, and changes to another only when a person asks for it, or when a new one comes and the one
on screen needs nothing: the window must not change while a person is about to press a button.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QElapsedTimer, QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QScreen, QShortcut, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QStackedWidget, QSystemTrayIcon, QVBoxLayout, QWidget

from cekalwatch.contract.values.adjudication import PENDING, AlertState, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.readiness import WatchLevel
from cekalwatch.notifier.desktop.alarm_controller import AlarmController
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.step_flow import StepFlow
from cekalwatch.notifier.desktop.widgets.elements import (
    TITLE_PX,
    LockedPlaceholder,
    QuietPlaceholder,
    button,
    fit,
    in_front,
    label,
    message,
    name_by,
    set_role,
)
from cekalwatch.notifier.desktop.widgets.undo_bar import UNDO_KEY, Judged, UndoBar
from cekalwatch.notifier.desktop.widgets.watch_line import WatchLine
from cekalwatch.notifier.desktop.windows.alert_view import NUMBERS_KEY, AlertView
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.urgency import Tone, Urgency

KEYS_IGNORED_MS = 600
"""For this time after the window gets the keyboard, its keys do nothing: they may have been meant for another
window."""
CLICKS_IGNORED_MS = 600
"""For this time after the window came to the front, the mouse does nothing: it may have been meant for what was there.
A click that gives it the keyboard is meant for it."""
MENU_KEY = "F1"
_AGES_EVERY_MS = 1_000


class AlertWindow(QMainWindow):
    """Shows one alert, or a placeholder without an alert or a signed-in person."""

    sign_in_asked = Signal()
    seen = Signal()
    """A person turned to the window."""

    def __init__(self, controller: Controller, alarms: AlarmController) -> None:
        super().__init__()
        self._controller = controller
        self._alarms = alarms
        self._alert_id = ""
        self._since_focus, self._since_raised = QElapsedTimer(), QElapsedTimer()
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        in_front(self)
        fit(self, 1280, 820)
        self.setMinimumSize(640, 360)

        self._headline = label(wrap=True)
        self.whereabouts = label(wrap=True)
        """Where the traveller is now, large; it counts on."""
        self.whereabouts.setObjectName("whereabouts")
        self._queue = button("")
        self._previous, self._next = button("◀"), button("▶")
        self.menu = button("☰")
        """Opens the menu of the tray, which some desktops do not have."""
        self._previous.clicked.connect(partial(self.turn, -1))
        self._next.clicked.connect(partial(self.turn, 1))
        self._queue.clicked.connect(partial(self.turn, 1))
        self._header = QFrame()
        self._header.setObjectName("header")
        header = QHBoxLayout(self._header)
        header.setContentsMargins(16, 4, 12, 4)
        header.setSpacing(12)
        header.addWidget(self.whereabouts, 3)
        header.addWidget(self._headline, 2)
        for one in (self._previous, self._queue, self._next, self.menu):
            # They have keys of their own; the tabulator key reaches the buttons of steps first.
            one.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            header.addWidget(one)

        self.view = AlertView()
        self.locked = LockedPlaceholder()
        self.quiet = QuietPlaceholder()
        self.locked.sign_in.clicked.connect(self.sign_in_asked)
        self.flow = StepFlow(controller, self.view.action_bar, self, self.view.ask, self.view.comparison.can_find)
        self.view.action_bar.asked.connect(self._begin)
        self.flow.began.connect(self.paint_again)
        self.flow.ended.connect(self.paint_again)
        self.flow.judged.connect(self._judged)
        self.undo = UndoBar()
        self.undo.asked.connect(self._undo)
        controller.session_changed.connect(self.undo.forget)
        self.pages = QStackedWidget()
        for page in (self.view, self.locked, self.quiet):
            self.pages.addWidget(page)
        self.watch = WatchLine(controller)
        self.unusable = message()
        """Says for a while that travellers without a usable face have passed."""
        set_role(self.unusable, "muted")
        body = QWidget()
        body.setObjectName("page")
        body.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # at first: no button has the ring that no key needs
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._header)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.undo)
        layout.addWidget(self.unusable)
        layout.addWidget(self.watch)
        self.setCentralWidget(body)
        body.setFocus()

        for keys, action in (
            (MENU_KEY, self.menu.showMenu),
            (UNDO_KEY, self.undo.ask),
            ("Ctrl+PgDown", partial(self.turn, 1)),
            ("Ctrl+PgUp", partial(self.turn, -1)),
            ("+", self.view.comparison.larger),
            ("=", self.view.comparison.larger),
            ("-", self.view.comparison.smaller),
            ("0", self.view.comparison.fit),
            ("PgDown", partial(self.view.comparison.turn, 1)),
            ("PgUp", partial(self.view.comparison.turn, -1)),
            (NUMBERS_KEY, self.view.score_bar.numbers.toggle),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(action)
        controller.changed.connect(self.paint_again)
        alarms.changed.connect(self._paint_problems)
        controller.rang.connect(self._rang)
        self._ages = QTimer(self)
        self._ages.setInterval(_AGES_EVERY_MS)
        self._ages.timeout.connect(self._paint_header)
        self._ages.start()
        self.paint_again()

    @property
    def alert_id(self) -> str:
        """The key of the alert on screen; empty when there is none."""
        return self._alert_id

    @property
    def queue_text(self) -> str:
        """The message about other alerts; empty when none waits."""
        return "" if self._queue.isHidden() else self._queue.text()

    @property
    def tone(self) -> str:
        """The colour of its header, one of `Tone`."""
        return str(self._header.property("tone"))

    @property
    def takes_keys(self) -> bool:
        """Whether the window has had the keyboard long enough that a key was meant for it."""
        return self._since_focus.elapsed() >= KEYS_IGNORED_MS

    @property
    def takes_clicks(self) -> bool:
        """Whether the window has been in front long enough that a click was meant for it."""
        return self._since_raised.elapsed() >= CLICKS_IGNORED_MS

    def turn(self, by: int) -> None:
        """Show the next waiting alert, or the one before."""
        keys = [shown.alert.alert_id for shown in self._controller.waiting()]
        if not keys or self.flow.asking:
            return
        place = keys.index(self._alert_id) + by if self._alert_id in keys else 0
        self.open_alert(keys[place % len(keys)])

    def open_alert(self, alert_id: str) -> None:
        """Show another alert, unless a question about this one is open."""
        if self.flow.asking:
            return
        self._turn_to(alert_id)
        self.paint_again()

    def come_up(self) -> None:
        """Come to the front on the right screen, without the keyboard."""
        self._show(with_keyboard=False)

    def bring_up(self) -> None:
        """Come to the front with the keyboard, because a person asked for it."""
        self._show(with_keyboard=True)
        self.activateWindow()

    def paint_again(self) -> None:
        self._choose()
        controller = self._controller
        formatter = self._controller.formatter
        self.setWindowTitle(formatter.say("WINDOW_ALERT"))
        self._paint_header()
        self._paint_problems()
        self.locked.show_count(controller.waiting_count, formatter)
        self.quiet.show_words(formatter)
        shown = self._shown()
        if self.flow.looking_beside:
            self.undo.forget()  # it says what the officer found
        if not controller.unlocked:
            self.view.forget_pictures()
            if self.pages.currentWidget() is not self.locked:
                self.pages.setCurrentWidget(self.locked)
                self.locked.sign_in.setFocus()
        elif shown is None:
            self.pages.setCurrentWidget(self.quiet)
        else:
            self.view.show_alert(
                shown,
                controller.pictures.of(shown.alert),
                controller.options(shown.alert),
                formatter,
                cekal_online=shown.alert.state in PENDING and bool(controller.settings.cekal_online_url),
                session=controller.session,
                current=controller.pictures.has(shown.alert)
                or not (shown.alert.pictures_key or shown.alert.look_needed),
            )
            self.pages.setCurrentWidget(self.view)
            if controller.pictures.has(shown.alert):  # the face on screen comes before those that come next
                controller.pictures.load_ahead(one.alert for one in controller.waiting())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Begin to ignore keys when the window gets the keyboard."""
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self._since_focus.start()
            self.seen.emit()
        super().changeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Begin to ignore keys when the window comes up."""
        self._since_focus.start()
        super().showEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Only hide: the notifier stays in the tray, or, without a tray, among the other windows."""
        event.ignore()
        if QSystemTrayIcon.isSystemTrayAvailable():
            self.hide()
        else:
            self.showMinimized()

    @property
    def screen_for_alerts(self) -> QScreen:
        """The screen that the settings name, or the primary one when it is not there."""
        wanted = self._controller.settings.alert_screen
        named = (one for one in QGuiApplication.screens() if one.name() == wanted)
        return next(named, QGuiApplication.primaryScreen())

    def _show(self, *, with_keyboard: bool) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating, not with_keyboard)
        self._to_screen()
        if self.isMinimized():
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self._since_raised.start()

    def _to_screen(self) -> None:
        screen = self.screen_for_alerts
        free = screen.availableGeometry()
        if self.screen() is screen and self.isVisible():
            return
        size = self.size().boundedTo(QSize(free.width(), free.height() - TITLE_PX))
        self.resize(size)
        self.move(free.center() - self.rect().center())

    def _choose(self) -> None:
        """Keep the alert on screen; without one, show the alert that has waited longest."""
        alert_cache = self._controller.alert_cache
        if alert_cache.find(self._alert_id) is None:
            waiting = self._controller.waiting()
            self._turn_to(waiting[0].alert.alert_id if waiting else "")

    def _turn_to(self, alert_id: str) -> None:
        self._alert_id = alert_id
        self._controller.look_at(alert_id)

    def _rang(self, alert_id: str) -> None:
        current = self._controller.alert_cache.find(self._alert_id)
        # Nothing changes under a hand; the number of those that wait grows.
        if current is None or not (current.alert.open or self.flow.asking):
            self.open_alert(alert_id)
        self.come_up()

    def _shown(self) -> ShownAlert | None:
        """Return what is shown of the alert: two faces, place and time while a supervisor beside the officer looks."""
        shown = self._controller.alert_cache.find(self._alert_id)
        if shown and self.flow.looking_beside and shown.alert.first_look:
            return replace(shown, alert=shown.alert.before_look)
        return shown

    def _paint_header(self) -> None:
        formatter, controller = self._controller.formatter, self._controller
        now = controller.clock()
        shown = self._shown() if controller.unlocked else None
        others = [one for one in controller.waiting() if one.alert.alert_id != self._alert_id]
        if shown is None:
            tone = Tone.ALARM if controller.waiting_count else Tone.CALM
            self.whereabouts.setText(formatter.say("APP_NAME" if controller.unlocked else "LOCKED"))
            self._headline.setText("")
        else:
            tone = Urgency.of(shown.alert).tone
            self.whereabouts.setText(formatter.where(shown.alert, now))
            self._headline.setText(formatter.state(shown.alert))
            self.view.comparison.name_probe(formatter.say("PROBE"))
        self.unusable.setText(controller.unusable_line)
        self.unusable.setVisible(bool(self.unusable.text()))
        set_role(self._header, tone, "tone")
        self._queue.setText(formatter.say("NEXT_WAITING", count=len(others)))
        name_by(self.menu, formatter.say("MENU"))
        name_by(self._previous, formatter.say("PREVIOUS_ALERT"))
        name_by(self._next, formatter.say("NEXT_ALERT"))
        for one in (self._queue, self._previous, self._next):
            one.setVisible(controller.unlocked and bool(others))

    def _paint_problems(self) -> None:
        """Say in the line at the foot which counters are blind and why, and how old the list is."""
        freshness, formatter = self._controller.freshness, self._controller.formatter
        lines = [formatter.watchlist(freshness)] if freshness and freshness.outdated else []
        if self._controller.watch_level is not WatchLevel.ALL:  # one answer of the server: it sees through that camera
            lines += formatter.alarm_lines(self._alarms.blind)
        self.watch.explain(lines)

    def _judged(self, before: Alert, step: Step) -> None:
        """Offer to undo the judgement, and show the next waiting alert; a referral goes on with Cekal Online."""
        formatter, after = self._controller.formatter, self._controller.alert_cache.find(before.alert_id)
        question = formatter.next_candidate(before, after.alert) if after else ""
        if not before.asked_key:  # the server is older than 0.3.0
            self.view.action_bar.tell(question or formatter.say("DONE"), "muted" if question else "done")
            return
        self.view.action_bar.tell("", "muted")  # perhaps it says that an earlier judgement is undone
        self.undo.offer(Judged(before.alert_id, before.subject.subject_id, step), formatter, question)
        if step is Step.REFER or after is None or after.alert.state is AlertState.CLAIMED:
            return
        others = [one for one in self._controller.waiting() if one.alert.alert_id != before.alert_id]
        if others:
            self._since_focus.start()  # a key that is pressed twice is not meant for the next alert
            self.open_alert(others[0].alert.alert_id)

    def _undo(self, judged: Judged) -> None:
        def done() -> None:
            self.undo.forget()
            self.open_alert(judged.alert_id)
            self.view.action_bar.tell(self._controller.formatter.say("UNDONE"), "done")

        self._controller.undo(judged.alert_id, judged.subject_id, done, self.undo.fail)

    def _begin(self, step: Step, by_mouse: bool) -> None:
        shown = self._controller.alert_cache.find(self._alert_id)
        if shown and (self.takes_clicks if by_mouse else self.takes_keys):
            self.flow.begin(step, shown.alert)
