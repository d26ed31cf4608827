"""Follows the person who works at this PC by the console's commands, and keeps their claims for as long as they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import grpc
import structlog

from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.steps import RENEW_CLAIMS_EVERY

LOOK_EVERY = timedelta(seconds=2)
"""How soon the console knows of who has signed in."""

log = structlog.get_logger()


class ClaimRenewal(BackgroundThread):
    """Renews from a thread of its own. Who has run no command for `away_after_s` seconds is away: it renews nothing."""

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
        """Renew the claims that are held here, and return how many there were."""
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
