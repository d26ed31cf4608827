"""Runs the notifier on a terminal or into a pipe until it is stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from enum import StrEnum
from functools import partial
from io import FileIO
from pathlib import Path

import grpc
import structlog
from rich.console import Console

from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.app import NotifierScreen, opened, stopped_by_signals
from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.console.left_pictures import PictureRecord
from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.notifier.console.picture_folder import PictureFolder
from cekalwatch.notifier.console.view import Painter
from cekalwatch.notifier.delivery.alert_delivery import Recall
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.alerts import RENEW_CLAIMS_EVERY
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.client.subscription import Start
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs

LOOK_EVERY = timedelta(seconds=2)
"""The longest time until the console notices a sign-in."""

log = structlog.get_logger()


class ClaimRenewal(BackgroundThread):
    """Follows the person who works at this PC by the console's commands, and renews their claims in its own thread.

    Who has run no command for `away_after_s` seconds is away: it renews nothing.
    """

    def __init__(
        self,
        screen: LiveConsole,
        alert_client: AlertClient,
        sessions: SessionClient,
        session_file: Path,
        person_came: Callable[[PersonSession], object],
        agent_id: str,
        away_after_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`session_file` is written by each command.

        `person_came` is told of who has signed in, before their claims are renewed.
        """
        super().__init__("claims")
        self._screen, self._alert_client, self._sessions = screen, alert_client, sessions
        self._session_file = session_file
        self._person_came, self._followed = person_came, ""
        self._agent_id, self._away_after_s, self._now = agent_id, away_after_s, now
        self._looked_at, self._due_s = "", 0.0

    def renew(self) -> int:
        """Renew this PC's claims, and return how many there were."""
        try:
            last_command = self._session_file.stat().st_mtime
        except OSError:  # nobody has signed in
            return 0
        if self._now() - last_command > self._away_after_s:
            return 0
        token, session = self._sessions.file.token(), self._sessions.whoami()
        held = self._screen.claims(session, self._agent_id)
        if token != self._followed:
            self._person_came(session)
            self._followed = token
        for alert_id in held:
            self._screen.renewed(self._alert_client.claim(alert_id))
        return len(held)

    def _round(self) -> bool:
        if self._ended.wait(LOOK_EVERY.total_seconds()):
            return False
        token = self._sessions.file.token()
        if token != self._looked_at or time.monotonic() >= self._due_s:
            self._looked_at = token
            self._due_s = time.monotonic() + RENEW_CLAIMS_EVERY.total_seconds()
            try:
                self.renew()
            except grpc.RpcError as error:
                log.warning("claims_not_renewed", code=error.code().name)
        return True


PICTURES_DEADLINE_S = 1.0
"""An alert waits no longer than this for its pictures; its text is shown without them."""
_LOOK_EVERY_S = 0.5


class OutputFormat(StrEnum):
    """What standard output carries."""

    LIVE = "live"
    JSONL = "jsonl"


def run(settings: NotifierSettings, start: Start, output: OutputFormat, *, rings: bool) -> None:
    """Show alerts until SIGINT or SIGTERM; raises ProgramError when it cannot continue.

    `rings`: whether a person hears of the alerts by the program that reads JSON lines; the live table is a screen.
    """
    with ExitStack() as stack:
        notifier = stack.enter_context(opened(settings, start, rings=rings or output is OutputFormat.LIVE))
        pictures = None
        if folder := settings.images_path:
            record = PictureRecord(settings)
            record.note(folder)
            stack.callback(record.forget)
            load = partial(notifier.alert_client.pictures, deadline_s=PICTURES_DEADLINE_S)
            pictures = stack.enter_context(PictureFolder(folder, load, settings.picture_lifetime))
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
    settings: NotifierSettings, output: OutputFormat, pictures: PictureFolder | None
) -> Iterator[tuple[NotifierScreen, Recall]]:
    if output is OutputFormat.JSONL:
        with FileIO(sys.stdout.fileno(), "wb", closefd=False) as pipe:
            yield JsonLines(pipe, pictures, Station(settings.agent_id, settings.wanted)), Recall.UNCERTAIN
        return
    console = Console()
    if not console.is_terminal:
        raise ProgramError("Standard output is no terminal; write --format jsonl for a pipe or a file", Exit.USAGE)
    # On the same terminal, log lines would tear the table; it shows the connection's state itself.
    configure_logs("error" if sys.stderr.isatty() else settings.log_level)
    painter = Painter(settings.language, settings.zone)
    station, servers = Station(settings.agent_id, settings.wanted), ", ".join(settings.server_addresses)
    with LiveConsole(console, painter, pictures, station, servers) as screen:
        yield screen, Recall.AT_HAND
