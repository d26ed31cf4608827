"""Signs the person out when nobody has touched keyboard or mouse for a while, so that travellers' data is covered.

What Qt sees of the keyboard is what is typed into these windows; the mouse's place is seen wherever it moves. So an
officer who works in another program keeps the session by moving the mouse.
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
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
    }
)


class IdleLock(QObject):
    """Watches the whole application."""

    def __init__(self, controller: Controller, app: QApplication) -> None:
        super().__init__(app)
        self._controller = controller
        self.limit_ms = round(controller.settings.idle_lock_s * 1000)
        self._untouched = QElapsedTimer()
        self._untouched.start()
        self._place = QCursor.pos()
        app.installEventFilter(self)
        controller.session_changed.connect(self._untouched.restart)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: ARG002, N802  # Qt's name
        """Restart the count on a touch; let every event through."""
        if event.type() in _TOUCHES:
            self._untouched.restart()
        return False

    def look(self) -> None:
        """Sign the person out when the time is over."""
        if (place := QCursor.pos()) != self._place:
            self._place = place
            self._untouched.restart()
        if self._untouched.elapsed() >= self.limit_ms:
            self._controller.sign_out()
