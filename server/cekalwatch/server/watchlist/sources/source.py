"""What every source of the watchlist is: a reading in pages, each with a place to go on from.

A source knows its transport and its mapping, and nothing of the database, of enrolment or of what was imported before.
A synchronisation compares `fingerprint` with that of the last time, so that what has not changed is neither loaded nor
embedded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.imports.reports import RecordReport


@dataclass(frozen=True)
class Offered:
    """An order that the source has, readable as far as its keys."""

    order_id: str
    subject_id: str
    fingerprint: str
    """Hexadecimal; changes whenever the row, a photograph's name or its version (ETag, or time and size) does.
    It reveals nothing of the person without the row."""
    load: Callable[[], ImportRecord]
    """Reads the photographs, which takes time and memory, and gives the record. Raises SourceUnavailable where the
    source itself has gone; a photograph that cannot be had is a `Photograph` with its problem."""


@dataclass(frozen=True)
class Withdrawn:
    """An order of which the source says that it has left (a tombstone)."""

    order_id: str


@dataclass(frozen=True)
class Refused:
    """A row that cannot be read. What was held of its order stays as it is."""

    report: RecordReport
    """REFUSED, with its reason."""
    keyed: bool
    """Whether `report.order_id` is the order's key. Else it only says where the row stands, and could be any order:
    after a reading with such a row nobody can tell which orders have left the source."""


Item = Offered | Withdrawn | Refused


@dataclass(frozen=True)
class SourcePage:
    """A part of a reading."""

    items: tuple[Item, ...]
    cursor: str
    """What `read` takes to go on after this page; that of a reading's last page asks for later changes only, where the
    source can tell them, and is empty where it cannot: the next reading is a whole one then."""


@dataclass(frozen=True)
class Reading:
    """What a source gives from one cursor on."""

    whole: bool
    """Whether an order that appears nowhere in it has left the source; false for a delta, which names what has left. A
    reading that goes on after a page is whole together with what came before, as its beginning was."""
    expected: int | None
    """Records in the whole reading, where the source says so beforehand."""
    pages: Iterator[SourcePage]
    """Read one at a time; raises SourceUnavailable. Orders come before their extensions where the source can sort."""


class WatchlistSource(Protocol):
    """Where the watchlist comes from. Methods block; one reading at a time."""

    @property
    def name(self) -> str:
        """What it is called in reports and logs: its kind and place, without a password, token or query."""

    def read(self, cursor: str) -> Reading:
        """Begin a reading: from the beginning for an empty `cursor`, else after the page that gave it.

        Raises SourceUnavailable; CursorExpired when the source no longer knows that place. What the reading before
        offered can no longer be loaded.
        """

    def close(self) -> None:
        """Let go of files and connections, of a reading that was not read to its end too. It can be read again."""


class SourceUnavailable(Exception):  # noqa: N818  # it is a state of the source
    """The source cannot be reached, or what it answers is no list; the text says what to do, without personal data."""


class NotAList(SourceUnavailable):
    """The source is there, and what it gives does not fit its configuration: a person must change one of the two."""


class CursorExpired(Exception):  # noqa: N818  # it is a state of the cursor
    """The source no longer knows the place: read from the beginning."""
