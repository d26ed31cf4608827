"""The stream of alerts: resumed after every break, acknowledged, and each event once for a process that lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import grpc

from cekalwatch.client.errors import SignInNeededError
from cekalwatch.contract.values.alerts import AlertEvent, KeepAlive, Subscribed
from cekalwatch.contract.values.watchlist import NEVER_FRESH, Freshness
from cekalwatch.office.client.subscription import Subscription, SubscriptionClient
from cekalwatch.office.connection import Connection, Disconnected, StartedOver, Update
from cekalwatch.program.errors import ProgramError

_BEFORE_ALL = -1


class AlertStream:
    """Iterate over it in one thread; its other methods may be called from any.

    An event is acknowledged to the server when the next one is asked for: so a program that dies while it handles an
    event gets it again. Within one process nothing comes twice.
    """

    def __init__(self, client: SubscriptionClient, subscription: Subscription) -> None:
        self._client = client
        self._subscription = subscription
        self._newest = self._acknowledged = _BEFORE_ALL
        self.head_sequence = 0
        """The newest event of the server's log when it last said so."""
        self.connection = Connection(datetime.now(UTC))
        """Whether alerts can come now, since when, and whether a listed traveller would ring (`readiness`)."""
        self.freshness: Freshness = NEVER_FRESH
        """How old the list was when the server last said it."""
        self.waiting_alerts = 0
        """Alerts that nobody had claimed or judged when the server last said it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._client.close()

    def __iter__(self) -> Iterator[AlertEvent]:
        """Yield the events in their order until `stop`; raises SignInNeededError for history without a person."""
        for event in self.events():
            yield event
            self.acknowledge(event.sequence)

    def events(self) -> Iterator[AlertEvent]:
        """Yield the events as iterating over this does, and acknowledge none: `acknowledge` does."""
        try:
            for update in self._subscription.updates():
                self._hear(update)
                if not isinstance(update, AlertEvent):
                    continue
                if update.sequence > self._newest:
                    self._newest = update.sequence
                    yield update
                elif update.sequence <= self._acknowledged:  # the server did not hear of it
                    self.acknowledge(update.sequence)
        except ProgramError as error:
            raise SignInNeededError("SIGN_IN_NEEDED", str(error), {}) from None

    def acknowledge(self, sequence: int) -> None:
        """Tell the server that every event up to `sequence` is handled.

        Where the server is away this does nothing: the next one says as much.
        """
        self._acknowledged = max(sequence, self._acknowledged)
        with suppress(grpc.RpcError):
            self._client.acknowledge(sequence)

    def person_came(self) -> None:
        """Open the stream again for who has signed in, so that it names people."""
        self._subscription.person_came()

    def stop(self) -> None:
        """End the iteration."""
        self._subscription.stop()

    def _hear(self, update: Update) -> None:
        now = datetime.now(UTC)
        match update:
            case Subscribed() | KeepAlive():
                if update.head_sequence < self._newest:  # another log, of a restored database
                    self._newest = self._acknowledged = _BEFORE_ALL
                self.head_sequence = update.head_sequence
                self.connection = self.connection.made(now, update.readiness)
                self.freshness, self.waiting_alerts = update.freshness, update.waiting_alerts
            case Disconnected():
                self.connection = self.connection.lost(update.cause, now, update.refusal)
            case StartedOver():
                self._newest = self._acknowledged = _BEFORE_ALL
