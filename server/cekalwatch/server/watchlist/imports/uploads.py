"""Room for the photographs of imports that are under way: a record takes it before they are read from the network.

A record holds its photographs until it is stored, so that without this, many imports at once would fill the memory. Who
waits for room is not read from meanwhile: gRPC's flow control holds the client back.
"""

from __future__ import annotations

from typing import Final

from cekalwatch.server.concurrency.byte_budget import ByteBudget
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES, MAX_PHOTOS_PER_RECORD

UPLOAD_BYTES: Final = MAX_PHOTOS_PER_RECORD * MAX_PHOTO_BYTES
"""What photographs on their way may take together: a record with as many and as large ones as there can be."""
UPLOAD_WAIT_S: Final = 120.0
MAX_IMPORTS: Final = 32
"""Imports that may be under way at once."""


class Uploads:
    """The room that all imports share; it belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._budget = ByteBudget(UPLOAD_BYTES, UPLOAD_WAIT_S)
        self._open = 0

    def open(self) -> Upload:
        """Begin an import; raises SERVER_BUSY when there are too many. `close` must follow."""
        if self._open >= MAX_IMPORTS:
            raise CekalwatchError(Code.SERVER_BUSY, f"{self._open} imports")
        self._open += 1
        return Upload(self, self._budget)

    def closed(self) -> None:
        """Count one import less."""
        self._open -= 1


class Upload:
    """One import's room, of all its records together."""

    def __init__(self, uploads: Uploads, budget: ByteBudget) -> None:
        self._uploads = uploads
        self._budget = budget
        self._held = 0
        self._closed = False

    async def take(self, amount: int) -> None:
        """Have room for `amount` bytes more; raises SERVER_BUSY when it took too long."""
        await self._budget.take(amount)
        if self._closed:  # the client vanished in the same moment
            self._budget.give_back(amount)
            raise CekalwatchError(Code.UPLOAD_STALLED)
        self._held += amount

    def give_back(self, amount: int) -> None:
        """Leave `amount` bytes to others: less came than there could have, or it is stored."""
        if not self._closed:
            self._held -= amount
            self._budget.give_back(amount)

    def close(self) -> None:
        """End the import, once or more often."""
        if not self._closed:
            self.give_back(self._held)
            self._closed = True
            self._uploads.closed()
