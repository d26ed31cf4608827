"""Puts the notifier together and runs it until it is stopped: the one place where its parts meet."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from io import FileIO
from types import FrameType

from rich.console import Console

from cekalwatch.notifier.actions.claim_keeper import ClaimKeeper
from cekalwatch.notifier.client.alert_client import AlertClient
from cekalwatch.notifier.client.session_client import SessionClient
from cekalwatch.notifier.client.subscription import Subscription
from cekalwatch.notifier.client.subscription_client import Start, SubscriptionClient
from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.notifier.console.view import Painter
from cekalwatch.notifier.delivery.alert_delivery import AlertDelivery, Recall, Screen
from cekalwatch.notifier.delivery.images import ImageFolder
from cekalwatch.notifier.delivery.inbox import Inbox
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.session_file import SessionFile


class OutputFormat(StrEnum):
    """What standard output carries."""

    LIVE = "live"
    JSONL = "jsonl"


def run(settings: NotifierSettings, start: Start, output: OutputFormat) -> None:
    """Show alerts until SIGINT or SIGTERM; raises ProgramError when that cannot go on."""
    dialer = settings.dialer()
    with ExitStack() as stack:
        inbox = stack.enter_context(closing(Inbox(settings.inbox_path)))
        images = ImageFolder(settings.images_path)
        stack.callback(images.delete_all)
        screen, recall = stack.enter_context(_screen(settings, output))
        client = stack.enter_context(closing(SubscriptionClient(dialer, settings.agent_id, settings.wanted)))
        session = SessionFile(settings.session_path)
        cases = stack.enter_context(
            closing(AlertClient(settings.dialer(), settings.agent_id, settings.wanted, session))
        )
        if isinstance(screen, LiveConsole):
            sessions = SessionClient(settings.dialer(), session)
            keeper = ClaimKeeper(screen, cases, sessions, settings.agent_id, settings.idle_lock_s)
            stack.enter_context(keeper)
        subscription = Subscription(client, start, settings.silence_timeout_s)
        desk = AlertDelivery(client, cases, inbox, images, screen, recall)
        # Signals reach the main thread only, and must not fall into the middle of a showing: the work has its own.
        worker = stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts"))
        stack.callback(subscription.stop)
        with _stopped_by_signals(subscription.stop):
            worker.submit(_work, subscription, desk).result()


def _work(subscription: Subscription, desk: AlertDelivery) -> None:
    for update in subscription.updates():
        desk.take(update)


@contextmanager
def _screen(settings: NotifierSettings, output: OutputFormat) -> Iterator[tuple[Screen, Recall]]:
    if output is OutputFormat.JSONL:
        configure_logs(settings.log_level)
        with FileIO(sys.stdout.fileno(), "wb", closefd=False) as pipe:
            yield JsonLines(pipe), Recall.UNCERTAIN
        return
    console = Console()
    if not console.is_terminal:
        raise ProgramError("Standard output is no terminal; write --format jsonl for a pipe or a file", Exit.USAGE)
    # On the same terminal, log lines would tear the table; it shows the connection's state itself.
    configure_logs("error" if sys.stderr.isatty() else settings.log_level)
    painter = Painter(settings.language)
    with LiveConsole(console, painter, settings.agent_id, settings.server_address) as screen:
        yield screen, Recall.NEWEST


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the signal module's signature
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
