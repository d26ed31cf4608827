"""What tables in files share: the keys of their rows, and cursors that hold as long as the file stays as it was."""

from __future__ import annotations

from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.sources.files.row_index import RowKeys
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, Row
from cekalwatch.server.watchlist.sources.source import CursorExpired


def row_keys(mapper: RecordMapper, line: int, place: int, row: Row | None) -> RowKeys:
    """Return what decides about a row's turn; nothing where it cannot be read."""
    cells = row or {}
    try:
        keys = (mapper.text(cells, "order_id"), mapper.text(cells, "extends_order_id"))
    except RecordError:
        keys = ("", "")
    try:
        received = mapper.day(cells, "received_on")
    except RecordError:
        received = ""
    return RowKeys(line, place, *keys, received)


def position_in(cursor: str, stamp: str) -> int:
    """Return how many rows a cursor has behind it; raises CursorExpired when it is of another file."""
    if not cursor:
        return 0
    of_file, _, done = cursor.rpartition(":")
    if of_file != stamp or not (done.isascii() and done.isdecimal()):
        raise CursorExpired
    return int(done)
