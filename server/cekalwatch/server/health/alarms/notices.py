"""Faults of the receivers of notices: webhooks and syslog that take none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.troubles import Fault
from cekalwatch.server.health.alarms.findings import Findings, fault
from cekalwatch.server.notices.syslog_feed import Page
from cekalwatch.server.outbox import Dispatcher
from cekalwatch.server.storage.notices import NoticeStore

TELL_AFTER: Final = timedelta(minutes=5)
"""A receiver may be restarted meanwhile."""


@dataclass(frozen=True)
class NoticeAlarms:
    """The rule for receivers, at the server that sends for all; `look` blocks."""

    store: NoticeStore
    webhooks: Sequence[str]
    feed: Dispatcher[Page] | None
    clock: Clock

    def look(self) -> Findings:
        """Return the receivers that fail; one that is not configured any more has no fault."""
        return Findings(list(self._faults()), lambda kind, _: kind is TroubleKind.NOTICES_WAITING)

    def _faults(self) -> Iterator[Fault]:
        before = self.clock.now() - TELL_AFTER
        for name in self.webhooks:
            for first in self.store.waiting(name, 1):
                if first.attempts and first.made_at <= before:
                    yield _fault(f"webhook {name}", first.made_at, first.failure)
        if self.feed and (failing := self.feed.failing) and failing.since <= before:
            yield _fault("syslog", failing.since, failing.reason)


def _fault(receiver: str, since: datetime, reason: str) -> Fault:
    printable = "".join(one if one.isprintable() else " " for one in reason)
    return fault(TroubleKind.NOTICES_WAITING, receiver, since=since, reason=printable or "-")
