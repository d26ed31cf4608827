"""The tray: green while listed travellers ring here, amber where some do not, red where none does, with the number of
open alerts.

Its menu is here too.

Colour is not all: the sign in it differs too, and the words under the pointer say it.
"""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QRectF, Qt, QUrl, Signal, SignalInstance
from PySide6.QtGui import QAction, QColor, QDesktopServices, QFont, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from cekalwatch.contract.values.readiness import WatchLevel
from cekalwatch.notifier.desktop.alarm_controller import AlarmController
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.settings import ThemeName
from cekalwatch.program.translations import Language

_SIZE = 64
_MAX_SHOWN = 99


class Light(StrEnum):
    """The icon's colour."""

    GREEN = "#1d8a45"
    """A listed traveller who passes now rings here."""
    AMBER = "#d98a00"
    """Some do not: the watchlist is stale or was never imported, a counter is blind, or this PC lacks sound; or the
    server does not say."""
    RED = "#c62828"
    """None does: the server is away, or cannot recognise anybody or record an alert."""


_LIGHTS = {WatchLevel.ALL: Light.GREEN, WatchLevel.NONE: Light.RED}


def icon(colour: Light, count: int) -> QIcon:
    """Return the icon: a disc with the number of open alerts; without any, a tick, `!` or a cross."""
    picture = QPixmap(_SIZE, _SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(colour))
    painter.setPen(QPen(QColor("white"), 3))
    painter.drawEllipse(QRectF(3, 3, _SIZE - 6, _SIZE - 6))
    sign = {Light.GREEN: "✓", Light.AMBER: "!", Light.RED: "×"}[colour]
    text = (str(count) if count <= _MAX_SHOWN else f"{_MAX_SHOWN}+") if count else sign
    font = QFont()
    font.setBold(True)
    font.setPixelSize({1: 44, 2: 36}.get(len(text), 26))
    painter.setFont(font)
    painter.drawText(picture.rect(), int(Qt.AlignmentFlag.AlignCenter), text)
    painter.end()
    return QIcon(picture)


class Tray(QSystemTrayIcon):
    """The icon and its menu."""

    alert_asked = Signal()
    today_asked = Signal()
    supervisor_asked = Signal()
    alarms_asked = Signal()
    sign_in_asked = Signal()
    sign_out_asked = Signal()
    password_asked = Signal()
    theme_asked = Signal(ThemeName)
    practice_asked = Signal()
    quit_asked = Signal()

    def __init__(self, controller: Controller, alarms: AlarmController) -> None:
        super().__init__()
        self._controller = controller
        self._alarms = alarms
        self._drawn: tuple[Light, int] | None = None
        self.menu = QMenu()
        self.state = self.menu.addAction("")
        self.state.setEnabled(False)
        self.advice = self.menu.addAction("")
        self.advice.setEnabled(False)
        self.menu.addSeparator()
        self.alert = self._item(self.alert_asked)
        self.today = self._item(self.today_asked)
        self.supervisor = self._item(self.supervisor_asked)
        self.alarms = self._item(self.alarms_asked)
        self.practice = self._item(self.practice_asked)
        self.practice.setVisible(controller.settings.training_dir is not None)
        self.shift, self.guides = self._at_console("shift"), self._at_console("guides")
        self.menu.addSeparator()
        self.sign_in = self._item(self.sign_in_asked)
        self.password = self._item(self.password_asked)
        self.sign_out = self._item(self.sign_out_asked)
        self.menu.addSeparator()
        self.language = self.menu.addAction("")
        self.language.triggered.connect(self._other_language)
        self.themes = self.menu.addMenu("")
        self._themes = {name: self.themes.addAction("") for name in ThemeName}
        for name, action in self._themes.items():
            action.triggered.connect(lambda _=False, name=name: self.theme_asked.emit(name))
        self.quit = self._item(self.quit_asked)
        self.setContextMenu(self.menu)
        self.activated.connect(self._activated)
        controller.changed.connect(self.paint_again)
        alarms.changed.connect(self.paint_again)
        self.paint_again()

    @property
    def light(self) -> Light:
        return _LIGHTS.get(self._controller.watch_level, Light.AMBER)

    def paint_again(self) -> None:
        controller = self._controller
        formatter = controller.formatter
        say = formatter.say
        count = controller.alert_cache.open_count
        if not controller.unlocked:
            count = max(count, controller.waiting_count or 0)
        if (self.light, count) != self._drawn:
            self._drawn = (self.light, count)
            self.setIcon(icon(self.light, count))
        open_words = say("OPEN_COUNT", count=count)
        if not controller.unlocked and not count:
            open_words = formatter.waiting(controller.waiting_count)
        words = [controller.watching, open_words]
        if ended := controller.alert_cache.ended_count:
            words.append(say("ORDERS_ENDED_COUNT", count=ended))
        if controller.freshness and controller.freshness.outdated:
            words.insert(1, formatter.watchlist(controller.freshness))
        advice = formatter.refusal(controller.connection)
        lines = [*words, advice] if advice else words
        self.setToolTip("\n".join((say("APP_NAME"), *lines, *formatter.alarm_lines(self._alarms.blind))))
        self.state.setText("   ".join(words))
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))
        session = controller.session
        for action, text in (
            (self.alert, say("MENU_ALERT")),
            (self.today, say("MENU_TODAY")),
            (self.supervisor, say("MENU_SUPERVISOR")),
            (self.alarms, say("MENU_TROUBLES", count=len(self._alarms.shown))),
            (self.practice, say("MENU_PRACTICE")),
            (self.shift, say("MENU_SHIFT")),
            (self.guides, say("MENU_GUIDES")),
            (self.sign_in, say("MENU_SIGN_IN")),
            (self.password, say("MENU_PASSWORD")),
            (self.language, say("MENU_LANGUAGE")),
            (self.quit, say("MENU_QUIT")),
        ):
            action.setText(text)
        self.sign_out.setText(say("MENU_SIGN_OUT", name=session.display_name if session else ""))
        self.sign_in.setVisible(session is None)
        for action in (self.password, self.sign_out):
            action.setVisible(session is not None)
        self.supervisor.setVisible(session is not None and session.sees_figures)
        self.themes.setTitle(say("MENU_THEME"))
        for name, action in self._themes.items():
            action.setText(say(f"THEME_{name}"))

    def _item(self, signal: SignalInstance) -> QAction:
        action = self.menu.addAction("")
        action.triggered.connect(lambda _: signal.emit())
        return action

    def _at_console(self, page: str) -> QAction:
        """Return what opens a page of the console in the browser: nothing of an alert is in its address."""
        action, console = self.menu.addAction(""), self._controller.settings.console_url.rstrip("/")
        action.triggered.connect(lambda _: QDesktopServices.openUrl(QUrl(f"{console}/{page}")))
        action.setVisible(bool(console))
        return action

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in {QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick}:
            self.alert_asked.emit()

    def _other_language(self) -> None:
        self._controller.set_language(Language.EN if self._controller.language is Language.ID else Language.ID)
