"""Signs the person out after a time without keyboard or mouse input, so that travellers' data is hidden.

While there is input, it keeps the person's session at the server.

Windows knows of the input for all programs. Elsewhere Qt sees keys only in these windows, but sees the mouse wherever
it moves, so that an officer who works in another program keeps the session by moving the mouse.

It watches the windows, which get keys and clicks, and not the application, which passes every event of every widget:
hundreds between an alert and its painted window.
"""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QTimer
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication

from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.program.platform.session import idle_ms

_LOOK_EVERY_MS = 1_000
_SAY_EVERY_MS = 60_000
"""How often the server is told that the person is there: its session ends without calls, and alerts come without
names then."""
_TOUCHES = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.ShortcutOverride,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
    }
)
"""A key that is a shortcut comes as nothing but an override."""


class IdleLock(QObject):
    """Watches all windows of the application."""

    def __init__(self, controller: Controller, app: QApplication) -> None:
        super().__init__(app)
        self._controller = controller
        self._app = app
        self.limit_ms = round(controller.settings.idle_lock_seconds * 1000)
        self._untouched, self._since_said = QElapsedTimer(), QElapsedTimer()
        self._untouched.start()
        self._since_said.start()
        self.say_every_ms = _SAY_EVERY_MS
        self._place = QCursor.pos()
        controller.session_changed.connect(self._untouched.restart)
        # A window that opens gets the focus, or is found at the next check.
        app.focusWindowChanged.connect(self._watch_windows)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    @property
    def untouched_ms(self) -> int:
        """Time since the last input or sign-in."""
        found = idle_ms()
        return self._untouched.elapsed() if found is None else min(found, self._untouched.elapsed())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: ARG002, N802  # Qt's name
        """Restart the count on a touch; let every event through."""
        if event.type() in _TOUCHES:
            self._untouched.restart()
        return False

    def look(self) -> None:
        """Sign the person out when the time is over."""
        self._watch_windows()
        if (place := QCursor.pos()) != self._place:
            self._place = place
            self._untouched.restart()
        if self.untouched_ms >= self.limit_ms:
            self._controller.sign_out()
        elif self.untouched_ms < self.say_every_ms <= self._since_said.elapsed():
            self._since_said.restart()
            self._controller.check_session()

    def _watch_windows(self) -> None:
        for window in self._app.allWindows():
            window.installEventFilter(self)  # once: Qt moves a filter that is there
