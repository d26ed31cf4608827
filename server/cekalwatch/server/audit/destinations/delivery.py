"""Sends new checkpoints to destinations outside the database, at least to a file that an auditor collects.

Each checkpoint waits in the signer's ledger until it has reached every destination.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from cekalwatch.contract.values.status import CheckpointDestination
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, HistoryChangedError
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure, Dispatcher, Failing
from cekalwatch.server.foundation.clock import Clock

MAX_AT_ONCE = 50
"""Maximum checkpoints of one delivery."""

log = structlog.get_logger()


class Destination(Protocol):
    """A destination of checkpoints."""

    @property
    def name(self) -> str:
        """Name of the destination in the ledger, in the status and in alarms."""

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Deliver checkpoints, oldest first; raises DeliveryError. The same ones may be delivered again. Blocks."""


@dataclass(frozen=True)
class CheckpointOutbox:
    """The checkpoints in the ledger that wait for one destination."""

    ledger: CheckpointLedger
    destination: Destination

    def due(self) -> Iterator[Sequence[Checkpoint]]:
        """Yield all waiting checkpoints."""
        while waiting := self.ledger.waiting(self.destination.name, MAX_AT_ONCE):
            yield waiting

    def send(self, batch: Sequence[Checkpoint]) -> None:
        """Deliver them; raises DeliveryError."""
        self.destination.deliver(batch)

    def taken(self, batch: Sequence[Checkpoint], before: Failing | None) -> None:
        """Remove them from the ledger."""
        self.ledger.reached(self.destination.name, batch[-1].number)
        if before:
            log.info("checkpoints_sent_again", destination=self.destination.name)

    def refused(self, _: Sequence[Checkpoint], error: DeliveryError, before: Failing | None) -> bool:
        """Keep them: no checkpoint is ever given up."""
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
    """Delivers the waiting checkpoints of `ledger`; one thread calls `deliver`, which blocks."""

    def __init__(self, ledger: CheckpointLedger, destinations: Sequence[Destination], clock: Clock) -> None:
        self._ledger = ledger
        self._dispatchers = {one.name: Dispatcher(CheckpointOutbox(ledger, one), clock) for one in destinations}
        self.states: tuple[CheckpointDestination, ...] = ()
        """States after the last `deliver`."""

    def deliver(self) -> None:
        """Send waiting checkpoints to each destination; a failing one does not delay the others.

        Without a ledger nothing waits, and nothing is signed; the signer reports that. Raises ProgramError.
        """
        with suppress(HistoryChangedError):
            for one in self._dispatchers.values():
                one.deliver()
            self.states = tuple(
                CheckpointDestination(
                    name, self._ledger.count_waiting(name), one.failing.failure if one.failing else ""
                )
                for name, one in self._dispatchers.items()
            )


FILE_MODE = 0o644
"""The file has no secrets, and the auditor reads it under another account."""


class CollectedFile:
    """Appends each checkpoint as a line to a file, made again if it is missing: the auditor may have moved it."""

    name = "file"

    def __init__(self, file: Path) -> None:
        self._file = file

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Append checkpoints, synced to the disk. Raises DeliveryError."""
        self.append(map(KeptCheckpoint, checkpoints))

    def append(self, kept: Iterable[KeptCheckpoint]) -> None:
        """Append checkpoints with their time stamps, as `deliver` does."""
        text = "".join(one.line() for one in kept)
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self._file, flags, FILE_MODE), "r+b", buffering=0) as stream:
                size = stream.seek(0, os.SEEK_END)
                if size:
                    stream.seek(size - 1)
                    if stream.read(1) != b"\n":  # an incomplete line, which readers skip
                        text = "\n" + text
                if stream.write(text.encode()) != len(text):
                    raise DeliveryError(DeliveryFailure.FILE_NOT_WRITTEN, "the disk is full")
                os.fsync(stream.fileno())
        except OSError as error:
            raise DeliveryError(DeliveryFailure.FILE_NOT_WRITTEN, error.strerror or type(error).__name__) from None
