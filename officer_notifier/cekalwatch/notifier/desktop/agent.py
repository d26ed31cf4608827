"""The desktop agent: its windows, its tray, and how one opens another."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QSystemTrayIcon

from cekalwatch.contract.values.alarms import Alarm
from cekalwatch.contract.values.readiness import ReadinessFault
from cekalwatch.notifier.desktop.alarm_controller import AlarmController
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.dialogs.sign_in_dialogs import PasswordDialog, SignInDialog
from cekalwatch.notifier.desktop.idle_lock import IdleLock
from cekalwatch.notifier.desktop.sound import Bell
from cekalwatch.notifier.desktop.widgets.elements import notice
from cekalwatch.notifier.desktop.widgets.theme import palette, style_sheet, theme_of
from cekalwatch.notifier.desktop.windows.alarm_window import AlarmWindow
from cekalwatch.notifier.desktop.windows.alert_window import AlertWindow
from cekalwatch.notifier.desktop.windows.supervisor_window import SupervisorWindow
from cekalwatch.notifier.desktop.windows.today_window import TodayWindow
from cekalwatch.notifier.desktop.windows.training_window import TrainingWindow
from cekalwatch.notifier.desktop.windows.tray import Tray
from cekalwatch.notifier.settings import ThemeName
from cekalwatch.notifier.training.pairs import draw_pairs
from cekalwatch.program.errors import ProgramError

_OWN_EVERY_MS = 2_000


class DesktopAgent(QObject):
    """Everything that is on screen."""

    quit_asked = Signal()

    def __init__(self, controller: Controller, alarms: AlarmController, app: QApplication) -> None:
        super().__init__()
        self.controller = controller
        self.alarms = alarms
        self._app = app
        self._theme = controller.settings.theme
        app.setQuitOnLastWindowClosed(False)
        app.setStyle("Fusion")
        self.set_theme(self._theme)
        self.alert = AlertWindow(controller, alarms)
        self.today = TodayWindow(controller)
        self.supervisor = SupervisorWindow(controller)
        self.alarm_window = AlarmWindow(controller, alarms)
        self.tray = Tray(controller, alarms)
        self.bell = Bell(controller, controller.settings.state_dir)
        self.lock = IdleLock(controller, app)
        self.update_notice = notice()
        self.dialog: FormDialog | None = None
        self.training: TrainingWindow | None = None
        self._connect()
        self.alert.menu.setMenu(self.tray.menu)
        self._own = QTimer(self)
        self._own.timeout.connect(self.look_at_own)
        self._own.start(_OWN_EVERY_MS)
        self.tray.show()
        if not QSystemTrayIcon.isSystemTrayAvailable():
            self.alert.come_up()
        self.look_at_own()

    def close(self) -> None:
        """Remove everything from the screen. It is deleted at once: Python might do it later in another thread."""
        self._own.stop()
        self.tray.hide()
        if self.dialog:
            self.dialog.reject()
        self.end_practice()
        windows = (self.alert, self.today, self.supervisor, self.alarm_window, self.update_notice)
        for one in (self.lock, self.bell, self.tray, self.tray.menu, *windows):
            shiboken6.delete(one)

    def look_at_own(self) -> None:
        """Find out whether this PC itself would ring: it has a sound, if the settings want one, and a place to show."""
        note, seen = self.controller.note_own, QSystemTrayIcon.isSystemTrayAvailable() or self.alert.isVisible()
        note(ReadinessFault.SOUND, there=self.controller.settings.sound and not self.bell.has_player)
        note(ReadinessFault.WINDOW, there=not seen)

    def bring_up(self) -> None:
        """Show the alert window with the keyboard: a person asked for it."""
        self.alert.bring_up()

    def tell_of_update(self) -> None:
        """Say, in the tray and in a small window without the keyboard, that a newer version takes over."""
        say = self.controller.formatter.say
        self._announce(say("UPDATE_COMES"), title=say("WINDOW_UPDATE"))
        self.update_notice.setWindowTitle(say("WINDOW_UPDATE"))
        self.update_notice.setText(say("UPDATE_COMES"))
        self.update_notice.show()

    def set_theme(self, name: ThemeName) -> None:
        self._theme = name
        theme = theme_of(name)
        self._app.setPalette(palette(theme))
        self._app.setStyleSheet(style_sheet(theme, self.controller.settings.text_scale))

    def sign_in(self) -> None:
        self._ask(SignInDialog(self._window(), self.controller))

    def change_password(self) -> None:
        if self.controller.session:
            self._ask(PasswordDialog(self._window(), self.controller.formatter, self.controller))

    def show_today(self) -> None:
        """Show today's alerts and all open ones, with those raised before this agent began."""
        self.controller.load_today()
        _front(self.today)

    def show_supervisor(self) -> None:
        """Show the supervisor's view with new figures."""
        self.controller.load_today()
        self.supervisor.refresh()
        _front(self.supervisor)

    def practise(self) -> None:
        """Show pairs of faces to practise with, unless an alert waits here."""
        folder = self.controller.settings.training_dir
        if folder is None or self.controller.waiting():
            self.bring_up()
            return
        if self.training is None:
            try:
                self.training = TrainingWindow(self.controller.formatter, draw_pairs(folder))
            except ProgramError as error:
                self._announce(str(error))
                return
            self.training.closed.connect(self._practised)
        _front(self.training)

    def end_practice(self) -> None:
        """Close the practice: its keys are those of an alert, and what is pressed must not go to the wrong window."""
        if self.training:
            self.training.close()

    def open_alert(self, alert_id: str) -> None:
        """Show an alert that was chosen in a list."""
        self.alert.open_alert(alert_id)
        self.alert.bring_up()

    def _connect(self) -> None:
        tray, controller = self.tray, self.controller
        tray.alert_asked.connect(self.bring_up)
        tray.today_asked.connect(self.show_today)
        tray.supervisor_asked.connect(self.show_supervisor)
        tray.alarms_asked.connect(lambda: _front(self.alarm_window))
        self.alarms.began.connect(self._alarm_began)
        self.alarms.over.connect(self._alarm_over)
        tray.sign_in_asked.connect(self.sign_in)
        tray.sign_out_asked.connect(controller.sign_out_everywhere)
        tray.password_asked.connect(self.change_password)
        tray.theme_asked.connect(self.set_theme)
        tray.practice_asked.connect(self.practise)
        for alert_comes in (controller.rang, controller.found_waiting, controller.orders_ended):
            alert_comes.connect(lambda *_: self.end_practice())
        tray.quit_asked.connect(self.quit_asked)
        for window in (self.today, self.supervisor):
            window.opened.connect(self.open_alert)
            window.sign_in_asked.connect(self.sign_in)
        self.alert.sign_in_asked.connect(self.sign_in)
        self.alert.seen.connect(self.bell.silence)
        controller.session_changed.connect(self._session_changed)
        controller.rang.connect(self._rang)
        controller.orders_ended.connect(self._orders_ended)
        # What waited before this PC began, or keeps it from working, is shown though nothing rings.
        controller.found_waiting.connect(self.alert.come_up)
        controller.refused.connect(self._refused)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._scheme_changed)

    def _practised(self) -> None:
        if self.training:
            self.training.deleteLater()
            self.training = None

    def _rang(self, alert_id: str) -> None:
        """Announce the alert in the tray as well while the screen is locked, with its place and without a name."""
        if not self.controller.unlocked:
            say = self.controller.formatter.say
            self._announce(say("TRAY_NEW_ALERT", place=self._place(alert_id)))

    def _orders_ended(self, alert_id: str) -> None:
        """Say in the tray that an alert's orders have ended, whatever window is open; of a hit its window comes up."""
        shown = self.controller.alert_cache.find(alert_id)
        if shown is not None and shown.alert.ground_gone:
            self.alert.come_up()
        say = self.controller.formatter.say
        self._announce(say("TRAY_ORDERS_ENDED", place=self._place(alert_id)))

    def _refused(self) -> None:
        """Show a red window with what to do: no alert can arrive."""
        self.alert.come_up()
        formatter = self.controller.formatter
        self._announce(formatter.refusal(self.controller.connection))

    def _place(self, alert_id: str) -> str:
        shown = self.controller.alert_cache.find(alert_id)
        return self.controller.formatter.place(shown.alert) if shown else ""

    def _alarm_began(self, alarm: Alarm) -> None:
        """Say what to do; a person who can acknowledge it gets the window, without the keyboard."""
        formatter = self.controller.formatter
        self._announce(formatter.advice(alarm), title=formatter.alarm_line(alarm))
        if alarm in self.alarms.unseen:
            self.alarm_window.show()

    def _alarm_over(self, alarm: Alarm) -> None:
        formatter = self.controller.formatter
        self._announce(formatter.say("TROUBLE_OVER", line=formatter.alarm_line(alarm)))

    def _announce(self, words: str, title: str = "") -> None:
        if QSystemTrayIcon.supportsMessages():
            self.tray.showMessage(title or self.controller.formatter.say("APP_NAME"), words, self.tray.icon())

    def _session_changed(self) -> None:
        session = self.controller.session
        if session is None:
            return
        if session.password_change_needed:
            self.change_password()
            return
        if self.alarms.unseen:
            self.alarm_window.show()
        # Alerts that arrived while nobody was here are shown now, with their pictures.
        if waiting := self.controller.waiting():
            self.alert.open_alert(waiting[0].alert.alert_id)
            self.alert.come_up()

    def _ask(self, dialog: FormDialog) -> None:
        if self.dialog:
            former, self.dialog = self.dialog, None
            former.reject()
        self.dialog = dialog
        dialog.finished.connect(lambda _: self._answered(dialog))
        dialog.open()
        dialog.activateWindow()

    def _answered(self, dialog: QDialog) -> None:
        if self.dialog is dialog:
            self.dialog = None
        dialog.deleteLater()

    def _window(self) -> QMainWindow | None:
        """Return the window that a question belongs to."""
        windows: tuple[QMainWindow, ...] = (self.alert, self.today, self.supervisor)
        active = next((one for one in windows if one.isActiveWindow()), None)
        return active or next((one for one in windows if one.isVisible()), None)

    def _scheme_changed(self) -> None:
        if self._theme is ThemeName.SYSTEM:
            self.set_theme(self._theme)


def _front(window: QMainWindow) -> None:
    window.show()
    window.raise_()
    window.activateWindow()
