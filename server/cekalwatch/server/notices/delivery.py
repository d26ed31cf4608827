"""Sends what the log of notices has to a webhook: each until it is taken or too old."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.notices.webhook import Webhook
from cekalwatch.server.outbox import DeliveryError, Failing
from cekalwatch.server.storage.notices import LoggedNotice, NoticeOutcome, NoticeStore

MAX_AT_ONCE: Final = 50
"""Notices that are sent one after another before the next look at what else is to do."""
FIRST_PAUSE: Final = timedelta(seconds=5)
MAX_PAUSE: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(hours=72)
"""A receiver that is away for a weekend misses nothing."""

log = structlog.get_logger()


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after that many failed attempts, from 1: 5 s, then three times as long, up to an hour."""
    factor: int = 3 ** min(attempts - 1, 10)
    return min(FIRST_PAUSE * factor, MAX_PAUSE)


@dataclass(frozen=True)
class NoticeOutbox:
    """What waits in the log for one webhook. The log keeps attempts and failures, for people and over restarts."""

    webhook: Webhook
    store: NoticeStore
    clock: Clock

    def due(self) -> Iterator[LoggedNotice]:
        """Yield the first notices, up to one that is not due yet."""
        for notice in self.store.waiting(self.webhook.name, MAX_AT_ONCE):
            if notice.next_try_at > self.clock.now():
                return
            yield notice

    def send(self, notice: LoggedNotice) -> None:
        """Post it; raises DeliveryError."""
        self.webhook.send(notice.notice_id, notice.body, self.clock.now())

    def taken(self, notice: LoggedNotice, _: Failing | None) -> None:
        """Settle it."""
        self.store.settle(notice, NoticeOutcome.DELIVERED, "", self.clock.now())
        if notice.attempts:
            log.info("notices_taken_again", target=self.webhook.name)

    def refused(self, notice: LoggedNotice, error: DeliveryError, _: Failing | None) -> bool:
        """Put it off, or give it up when it will never be taken, or is too old."""
        target, now, failure = self.webhook.name, self.clock.now(), str(error)[:200]
        if error.lasting or now - notice.made_at >= GIVE_UP_AFTER:
            self.store.settle(notice, NoticeOutcome.GIVEN_UP, failure, now)
            log.error("notice_given_up", target=target, notice_id=notice.notice_id, failure=failure)
            return True
        if failure != notice.failure:
            log.warning("notice_not_taken", target=target, notice_id=notice.notice_id, failure=failure)
        pause = pause_after(notice.attempts + 1) * random.uniform(0.9, 1.1)  # noqa: S311  # no secret
        self.store.put_off(notice, failure, now + pause)
        return False
