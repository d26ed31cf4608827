"""Puts the desktop agent together and runs it until it is closed."""

from __future__ import annotations

import gc
import getpass
import hashlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication

from cekalwatch.notifier.app import Notifier, opened, stopped_by_signals
from cekalwatch.notifier.delivery.alert_delivery import AlertDelivery, Recall
from cekalwatch.notifier.desktop.agent import DesktopAgent
from cekalwatch.notifier.desktop.alarm_controller import AlarmController
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.threads import DesktopScreen, ScreenGone, SignInRecall
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.subscription import Start
from cekalwatch.program.platform.installation import Installation

_WAIT_MS = 1_000


class SingleInstance(QObject):
    """One notifier for each user and agent: holds the name by which a later start finds the first, and ends."""

    asked = Signal()
    """A second start asks the first to come to the front."""

    def __init__(self, agent_id: str) -> None:
        super().__init__()
        # A socket's path must be short, and reveals nothing to others on the PC.
        digest = hashlib.sha256(f"{getpass.getuser()}/{agent_id}".encode()).hexdigest()[:16]
        self._name = f"cekalwatch-notifier-{digest}"
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)

    def acquire(self) -> bool:
        """Return True if this is the first one; otherwise ask the first one to come to the front."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_WAIT_MS):
            socket.disconnectFromServer()
            return False
        # A killed notifier left it behind; a running one would have answered. The inbox's lock decides in the end.
        QLocalServer.removeServer(self._name)
        return self._server.listen(self._name)

    def close(self) -> None:
        self._server.close()

    def _answer(self) -> None:
        while self._server.hasPendingConnections():
            connection = self._server.nextPendingConnection()
            connection.disconnected.connect(connection.deleteLater)
            self.asked.emit()


class ScreenLock(QObject):
    """Brings the news that the screen was locked into the windows' thread."""

    locked = Signal()


@dataclass(eq=False)
class Farewell:
    """When an agent ends that was asked to: at once, or after a notice if a newer version takes over.

    A form that is open then may be filled in first, within the installer's patience.
    """

    wanted: threading.Event
    replaced: Callable[[], bool]
    tell: Callable[[], object]
    filling_in: Callable[[], bool]
    _ends_s: float = field(init=False, default=math.inf)
    _form_s: float = field(init=False, default=0.0)

    def over(self) -> bool:
        """Return whether it ends now; it is asked again and again, in the windows' thread."""
        if not self.wanted.is_set():
            return False
        if self._ends_s == math.inf:
            self._ends_s = time.monotonic()
            if self.replaced():
                self.tell()
                self._ends_s += NOTICE_S
                self._form_s = FORM_S
        return time.monotonic() >= self._ends_s + (self._form_s if self.filling_in() else 0)


NOTICE_S = 5.0
"""How long the notice of an update is read; the installer waits for longer (`installation.LEAVING_S`)."""
FORM_S = 30.0
"""How much longer an open form stays."""
_LOOK_EVERY_MS = 200
_COLLECT_EVERY_MS = 10_000


def run(settings: NotifierSettings, start: Start) -> None:
    """Show alerts until the person closes the agent, or SIGINT or SIGTERM; raises ProgramError when it cannot
    continue."""
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication([sys.argv[0]])
    app.setApplicationName("Cekalwatch")
    app.setDesktopFileName("cekalwatch-notifier")
    with closing(SingleInstance(settings.agent_id)) as instance:
        if not instance.acquire():
            return
        installation = Installation("notifier")
        # Signals first: somebody may end the agent as soon as it subscribes.
        wanted = threading.Event()
        screen_lock = ScreenLock()
        with (
            stopped_by_signals(wanted.set, screen_lock.locked.emit),
            assembled(settings, start, app) as (agent, work),
        ):
            screen_lock.locked.connect(agent.controller.sign_out)
            instance.asked.connect(agent.bring_up)
            agent.quit_asked.connect(app.quit)
            farewell = Farewell(wanted, lambda: bool(installation.successor()), agent.tell_of_update, _form_is_open)
            with _ended_when(app, lambda: work.done() or farewell.over()):
                app.exec()
        work.result()


@contextmanager
def assembled(
    settings: NotifierSettings, start: Start, app: QApplication
) -> Iterator[tuple[DesktopAgent, Future[None]]]:
    """Put the parts together, and take alerts until the end of the block; the future is the subscription's work."""
    with ExitStack() as stack:
        stack.enter_context(_collected_here())
        notifier = stack.enter_context(opened(settings, start))
        controller = stack.enter_context(closing(Controller(settings, notifier.alert_client, notifier.sessions)))
        alarms = stack.enter_context(closing(AlarmController(controller, notifier.alarm_client)))
        screen = DesktopScreen(controller, alarms.take)
        delivery = notifier.delivery(screen, Recall.AT_HAND)
        worker = stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts"))
        stack.callback(notifier.subscription.stop)
        stack.callback(screen.end)
        # It connects while the windows are made; its updates wait for the event loop, and so for the windows.
        work = worker.submit(_deliver, notifier, delivery, screen)
        agent = stack.enter_context(closing(DesktopAgent(controller, alarms, app)))
        stack.enter_context(closing(SignInRecall(controller, delivery)))
        # First of all, so that nothing that is closed waits for a window that shows nothing any more.
        stack.callback(screen.end)
        yield agent, work


def _form_is_open() -> bool:
    return any(isinstance(one, FormDialog) and one.isVisible() for one in QApplication.topLevelWidgets())


def _deliver(notifier: Notifier, delivery: AlertDelivery, screen: DesktopScreen) -> None:
    with suppress(ScreenGone):
        notifier.deliver(delivery, screen)


@contextmanager
def _collected_here() -> Iterator[None]:
    """Collect Python's unreachable cycles in the windows' thread only, from a timer.

    Python collects in whichever thread happens to allocate, and would delete a window's parts there, which crashes Qt.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    timer = QTimer()
    timer.timeout.connect(_collect)
    timer.start(_COLLECT_EVERY_MS)
    try:
        yield
    finally:
        timer.stop()
        gc.collect()
        if was_enabled:
            gc.enable()


def _collect() -> None:
    gc.collect()


@contextmanager
def _ended_when(app: QApplication, over: Callable[[], bool]) -> Iterator[None]:
    """End the application once `over` returns True.

    Python's handlers run only when Python does: while Qt waits for events, the timer lets it.
    """
    timer = QTimer()
    # Not quit(): any window that ignores its closing would hold that up.
    timer.timeout.connect(lambda: app.exit() if over() else None)
    timer.start(_LOOK_EVERY_MS)
    try:
        yield
    finally:
        timer.stop()
