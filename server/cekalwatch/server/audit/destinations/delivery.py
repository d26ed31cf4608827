"""Sends checkpoints away as they are made: each waits in the signer's ledger until it has reached every destination.

Destinations fail, for days too. Nothing is lost then: it is tried again, and people are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.history import HistoryChangedError

MAX_AT_ONCE = 50
"""Checkpoints that are sent one after another before the next look at what else is to do."""

log = structlog.get_logger()


class DeliveryFailure(StrEnum):
    """Why checkpoints do not reach a destination."""

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
    """What came is no time stamp over the checkpoint, or not by an authority of the settings."""


class DeliveryError(Exception):
    """Checkpoints have not reached a destination; they are sent again."""

    def __init__(self, failure: DeliveryFailure, detail: str = "") -> None:
        super().__init__(f"{failure}: {detail}" if detail else str(failure))
        self.failure = failure
        self.detail = detail


class Destination(Protocol):
    """Where checkpoints go."""

    @property
    def name(self) -> str:
        """What it is called in the ledger, in the status and in troubles."""

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Bring checkpoints there, oldest first; raises DeliveryError. It may get the same ones again. Blocks."""


@dataclass(frozen=True)
class DestinationState:
    """How it stands with a destination."""

    name: str
    waiting: int
    """Checkpoints that have not reached it."""
    failure: DeliveryFailure | None
    """Why the last try failed; None: it did not."""


class CheckpointDelivery:
    """Delivers what waits in `ledger`; one thread calls `deliver`, which blocks."""

    def __init__(self, ledger: CheckpointLedger, destinations: Sequence[Destination]) -> None:
        self._ledger = ledger
        self._destinations = tuple(destinations)
        self._failures: dict[str, DeliveryFailure] = {}
        self.states: tuple[DestinationState, ...] = ()
        """As of the last `deliver`."""

    def deliver(self) -> None:
        """Send what waits to each destination; one that fails does not keep the others.

        Without a ledger nothing waits, and nothing is signed; the signer tells that. Raises ProgramError.
        """
        with suppress(HistoryChangedError):
            for one in self._destinations:
                self._bring(one)
            self.states = tuple(
                DestinationState(one.name, self._ledger.count_waiting(one.name), self._failures.get(one.name))
                for one in self._destinations
            )

    def _bring(self, destination: Destination) -> None:
        while waiting := self._ledger.waiting(destination.name, MAX_AT_ONCE):
            try:
                destination.deliver(waiting)
            except DeliveryError as error:
                if self._failures.get(destination.name) is not error.failure:
                    log.warning(
                        "checkpoints_not_sent",
                        destination=destination.name,
                        failure=error.failure,
                        detail=error.detail,
                        waiting=self._ledger.count_waiting(destination.name),
                    )
                self._failures[destination.name] = error.failure
                return
            self._ledger.reached(destination.name, waiting[-1].number)
            if self._failures.pop(destination.name, None):
                log.info("checkpoints_sent_again", destination=destination.name)
