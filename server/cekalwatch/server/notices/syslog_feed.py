"""Sends each entry of the audit trail, and each trouble, to a syslog receiver over TLS, from where it ended last.

The position is kept in the database, and moves when the receiver has read all before: an outage of either side loses
nothing, and may bring the last ones twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from cekalwatch.server.audit.destinations.delivery import DeliveryError
from cekalwatch.server.audit.destinations.syslog import Severity, SyslogReceiver, message
from cekalwatch.server.audit.entry import Link, stamp
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.troubles import Trouble
from cekalwatch.server.notices.collector import trouble_notice
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.notices.store import NoticeStore
from cekalwatch.server.storage.troubles.store import TroubleStore

TARGET: Final = "syslog:"
"""No webhook is called so."""
AUDIT: Final = "audit"
TROUBLES: Final = "troubles"
PAGE: Final = 200
"""Messages in one connection."""
MAX_PAGES: Final = 20
FIRST_PAUSE: Final = timedelta(seconds=2)
MAX_PAUSE: Final = timedelta(minutes=1)

log = structlog.get_logger()

Page = tuple[Sequence[bytes], int]
"""Messages, and the position that is reached with them."""


def entry_message(entry: Link) -> bytes:
    """Return an entry of the audit trail as a message: its text is JSON of the texts that the chain is made of."""
    return message(entry.at, "audit_entry", json.dumps(entry._asdict()))


def trouble_message(trouble: Trouble) -> bytes:
    """Return a trouble as it stands as a message: its text is that of a notice."""
    notice = trouble_notice(trouble)
    severity = Severity.NOTICE if trouble.ended_at else Severity.WARNING
    return message(stamp(notice.at), notice.type.replace(".", "_"), notice.body(), severity)


@dataclass(frozen=True)
class FeedFailure:
    """A receiver that takes nothing."""

    since: datetime
    reason: str


class SyslogFeed:
    """Feeds one receiver. It blocks; one thread at a time."""

    def __init__(
        self, receiver: SyslogReceiver, store: NoticeStore, audit: AuditStore, troubles: TroubleStore, clock: Clock
    ) -> None:
        self._receiver = receiver
        self._store = store
        self._audit = audit
        self._troubles = troubles
        self._clock = clock
        self.failing: FeedFailure | None = None
        """What the last attempt failed with; any thread may ask."""
        self._pause = FIRST_PAUSE
        self._not_before = clock.now()

    def send(self) -> None:
        """Send what is new. A receiver that fails is tried again after a pause."""
        if self._clock.now() < self._not_before:
            return
        try:
            self._follow(AUDIT, self._audit.head()[0], self._entries)
            self._follow(TROUBLES, self._troubles.state()[0], self._changes)
        except DeliveryError as error:
            now, before = self._clock.now(), self.failing
            if before is None or before.reason != str(error):
                log.warning("syslog_not_sent", failure=error.failure, detail=error.detail)
            self.failing = FeedFailure(before.since if before else now, str(error))
            self._not_before = now + self._pause
            self._pause = min(self._pause * 2, MAX_PAUSE)
            return
        if self.failing:
            log.info("syslog_sent_again")
        self.failing, self._pause = None, FIRST_PAUSE

    def _follow(self, stream: str, end: int, after: Callable[[int], Page]) -> None:
        position = self._store.position(TARGET, stream)
        if position is None:  # for the first time: from now on
            self._store.move(TARGET, stream, end)
            return
        for _ in range(MAX_PAGES):
            messages, reached = after(position)
            if reached == position:
                return
            self._receiver.send(messages)
            self._store.move(TARGET, stream, reached)
            position = reached

    def _entries(self, position: int) -> Page:
        found = list(self._audit.links_after(position, position + PAGE))
        return list(map(entry_message, found)), found[-1].sequence if found else position

    def _changes(self, position: int) -> Page:
        found = self._troubles.changed_since(position, PAGE)
        return list(map(trouble_message, found)), found[-1].change if found else position
