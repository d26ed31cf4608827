"""The screen that the subscription's thread writes to: hands everything to the windows' thread, and waits there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.troubles import Troubles
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.trouble_controller import TroubleController
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.connection import Disconnected, LostPosition


class DesktopScreen(QObject):
    """A `Screen`. An alert has been shown when the windows' thread has put it into them."""

    _asked = Signal(object)

    def __init__(self, controller: Controller, troubles: TroubleController) -> None:
        super().__init__()
        self._controller = controller
        self._troubles = troubles
        self._ended = threading.Event()
        self._asked.connect(self._answer)

    def end(self) -> None:
        """Stop waiting: the windows' thread ends."""
        self._ended.set()

    def prepare(self, alert: Alert) -> None:
        """See `Screen`: nothing, for the window loads the pictures of what it shows, and no text waits for them."""

    def show(self, *shown: ShownAlert) -> None:
        """See `Screen`."""
        self._do(lambda: self._show(*shown))

    def connected(self, freshness: Freshness, waiting: int) -> None:
        """See `Screen`."""
        self._do(lambda: self._controller.connected(freshness, waiting))

    def disconnected(self, ended: Disconnected) -> None:
        """See `Screen`."""
        self._do(lambda: self._controller.disconnected(ended))

    def started_over(self, lost: LostPosition) -> None:
        """See `Screen`."""
        self._do(lambda: self._controller.started_over(lost))

    def troubles(self, present: Troubles) -> None:
        """See `TroubleScreen`."""
        with suppress(ScreenGone):  # the thread that tells troubles ends with the windows
            self._do(lambda: self._troubles.take(present))

    def _show(self, *shown: ShownAlert) -> None:
        self._controller.show(*shown)
        for window in QApplication.topLevelWidgets():
            if window.isVisible():
                window.repaint()  # now, so that what is said to have been shown is on the screen

    def _do(self, action: Callable[[], None]) -> None:
        request = _Request(action)
        self._asked.emit(request)
        while not request.done.wait(0.2):
            if self._ended.is_set():
                raise ScreenGone
        if request.error:
            raise request.error

    @Slot(object)
    def _answer(self, request: _Request) -> None:
        try:
            request.action()
        except Exception as error:  # noqa: BLE001  # it belongs to the thread that asked
            request.error = error
        finally:
            request.done.set()


class ScreenGone(Exception):  # noqa: N818  # it is no error: the program ends
    """The windows have closed; what was to be shown was not."""


class _Request:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.done = threading.Event()
        self.error: Exception | None = None
