"""Runs the notifier on a terminal or into a pipe until it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from io import FileIO

from rich.console import Console

from cekalwatch.notifier.app import NotifierScreen, opened, stopped_by_signals
from cekalwatch.notifier.console.claim_renewal import ClaimRenewal
from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.notifier.console.picture_folder import PictureFolder
from cekalwatch.notifier.console.view import Painter
from cekalwatch.notifier.delivery.alert_delivery import Recall
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.subscription import Start
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs

PICTURES_DEADLINE_S = 1.0
"""An alert waits no longer than this for its pictures; its text is shown without them."""
_LOOK_EVERY_S = 0.5


class OutputFormat(StrEnum):
    """What standard output carries."""

    LIVE = "live"
    JSONL = "jsonl"


def run(settings: NotifierSettings, start: Start, output: OutputFormat) -> None:
    """Show alerts until SIGINT or SIGTERM; raises ProgramError when that cannot go on."""
    with ExitStack() as stack:
        notifier = stack.enter_context(opened(settings, start))
        pictures = stack.enter_context(
            PictureFolder(
                settings.images_path,
                partial(notifier.alert_client.pictures, deadline_s=PICTURES_DEADLINE_S),
                settings.picture_lifetime,
            )
        )
        screen, recall = stack.enter_context(_screen(settings, output, pictures))
        delivery = notifier.delivery(screen, recall)
        if isinstance(screen, LiveConsole):
            renewal = ClaimRenewal(
                screen,
                notifier.alert_client,
                notifier.sessions,
                settings.session_path,
                delivery.person_came,
                settings.agent_id,
                settings.idle_lock_seconds,
            )
            stack.enter_context(renewal)
        # Signals reach the main thread only. They must not interrupt the showing of an alert: it has its own thread.
        worker = stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts"))
        stack.callback(notifier.subscription.stop)
        with stopped_by_signals(notifier.subscription.stop):
            work = worker.submit(notifier.deliver, delivery, screen)
            # A signal that comes in the moment before a wait begins is handled only when that wait ends.
            while wait([work], _LOOK_EVERY_S).not_done:
                pass
            work.result()


@contextmanager
def _screen(
    settings: NotifierSettings, output: OutputFormat, pictures: PictureFolder
) -> Iterator[tuple[NotifierScreen, Recall]]:
    if output is OutputFormat.JSONL:
        with FileIO(sys.stdout.fileno(), "wb", closefd=False) as pipe:
            yield JsonLines(pipe, pictures, settings.counters), Recall.UNCERTAIN
        return
    console = Console()
    if not console.is_terminal:
        raise ProgramError("Standard output is no terminal; write --format jsonl for a pipe or a file", Exit.USAGE)
    # On the same terminal, log lines would tear the table; it shows the connection's state itself.
    configure_logs("error" if sys.stderr.isatty() else settings.log_level)
    painter = Painter(settings.language, settings.zone)
    agent_id, servers = settings.agent_id, ", ".join(settings.server_addresses)
    with LiveConsole(console, painter, pictures, agent_id, servers, settings.counters) as screen:
        yield screen, Recall.AT_HAND
