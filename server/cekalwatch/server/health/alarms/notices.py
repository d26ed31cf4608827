"""Faults of the receivers of notices: webhooks and syslog that take none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.troubles import MAX_DETAIL, Fault
from cekalwatch.server.health.alarms.board import Findings
from cekalwatch.server.notices.syslog_feed import SyslogFeed
from cekalwatch.server.storage.notices.store import NoticeStore

TELL_AFTER: Final = timedelta(minutes=5)
"""A receiver may be restarted meanwhile."""


@dataclass(frozen=True)
class NoticeAlarms:
    """The rule for receivers, at the server that sends for all; `look` blocks."""

    store: NoticeStore
    webhooks: Sequence[str]
    feed: SyslogFeed | None
    clock: Clock

    def look(self) -> Findings:
        """Return the receivers that fail; one that is not configured any more has no fault."""
        return Findings(self._faults(), lambda kind, _: kind is TroubleKind.NOTICES_WAITING)

    def _faults(self) -> list[Fault]:
        before, faults = self.clock.now() - TELL_AFTER, list[Fault]()
        for name in self.webhooks:
            for first in self.store.waiting(name, 1):
                if first.attempts and first.made_at <= before:
                    details = {"since": first.made_at.isoformat(timespec="seconds"), "reason": _told(first.failure)}
                    faults.append(Fault(TroubleKind.NOTICES_WAITING, f"webhook {name}", details=details))
        if self.feed and (failing := self.feed.failing) and failing.since <= before:
            details = {"since": failing.since.isoformat(timespec="seconds"), "reason": _told(failing.reason)}
            faults.append(Fault(TroubleKind.NOTICES_WAITING, "syslog", details=details))
        return faults


def _told(reason: str) -> str:
    return "".join(one if one.isprintable() else " " for one in reason)[:MAX_DETAIL] or "-"
