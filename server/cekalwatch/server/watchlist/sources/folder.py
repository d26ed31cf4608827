"""A watchlist folder: `orders.csv` and photographs. `docs/watchlist-folder.md` describes it for those who make one.

Reading is strict: whatever cannot be read for certain is refused by its name, and nothing is guessed or left out. The
table is read twice, first for its keys and then row by row, so that memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

from cekalwatch.server.watchlist.records import RecordError
from cekalwatch.server.watchlist.source import CursorExpired, Item, Page, Reading, SourceUnavailable
from cekalwatch.server.watchlist.sources.csv_table import CsvTable, TableRow
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.offering import Offering
from cekalwatch.server.watchlist.sources.photographs import FolderPhotographs
from cekalwatch.server.watchlist.sources.row_index import RowIndex, RowKeys
from cekalwatch.server.watchlist.sources.settings import FolderEntry

PAGE_ROWS = 200


class FolderSource:
    """See WatchlistSource. A reading goes on as long as its table stays as it was."""

    def __init__(self, entry: FolderEntry, zone: tzinfo) -> None:
        """Times without an offset are those of `zone`."""
        self._entry = entry
        self._offering = Offering(RecordMapper(entry.mapping, zone), FolderPhotographs(entry.path))

    @property
    def name(self) -> str:
        """See WatchlistSource."""
        return f"folder {self._entry.path}"

    def read(self, cursor: str) -> Reading:
        """See WatchlistSource."""
        entry, mapper = self._entry, self._offering.mapper
        table = CsvTable(self._file(), mapper.columns, entry.encoding, entry.other_columns)
        try:
            after = _position(cursor, table.stamp)
            index = RowIndex(self._keys(row) for row in table.rows())
        except BaseException:
            table.close()
            raise
        return Reading(whole=True, expected=len(index), pages=self._pages(table, index, after))

    def _file(self) -> Path:
        folder, file = self._entry.path, self._entry.path / self._entry.file
        if not file.is_file():
            what = f"{self._entry.file} in {folder}" if folder.is_dir() else f"folder {folder}"
            raise SourceUnavailable(f"There is no {what}")
        return file

    def _keys(self, row: TableRow) -> RowKeys:
        mapper, cells = self._offering.mapper, row.cells or {}
        try:
            keys = (mapper.text(cells, "order_id"), mapper.text(cells, "extends_order_id"))
        except RecordError:
            keys = ("", "")
        try:
            received = mapper.day(cells, "received_on")
        except RecordError:
            received = ""
        return RowKeys(row.line, row.place, *keys, received)

    def _pages(self, table: CsvTable, index: RowIndex, after: int) -> Iterator[Page]:
        with table:
            try:
                stamp, total = table.stamp, len(index)
                items: list[Item] = []
                for done, turn in enumerate(index.turns(after), start=after + 1):
                    cells = table.row_at(turn.place)
                    items.append(self._offering.item(f"line {turn.line}", cells, repeated=turn.repeated))
                    if len(items) == PAGE_ROWS and done < total:
                        _unchanged(table, stamp)
                        yield Page(tuple(items), f"{stamp}:{done}")
                        items.clear()
                _unchanged(table, stamp)
                yield Page(tuple(items), "")
            finally:
                index.close()


def _position(cursor: str, stamp: str) -> int:
    """Return how many rows a cursor has behind it; raises CursorExpired when it is of another table."""
    if not cursor:
        return 0
    of_table, _, done = cursor.rpartition(":")
    if of_table != stamp or not done.isdecimal():
        raise CursorExpired
    return int(done)


def _unchanged(table: CsvTable, stamp: str) -> None:
    if table.stamp != stamp:
        raise SourceUnavailable("The table was changed while it was read: read it again when it is complete")
