"""Sends waiting items to a destination outside the server, in order, and repeats each until it is accepted.

What waits is kept where it is safe: checkpoints in the signer's ledger, notices in their log, entries of the audit
trail where they are anyway, with the position that was reached. Destinations fail, for days too: nothing is lost then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from cekalwatch.server.foundation.clock import Clock
from cekalwatch.wire.backoff import Backoff

Batch = TypeVar("Batch")


class DeliveryFailure(StrEnum):
    """Why a destination did not accept an item."""

    UNREACHABLE = "UNREACHABLE"
    """The address does not answer, or breaks off."""
    TIMED_OUT = "TIMED_OUT"
    NOT_TRUSTED = "NOT_TRUSTED"
    """The other end's certificate is not signed by the authorities of the settings, or it does not accept ours."""
    FILES_UNREADABLE = "FILES_UNREADABLE"
    """Certificates that the settings name cannot be read."""
    FILE_NOT_WRITTEN = "FILE_NOT_WRITTEN"
    """The file cannot be written."""
    ANSWER_INVALID = "ANSWER_INVALID"
    """The answer is not a time stamp of the checkpoint, or not by an authority of the settings."""
    ANSWERED = "ANSWERED"
    """A receiver of webhooks answered with another status than 2xx, or a broker with the reason code of a failure."""
    SECRET_UNUSABLE = "SECRET_UNUSABLE"  # noqa: S105  # a code
    """The file with a webhook's secret or a broker's password, or that of a webhook's authorities, cannot be used."""


class DeliveryError(Exception):
    """A destination has not accepted an item; `lasting`: and never will. The text has no secret."""

    def __init__(self, failure: DeliveryFailure, detail: str = "", *, lasting: bool = False) -> None:
        super().__init__(f"{failure}: {detail}" if detail else str(failure))
        self.failure = failure
        self.detail = detail
        self.lasting = lasting


@dataclass(frozen=True)
class Failing:
    """A destination that takes nothing."""

    since: datetime
    failure: DeliveryFailure
    reason: str


class Outbox(Protocol[Batch]):
    """The waiting items of one destination. Methods block, and record their results permanently."""

    def due(self) -> Iterable[Batch]:
        """Yield the items to send now, oldest first; each after the previous one was accepted or given up."""

    def send(self, batch: Batch) -> None:
        """Bring it there; returns when it was taken. Raises DeliveryError. It may be sent again."""

    def taken(self, batch: Batch, before: Failing | None) -> None:
        """Record the delivery, and report that the destination accepts items again that it refused `before`."""

    def refused(self, batch: Batch, error: DeliveryError, before: Failing | None) -> bool:
        """Record the failure, and report it if it is new; return whether the item is given up."""


class Dispatcher(Generic[Batch]):
    """Delivers what one outbox has."""

    def __init__(self, outbox: Outbox[Batch], clock: Clock, backoff: Backoff | None = None) -> None:
        """With `backoff`, there is a pause after a failure; without, the outbox decides which items are due."""
        self._outbox = outbox
        self._clock = clock
        self._backoff = backoff
        self._not_before = clock.now()
        self.failing: Failing | None = None
        """What the last attempt failed with; any thread may ask."""

    def deliver(self) -> None:
        """Send due items, in order: while the first one fails, the others wait. It blocks; one thread at a time."""
        if self._clock.now() < self._not_before:
            return
        for batch in self._outbox.due():
            try:
                self._outbox.send(batch)
            except DeliveryError as error:
                if self._outbox.refused(batch, error, self.failing):
                    continue
                now = self._clock.now()
                self.failing = Failing(self.failing.since if self.failing else now, error.failure, str(error))
                if self._backoff:
                    self._not_before = now + timedelta(seconds=self._backoff.next_delay_s())
                return
            self._outbox.taken(batch, self.failing)
            self.failing = None
            if self._backoff:
                self._backoff.reset()
