"""Sends each entry of the audit trail, and each alarm, to a syslog receiver over TLS, from its last position on.

The position is stored in the database, and moves when the receiver has read everything before it: an outage of either
side loses nothing, but may repeat the last messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog

from cekalwatch.extensions.notices.cef import alarm_event, entry_event
from cekalwatch.extensions.notices.collector import AlarmNotices, unseen
from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.extensions.notices.settings import SyslogText
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.server.audit.destinations.syslog import Severity, SyslogReceiver, message
from cekalwatch.server.audit.entry import Link, stamp
from cekalwatch.server.concurrency.outbox import DeliveryError, Dispatcher, Failing
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.wire.backoff import Backoff

TARGET: Final = "syslog:"
"""Not a valid name of a webhook."""
AUDIT: Final = "audit"
ALARMS: Final = "troubles"
PAGE: Final = 200
"""Maximum messages in one connection."""
MAX_PAGES: Final = 20
FIRST_PAUSE_S: Final = 2.0
MAX_PAUSE_S: Final = 60.0

log = structlog.get_logger()


def entry_message(entry: Link, form: SyslogText = SyslogText.JSON) -> bytes:
    """Return an entry of the audit trail as a message: its text is JSON of the chain's texts, or an event in CEF."""
    text = entry_event(entry) if form is SyslogText.CEF else json.dumps(entry._asdict())
    return message(entry.at, "audit_entry", text)


def alarm_message(notice: Notice, form: SyslogText = SyslogText.JSON) -> bytes:
    """Return the notice of an alarm as a message, with the same text, or as an event in CEF."""
    severity = Severity.NOTICE if notice.data["ended_at"] else Severity.WARNING
    text = alarm_event(notice) if form is SyslogText.CEF else notice.body()
    return message(stamp(notice.at), notice.type.replace(".", "_"), text, severity)


@dataclass(frozen=True)
class AuditEntries:
    """The entries of the audit trail."""

    audit: AuditStore

    def end(self) -> int:
        """Return the sequence of the last entry."""
        return self.audit.head()[0]

    def after(self, position: int) -> tuple[list[Link], int]:
        """Return the next entries."""
        found = list(self.audit.links_after(position, position + PAGE))
        return found, found[-1].sequence if found else position


@dataclass(frozen=True)
class Page:
    """Messages, and the position in a stream after them."""

    stream: str
    messages: Sequence[bytes]
    reached: int


@dataclass(frozen=True)
class SyslogOutbox:
    """The messages that a receiver has not read."""

    receiver: SyslogReceiver
    store: NoticeStore
    audit: AuditStore
    alarms: AlarmStore
    form: SyslogText = SyslogText.JSON

    def due(self) -> Iterator[Page]:
        """Yield the next pages of both streams."""
        for links, reached in islice(unseen(self.store, TARGET, AUDIT, AuditEntries(self.audit)), MAX_PAGES):
            yield Page(AUDIT, [entry_message(one, self.form) for one in links], reached)
        for notices, reached in islice(unseen(self.store, TARGET, ALARMS, AlarmNotices(self.alarms)), MAX_PAGES):
            yield Page(ALARMS, [alarm_message(one, self.form) for one in notices], reached)

    def send(self, page: Page) -> None:
        """Send a page in one connection; raises DeliveryError."""
        self.receiver.send(page.messages)

    def taken(self, page: Page, before: Failing | None) -> None:
        """Move the position."""
        self.store.move(TARGET, page.stream, page.reached)
        if before:
            log.info("syslog_sent_again")

    def refused(self, _: Page, error: DeliveryError, before: Failing | None) -> bool:
        """Keep the position: nothing is ever given up."""
        if before is None or before.reason != str(error):
            log.warning("syslog_not_sent", failure=error.failure, detail=error.detail)
        return False


def syslog_feed(outbox: SyslogOutbox, clock: Clock) -> Dispatcher[Page]:
    """Return the outbox that feeds a receiver, and pauses for up to a minute after a failure."""
    return Dispatcher(outbox, clock, Backoff(FIRST_PAUSE_S, MAX_PAUSE_S))
