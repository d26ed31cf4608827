"""Puts the desktop agent together and runs it until it is closed: the one place where its parts meet."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from cekalwatch.notifier.client.alert_client import AlertClient
from cekalwatch.notifier.client.session_client import SessionClient
from cekalwatch.notifier.client.subscription import Subscription
from cekalwatch.notifier.client.subscription_client import Start, SubscriptionClient
from cekalwatch.notifier.delivery.alert_delivery import AlertDelivery, Recall
from cekalwatch.notifier.delivery.images import ImageFolder
from cekalwatch.notifier.delivery.inbox import Inbox
from cekalwatch.notifier.desktop.agent import DesktopAgent
from cekalwatch.notifier.desktop.bridge import DesktopScreen, ScreenGone
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.garbage_collection import GuiGarbageCollector
from cekalwatch.notifier.desktop.single_instance import SingleInstance
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.session_file import SessionFile

_LOOK_EVERY_MS = 200


def run(settings: NotifierSettings, start: Start) -> None:
    """Show alerts until the person closes the agent, or SIGINT or SIGTERM; raises ProgramError when it cannot go on."""
    configure_logs(settings.log_level)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication([sys.argv[0]])
    app.setApplicationName("Cekalwatch")
    app.setDesktopFileName("cekalwatch-notifier")
    with closing(SingleInstance(settings.agent_id)) as instance:
        if not instance.acquire():
            return
        # Signals first: whoever sees the agent subscribe may end it at once.
        with _signals() as wanted, assembled(settings, start, app) as (agent, work):
            instance.asked.connect(agent.bring_up)
            agent.quit_asked.connect(app.quit)
            with _ended_when(app, lambda: wanted.is_set() or work.done()):
                app.exec()
        work.result()


@contextmanager
def assembled(
    settings: NotifierSettings, start: Start, app: QApplication
) -> Iterator[tuple[DesktopAgent, Future[None]]]:
    """Put the parts together, and take alerts until the end of the block; the future is the subscription's work."""
    with ExitStack() as stack:
        stack.enter_context(closing(GuiGarbageCollector()))
        inbox = stack.enter_context(closing(Inbox(settings.inbox_path)))
        images = ImageFolder(settings.images_path)
        stack.callback(images.delete_all)
        session = SessionFile(settings.session_path)
        client = stack.enter_context(closing(SubscriptionClient(settings.dialer(), settings.agent_id, settings.wanted)))
        cases = stack.enter_context(
            closing(AlertClient(settings.dialer(), settings.agent_id, settings.wanted, session))
        )
        station = stack.enter_context(
            closing(Controller(settings, cases, SessionClient(settings.dialer(), session), images))
        )
        screen = DesktopScreen(station)
        agent = stack.enter_context(closing(DesktopAgent(station, app)))
        subscription = Subscription(client, start, settings.silence_timeout_s)
        desk = AlertDelivery(client, cases, inbox, images, screen, Recall.NEWEST)
        worker = stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts"))
        stack.callback(subscription.stop)
        # First, so that the work does not wait for a window that shows nothing any more.
        stack.callback(screen.end)
        yield agent, worker.submit(_work, subscription, desk)


def _work(subscription: Subscription, desk: AlertDelivery) -> None:
    try:
        for update in subscription.updates():
            desk.take(update)
    except ScreenGone:
        return


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Give what SIGINT and SIGTERM set."""
    wanted = threading.Event()
    before = {number: signal.signal(number, lambda *_: wanted.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ended_when(app: QApplication, over: Callable[[], bool]) -> Iterator[None]:
    """Look again and again whether the application is to end.

    Python's handlers run only when Python does: while Qt waits for events, the timer lets it.
    """
    timer = QTimer()
    timer.timeout.connect(lambda: app.quit() if over() else None)
    timer.start(_LOOK_EVERY_MS)
    try:
        yield
    finally:
        timer.stop()
