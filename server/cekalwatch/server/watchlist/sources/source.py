"""The interface of sources of the watchlist: a reading in pages, each with a cursor to continue from.

A source knows its transport and its mapping, and nothing of the database, of enrolment or of earlier imports. A
synchronisation compares `fingerprint` with the last one, so that unchanged records are neither loaded nor embedded
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import ImportRecord


def whole_reading_is_due(whole_at: float, now: float, every_h: float) -> bool:
    """Whether the whole list must be read again; the last whole reading began at `whole_at`, seconds since 1970.

    A time in the future, written by a wrong clock, counts as due: otherwise the reading would wait until then.
    """
    return not 0 <= now - whole_at < every_h * 3600


@dataclass(frozen=True)
class OfferedOrder:
    """An order that the source has, and whose keys can be read."""

    order_id: str
    subject_id: str
    fingerprint: str
    """Hexadecimal; it changes with the row, and with a photograph's name or version (ETag, or time and size).
    Without the row it reveals nothing of the person."""
    load: Callable[[], ImportRecord]
    """Reads the photographs, which takes time and memory, and returns the record. Raises SourceUnavailable when the
    source itself fails; an unreadable photograph is a `Photograph` with its problem."""


@dataclass(frozen=True)
class WithdrawnOrder:
    """An order that the source says it no longer has (a tombstone)."""

    order_id: str


@dataclass(frozen=True)
class WithdrawnOthers:
    """Of one subject, the source no longer has other orders than these; it is no order itself."""

    subject_id: str
    but: frozenset[str]
    """Keys of the orders that it has."""


@dataclass(frozen=True)
class DeletedSubject:
    """The source has deleted or erased a subject, with all orders; it is no order itself."""

    subject_id: str


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be read. The stored version of its order stays unchanged."""

    report: RecordReport
    """REFUSED, with its reason."""
    keyed: bool
    """Whether `report.order_id` is the order's key. Otherwise it only locates the row, which could be any order: after
    a reading with such a row, nobody knows which orders have left the source."""


SourceItem = OfferedOrder | WithdrawnOrder | WithdrawnOthers | DeletedSubject | RefusedRow


@dataclass(frozen=True)
class SourcePage:
    """A part of a reading."""

    items: tuple[SourceItem, ...]
    cursor: str
    """Cursor for `read` to continue after this page. That of a reading's last page asks only for later changes; it is
    empty if the source cannot report changes, so that the next reading is a whole one."""


@dataclass(frozen=True)
class Reading:
    """The records of a source from one cursor on."""

    whole: bool
    """Whether orders that do not appear in it have left the source; False for a reading of changes, which names orders
    that left. A reading that continues after a page is whole if its beginning was."""
    expected: int | None
    """Records in the whole reading, if the source gives the number beforehand."""
    pages: Iterator[SourcePage]
    """Read one at a time; raises SourceUnavailable. Orders come before their extensions if the source can sort."""


class WatchlistSource(Protocol):
    """Where the watchlist comes from. Methods block; one reading at a time."""

    @property
    def name(self) -> str:
        """Its name in reports and logs: kind and place, without a password, token or query."""

    def read(self, cursor: str) -> Reading:
        """Begin a reading: from the beginning for an empty `cursor`, else after the page that gave it.

        Raises SourceUnavailable, and CursorExpired when the source no longer knows the cursor. Orders of the previous
        reading can no longer be loaded.
        """

    def close(self) -> None:
        """Close files and connections, also of an unfinished reading. It can be read again."""


class SourceUnavailable(Exception):  # noqa: N818  # it is a state of the source
    """The source cannot be reached, or gives no list; the text says what to do, without personal data."""

    code = Code.SOURCE_UNAVAILABLE
    """What its run is recorded with."""


class SourceMisconfigured(SourceUnavailable):
    """The source answers, but its content does not fit its settings: a person must change one of them."""

    code = Code.SOURCE_UNREADABLE


class SourceSealed(SourceMisconfigured):
    """The list is in a file with a password, or in one of a form that nobody reads here."""


class ColumnsWrong(SourceMisconfigured):
    """The table does not have the columns of the mapping."""


class SourceRefused(SourceMisconfigured):
    """The source does not let this server in: a person must change that there or here."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class BrokenPage(SourceUnavailable):
    """A page of a list that is not JSON; perhaps it was cut off, and is complete the next time."""


class SourceTooCostly(SourceMisconfigured):
    """Reading the list takes more memory or time than it may: it is damaged, made to do harm, or too large."""

    code = Code.SOURCE_TOO_COSTLY


class CursorExpired(Exception):  # noqa: N818  # it is a state of the cursor
    """The source no longer knows the cursor: read from the beginning."""
