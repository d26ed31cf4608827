"""Sends checkpoints away as they are made: each waits in the signer's ledger until it has reached every destination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, HistoryChangedError
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.outbox import DeliveryError, DeliveryFailure, Dispatcher, Failing

MAX_AT_ONCE = 50
"""Checkpoints of one delivery."""

log = structlog.get_logger()


class Destination(Protocol):
    """Where checkpoints go."""

    @property
    def name(self) -> str:
        """What it is called in the ledger, in the status and in troubles."""

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Bring checkpoints there, oldest first; raises DeliveryError. It may get the same ones again. Blocks."""


@dataclass(frozen=True)
class DestinationState:
    """State of a destination after the last delivery."""

    name: str
    waiting: int
    """Checkpoints that have not reached it."""
    failure: DeliveryFailure | None
    """Why the last try failed; None: it did not."""


@dataclass(frozen=True)
class CheckpointOutbox:
    """What waits in the ledger for one destination."""

    ledger: CheckpointLedger
    destination: Destination

    def due(self) -> Iterator[Sequence[Checkpoint]]:
        """Yield all checkpoints that wait."""
        while waiting := self.ledger.waiting(self.destination.name, MAX_AT_ONCE):
            yield waiting

    def send(self, batch: Sequence[Checkpoint]) -> None:
        """Bring them there; raises DeliveryError."""
        self.destination.deliver(batch)

    def taken(self, batch: Sequence[Checkpoint], before: Failing | None) -> None:
        """Remove them from the ledger."""
        self.ledger.reached(self.destination.name, batch[-1].number)
        if before:
            log.info("checkpoints_sent_again", destination=self.destination.name)

    def refused(self, _: Sequence[Checkpoint], error: DeliveryError, before: Failing | None) -> bool:
        """Keep them: none is ever given up."""
        if before is None or before.failure is not error.failure:
            log.warning(
                "checkpoints_not_sent",
                destination=self.destination.name,
                failure=error.failure,
                detail=error.detail,
                waiting=self.ledger.count_waiting(self.destination.name),
            )
        return False


class CheckpointDelivery:
    """Delivers what waits in `ledger`; one thread calls `deliver`, which blocks."""

    def __init__(self, ledger: CheckpointLedger, destinations: Sequence[Destination], clock: Clock) -> None:
        self._ledger = ledger
        self._dispatchers = {one.name: Dispatcher(CheckpointOutbox(ledger, one), clock) for one in destinations}
        self.states: tuple[DestinationState, ...] = ()
        """As of the last `deliver`."""

    def deliver(self) -> None:
        """Send what waits to each destination; one that fails does not keep the others.

        Without a ledger nothing waits, and nothing is signed; the signer tells that. Raises ProgramError.
        """
        with suppress(HistoryChangedError):
            for one in self._dispatchers.values():
                one.deliver()
            self.states = tuple(
                DestinationState(name, self._ledger.count_waiting(name), one.failing.failure if one.failing else None)
                for name, one in self._dispatchers.items()
            )
