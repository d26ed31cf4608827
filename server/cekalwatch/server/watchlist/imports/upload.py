"""An import that arrives as a stream: assembles records from their chunks, and limits time and memory.

A record reserves memory before its photographs are read from the network, and releases it when it is stored; otherwise
many simultaneous imports would fill the memory. While a record waits for memory nothing is read, and gRPC's flow
control stops the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.concurrency.byte_budget import ByteBudget
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES, MAX_PHOTOS_PER_RECORD, PHOTO_CHUNK_BYTES

UPLOAD_BYTES: Final = MAX_PHOTOS_PER_RECORD * MAX_PHOTO_BYTES
"""The most bytes of photographs in transfer: a record with the largest number of the largest photographs."""
UPLOAD_WAIT_S: Final = 120.0
MAX_IMPORTS: Final = 32
"""Imports that may be under way at once."""


Message = TypeVar("Message")


class RecordAssembly:
    """One record in transfer. Its memory is limited by the photographs that it announced, and by their size."""

    def __init__(self, subject: Subject, order: BanOrder, photo_names: tuple[str, ...]) -> None:
        self._subject = subject
        self._order = order
        self._waiting = list(photo_names)
        self._photographs: list[Photograph] = []
        self._data = bytearray()
        self._size = 0

    @property
    def most_bytes(self) -> int:
        """How large its photographs can be together."""
        return (len(self._photographs) + len(self._waiting)) * MAX_PHOTO_BYTES

    @property
    def complete(self) -> bool:
        """Whether all photographs have come."""
        return not self._waiting

    def add(self, name: str, data: bytes, *, last: bool) -> None:
        """Take a chunk; raises RECORD_EXPECTED for a photograph that is not the next one announced.

        Raises ARGUMENT_INVALID for a chunk of more bytes than the contract allows.
        """
        if not self._waiting or name != self._waiting[0]:
            raise CekalwatchError(Code.RECORD_EXPECTED)
        if len(data) > PHOTO_CHUNK_BYTES:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "photo_chunk")
        self._size += len(data)
        if self._size <= MAX_PHOTO_BYTES:
            self._data += data
        if last:
            too_large = self._size > MAX_PHOTO_BYTES
            photograph = (
                Photograph(name, problem=Code.PHOTO_TOO_LARGE) if too_large else Photograph(name, bytes(self._data))
            )
            self._photographs.append(photograph)
            self._waiting.pop(0)
            self._data, self._size = bytearray(), 0

    def record(self) -> ImportRecord:
        """Return the record; photographs that did not come are marked as missing."""
        missing = [Photograph(name, problem=Code.PHOTO_MISSING) for name in self._waiting]
        return ImportRecord(self._subject, self._order, (*self._photographs, *missing))


@dataclass(frozen=True)
class UploadTimeouts:
    """How long a client may take, in seconds. Only the time counts in which the server waits for the client."""

    message_s: float
    record_s: float

    async def bounded(
        self, messages: AsyncIterator[Message], begins_record: Callable[[Message], bool]
    ) -> AsyncIterator[Message]:
        """Yield the messages as they arrive; raises UPLOAD_STALLED when one, or the rest of a record, is too late."""
        left_s = self.record_s
        clock = asyncio.get_running_loop().time
        while True:
            asked = clock()
            try:
                async with asyncio.timeout(min(self.message_s, left_s)):
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise CekalwatchError(Code.UPLOAD_STALLED) from None
            left_s = self.record_s if begins_record(message) else left_s - (clock() - asked)
            yield message


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
