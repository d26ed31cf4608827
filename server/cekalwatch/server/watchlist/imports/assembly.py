"""Puts a record together from what a stream brings piece by piece: its facts, then its photographs in chunks."""

from __future__ import annotations

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import Subject
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES, PHOTO_CHUNK_BYTES


class RecordAssembly:
    """One record on its way. What it holds is bounded by the photographs that it announced, and by their size."""

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
