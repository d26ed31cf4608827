"""Puts a record together from what a stream brings piece by piece: its facts, then its photographs in chunks."""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import Subject
from cekalwatch.server.watchlist.records import ImportRecord, Photograph, RecordError
from cekalwatch.server.watchlist.reports import RecordReport
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

Facts = tuple[Subject, BanOrder, tuple[str, ...]]
"""The person, the order, and the names of the photographs to come."""


class RecordAssembly:
    """One record on its way. What it holds is bounded by the photographs that it announced and their size."""

    def __init__(self, order_id: str, subject_id: str, names: tuple[str, ...], facts: Callable[[], Facts]) -> None:
        """`facts` reads what came; a RecordError makes the record a refused one, whose photographs are skipped."""
        self._waiting = list(names)
        self._photographs: list[Photograph] = []
        self._chunks: list[bytes] = []
        self._size = 0
        self.refusal: RecordReport | None = None
        try:
            self._subject, self._order, _ = facts()
        except RecordError as error:
            self.refusal = RecordReport.refused(order_id, subject_id, error)

    @property
    def complete(self) -> bool:
        """Whether all photographs have come."""
        return not self._waiting

    def add(self, name: str, data: bytes, *, last: bool) -> None:
        """Take a chunk; raises RECORD_EXPECTED for a photograph that is not the next one announced."""
        if not self._waiting or name != self._waiting[0]:
            raise CekalwatchError(Code.RECORD_EXPECTED)
        self._size += len(data)
        if self._size <= MAX_PHOTO_BYTES and self.refusal is None:
            self._chunks.append(data)
        if last:
            problem = Code.PHOTO_TOO_LARGE if self._size > MAX_PHOTO_BYTES else None
            photo = Photograph(name, problem=problem) if problem else Photograph(name, b"".join(self._chunks))
            self._photographs.append(photo)
            self._waiting.pop(0)
            self._chunks, self._size = [], 0

    def record(self) -> ImportRecord:
        """Return the record; photographs that did not come are marked as missing."""
        missing = [Photograph(name, problem=Code.PHOTO_MISSING) for name in self._waiting]
        return ImportRecord(self._subject, self._order, (*self._photographs, *missing))
