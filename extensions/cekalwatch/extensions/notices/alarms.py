"""Alarms of receivers that take no notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.server.concurrency.outbox import Failing
from cekalwatch.server.domain.alarms import AlarmCondition
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.health.alarms.board import Findings, condition

TELL_AFTER: Final = timedelta(minutes=5)
"""A receiver may restart within this time."""


class Feed(Protocol):
    """What sends to one receiver."""

    failing: Failing | None


@dataclass(frozen=True)
class NoticeAlarms:
    """The rule for receivers, at the server that sends for all; `look` blocks."""

    store: NoticeStore
    webhooks: Sequence[str]
    feeds: Mapping[str, Feed]
    """Those that give nothing up, by name."""
    clock: Clock

    def look(self) -> Findings:
        """Return the receivers that fail; one that is not configured any more has no alarm."""
        return Findings(list(self._conditions()), lambda kind, _: kind is AlarmKind.NOTICES_WAITING)

    def _conditions(self) -> Iterator[AlarmCondition]:
        before = self.clock.now() - TELL_AFTER
        for name in self.webhooks:
            for first in self.store.waiting(name, 1):
                if first.attempts and first.made_at <= before:
                    yield _condition(f"webhook {name}", first.made_at, first.failure)
        for name, feed in self.feeds.items():
            if (failing := feed.failing) and failing.since <= before:
                yield _condition(name, failing.since, failing.reason)


def _condition(receiver: str, since: datetime, reason: str) -> AlarmCondition:
    printable = "".join(one if one.isprintable() else " " for one in reason)
    return condition(AlarmKind.NOTICES_WAITING, receiver, since=since, reason=printable or "-")
