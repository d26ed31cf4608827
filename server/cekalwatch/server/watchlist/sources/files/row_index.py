"""Sorts the rows of a list without holding them in memory, and reads cursors of sources that are files.

It is a temporary SQLite database with a small cache, in an unnamed file that disappears with it. Of a row it contains
only a digest of the key, made with a key of this process, and the day of receipt.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, Row
from cekalwatch.server.watchlist.sources.source import CursorExpired
from cekalwatch.server.watchlist.sources.written_days import WrittenDays

SORTED_BY = ("order_id", "extends_order_id", "received_on")
"""The fields that decide about a row's position."""
_BETWEEN = "|"
_DAY = len("YYYY-MM-DD")

_MAX_CHAIN = 10
_AT_ONCE = 1000


class RowKeys(NamedTuple):
    """What decides about a row's position."""

    line: int
    place: int
    order_id: str
    extends_order_id: str
    received_on: str
    """A day; two of them with a "|" between, if it can be either."""


class IndexedRow(NamedTuple):
    """A row in its sorted position."""

    line: int
    place: int
    repeated: bool
    """Whether a row further up has the same key."""


class RowIndex:
    """Rows sorted so that an order comes before its extensions, and otherwise by the day of receipt."""

    def __init__(self, rows: Iterable[RowKeys], days: WrittenDays | None = None) -> None:
        """`days` choose between the two days of a receipt, after all rows were seen."""
        self._salt = secrets.token_bytes(32)
        # One thread at a time uses it, which need not be the same one.
        self._database = sqlite3.connect("", check_same_thread=False)
        try:
            self._fill(rows, days)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete the file."""
        self._database.close()

    def _fill(self, rows: Iterable[RowKeys], days: WrittenDays | None) -> None:
        self._database.execute(
            "CREATE TABLE entry (place INTEGER PRIMARY KEY, line INTEGER, own BLOB, extends BLOB, received TEXT, "
            "depth INTEGER DEFAULT 1, repeated INTEGER DEFAULT 0)"
        )
        self._database.executemany(
            "INSERT INTO entry (place, line, own, extends, received) VALUES (?, ?, ?, ?, ?)",
            (
                (row.place, row.line, self._digest(row.order_id), self._digest(row.extends_order_id), row.received_on)
                for row in rows
            ),
        )
        chosen = days.chosen("received_on") if days else None
        self._database.execute(
            "UPDATE entry SET received = substr(received, ?, ?) WHERE received LIKE '%|%'",
            (1 + (chosen or 0) * (_DAY + len(_BETWEEN)), 0 if chosen is None else _DAY),
        )
        self._sort()

    def __len__(self) -> int:
        """Count the rows."""
        found: tuple[int] = self._database.execute("SELECT count(*) FROM entry").fetchone()
        return found[0]

    def rows(self, after: int = 0) -> Iterator[IndexedRow]:
        """Yield the rows in their order, without the first `after`."""
        found = self._database.execute(
            "SELECT line, place, repeated FROM entry ORDER BY depth, received, place LIMIT -1 OFFSET ?", (after,)
        )
        while some := found.fetchmany(_AT_ONCE):
            for line, place, repeated in some:
                yield IndexedRow(line, place, bool(repeated))

    def _sort(self) -> None:
        execute = self._database.execute
        execute("CREATE INDEX by_key ON entry (own, place)")
        execute("CREATE INDEX by_base ON entry (extends)")
        execute(
            "UPDATE entry SET repeated = 1 WHERE own IS NOT NULL AND EXISTS "
            "(SELECT 1 FROM entry AS above WHERE above.own = entry.own AND above.place < entry.place)"
        )
        # The bound ends orders that extend one another in a circle.
        for depth in range(1, _MAX_CHAIN):
            deeper = execute(
                "UPDATE entry SET depth = ? WHERE extends IN (SELECT own FROM entry WHERE depth >= ?)",
                (depth + 1, depth),
            )
            if not deeper.rowcount:
                break

    def _digest(self, key: str) -> bytes | None:
        return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16, key=self._salt).digest() if key else None


def row_keys(mapper: RecordMapper, line: int, place: int, row: Row | None) -> RowKeys:
    """Return the value that decides about a row's position; empty if it cannot be read."""
    cells = row or {}
    mapper.see(cells)
    try:
        keys = (mapper.text(cells, "order_id"), mapper.text(cells, "extends_order_id"))
    except RecordError:
        keys = ("", "")
    try:
        received = mapper.day(cells, "received_on")
    except RecordError as error:
        received = _BETWEEN.join(error.readings)
    return RowKeys(line, place, *keys, received)


def position_in(cursor: str, stamp: str) -> int:
    """Return how many rows a cursor has passed; raises CursorExpired for a cursor of another file."""
    if not cursor:
        return 0
    of_file, _, done = cursor.rpartition(":")
    if of_file != stamp or not (done.isascii() and done.isdecimal()):
        raise CursorExpired
    return int(done)
