"""Sends what the log of notices has: to each target in order, again and again until it is taken or too old."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

import structlog

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.notices.webhook import NoticeError, Webhook
from cekalwatch.server.storage.notices.store import LoggedNotice, NoticeOutcome, NoticeStore

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


class NoticeDelivery:
    """Delivers to one webhook. It blocks."""

    def __init__(self, webhook: Webhook, store: NoticeStore, clock: Clock) -> None:
        self._webhook = webhook
        self._store = store
        self._clock = clock

    def deliver(self) -> None:
        """Send what is due, in order: while the first one fails, the others wait."""
        for notice in self._store.waiting(self._webhook.name, MAX_AT_ONCE):
            if notice.next_try_at > self._clock.now() or not self._is_settled(notice):
                return

    def _is_settled(self, notice: LoggedNotice) -> bool:
        """Try a notice once; return whether it needs no further attempt."""
        target, now = self._webhook.name, self._clock.now()
        try:
            self._webhook.send(notice.notice_id, notice.body, now)
        except NoticeError as error:
            failure = str(error)[:200]
            if error.lasting or now - notice.made_at >= GIVE_UP_AFTER:
                self._store.settle(notice, NoticeOutcome.GIVEN_UP, failure, now)
                log.error(  # noqa: TRY400  # no traceback
                    "notice_given_up", target=target, notice_id=notice.notice_id, failure=failure
                )
                return True
            if failure != notice.failure:
                log.warning("notice_not_taken", target=target, notice_id=notice.notice_id, failure=failure)
            pause = pause_after(notice.attempts + 1) * random.uniform(0.9, 1.1)  # noqa: S311  # no secret
            self._store.put_off(notice, failure, now + pause)
            return False
        self._store.settle(notice, NoticeOutcome.DELIVERED, "", self._clock.now())
        if notice.attempts:
            log.info("notices_taken_again", target=target)
        return True
