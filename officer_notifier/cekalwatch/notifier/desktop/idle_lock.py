"""Signs the person out after a time without keyboard or mouse input, so that travellers' data is hidden.

Qt sees keys only in these windows, but sees the mouse wherever it moves. So an officer who works in another program
keeps the session by moving the mouse.

It watches the windows, which get keys and clicks, and not the application, which passes every event of every widget:
hundreds between an alert and its painted window.
"""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QTimer
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication

from cekalwatch.notifier.desktop.controller import Controller

_LOOK_EVERY_MS = 1_000
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
        self._untouched = QElapsedTimer()
        self._untouched.start()
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
        return self._untouched.elapsed()

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

    def _watch_windows(self) -> None:
        for window in self._app.allWindows():
            window.installEventFilter(self)  # once: Qt moves a filter that is there
