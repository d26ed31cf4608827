"""An officer and a supervisor who settle a server's alerts by the product's adjudication, on the server's database."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

import structlog

from cekalwatch.contract.values.adjudication import UNDECIDED, UNSETTLED, AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.domain.alerts.adjudication import FollowUp
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from tests.support.scenarios.adjudication import Counter

MAX_ALERTS: Final = 1_000
ROUND_S: Final = 2.0
"""From one look at what is unsettled to the next."""
STARTS_WITHIN_S: Final = 60.0
_SPAWN: Final = multiprocessing.get_context("spawn")


class Settlers:
    """The two; they settle each alert as what it is."""

    def __init__(self, desk: Counter) -> None:
        self._desk = desk
        self._officer = desk.hire("ani", PersonRole.OFFICER)
        self._supervisor = desk.hire("sari", PersonRole.SUPERVISOR)

    def settle(self, is_theirs: Callable[[Alert], bool]) -> Iterator[Alert]:
        """Settle all alerts, and yield each: confirmed and closed where `is_theirs`, else cleared."""
        for alert in self._desk.alerts.list_alerts(AlertFilter(), None, MAX_ALERTS, AlertSearch(UNSETTLED)):
            now = self._desk.claim(alert.alert_id, self._officer)
            while now.state in UNDECIDED:
                if is_theirs(now):
                    now = self._desk.judge(now.alert_id, self._officer)
                else:
                    now = self._desk.judge(now.alert_id, self._officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
            if now.state is AlertState.REFERRED:
                now = self._desk.confirm(now.alert_id, self._supervisor)
            if now.state is AlertState.CONFIRMED:
                now = self._close(now)
            yield now

    def _close(self, alert: Alert) -> Alert:
        """Tell each agency that must be told, and close."""
        who, now = self._supervisor, self._desk.clock.now()
        while True:
            try:
                return self._desk.adjudicator.close(alert.alert_id, who, alert.version)
            except CekalwatchError as error:
                if error.code is not Code.FOLLOW_UP_MISSING:
                    raise
                agencies = error.told["agencies"].split(", ")
            for agency in agencies:
                told = FollowUp(agency, "duty desk", "two officers come", now, who.person.reference, now)
                alert = self._desk.adjudicator.follow_up(alert.alert_id, who, told, alert.version)


@contextmanager
def settled_all_along(data_dir: Path) -> Iterator[None]:
    """Have a process settle all alerts of a running server as the person that they name, until the end of the block.

    Raises RuntimeError when it does not begin, or when it ends early.
    """
    begun, stop = _SPAWN.Event(), _SPAWN.Event()
    process = _SPAWN.Process(target=_settle_on, args=(data_dir, begun, stop))
    process.start()
    try:
        if not begun.wait(STARTS_WITHIN_S):
            raise RuntimeError("nobody settles alerts")
        yield
        stop.set()
        process.join(STARTS_WITHIN_S)
        if process.exitcode:
            raise RuntimeError(f"who settles alerts ended with {process.exitcode}")
    finally:
        process.kill()


def log_warnings_only() -> None:
    """Keep what a server's parts log of each step out of a benchmark's output."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _settle_on(data_dir: Path, begun: Event, stop: Event) -> None:
    log_warnings_only()
    database = Database(f"sqlite:///{data_dir / 'cekalwatch.sqlite3'}")
    clock = SystemClock()
    keys = KeyStore.open(database, KeyFile(data_dir / "master.key"), clock, operator())
    settlers = Settlers(Counter(database, clock, keys=keys.keyring))
    begun.set()
    while not stop.wait(ROUND_S):
        for _ in settlers.settle(lambda _: True):
            continue
    for _ in settlers.settle(lambda _: True):
        continue
    database.close()
