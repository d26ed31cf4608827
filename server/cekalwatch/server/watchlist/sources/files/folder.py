"""A watchlist folder: `orders.csv` and photographs. `docs/watchlist-folder.md` describes it for those who make one.

Reading is strict: whatever cannot be read for certain is refused by its name, and nothing is guessed or left out. The
table is read twice, first for its keys and then row by row, so that memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import tzinfo
from pathlib import Path

from cekalwatch.server.watchlist.sources.files.csv_table import CsvTable
from cekalwatch.server.watchlist.sources.files.row_index import RowIndex, position_in, row_keys
from cekalwatch.server.watchlist.sources.files.settings import FolderSettings
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.photographs import FolderPhotographs
from cekalwatch.server.watchlist.sources.row_reader import RowReader
from cekalwatch.server.watchlist.sources.source import Item, Reading, SourcePage, SourceUnavailable

PAGE_ROWS = 200


class FolderSource:
    """See WatchlistSource. A reading goes on as long as its table stays as it was."""

    def __init__(self, entry: FolderSettings, zone: tzinfo) -> None:
        """Times without an offset are those of `zone`."""
        self._entry = entry
        self._open = ExitStack()
        self._reader = RowReader(RecordMapper(entry.mapping, zone), FolderPhotographs(entry.path))

    @property
    def name(self) -> str:
        """See WatchlistSource."""
        return f"folder {self._entry.path}"

    def close(self) -> None:
        """See WatchlistSource."""
        self._open.close()

    def read(self, cursor: str) -> Reading:
        """See WatchlistSource."""
        self.close()
        entry, mapper = self._entry, self._reader.mapper
        table = self._open.enter_context(CsvTable(self._file(), mapper.columns, entry.encoding, entry.other_columns))
        after = position_in(cursor, table.stamp)
        index = self._open.enter_context(
            closing(RowIndex(row_keys(mapper, row.line, row.place, row.cells) for row in table.rows()))
        )
        return Reading(whole=True, expected=len(index), pages=self._pages(table, index, after))

    def _file(self) -> Path:
        folder, file = self._entry.path, self._entry.path / self._entry.file
        if not file.is_file():
            what = f"{self._entry.file} in {folder}" if folder.is_dir() else f"folder {folder}"
            raise SourceUnavailable(f"There is no {what}")
        return file

    def _pages(self, table: CsvTable, index: RowIndex, after: int) -> Iterator[SourcePage]:
        stamp, total = table.stamp, len(index)
        items: list[Item] = []
        for done, turn in enumerate(index.turns(after), start=after + 1):
            cells = table.row_at(turn.place)
            items.append(self._reader.item(f"line {turn.line}", cells, repeated=turn.repeated))
            if len(items) == PAGE_ROWS and done < total:
                _unchanged(table, stamp)
                yield SourcePage(tuple(items), f"{stamp}:{done}")
                items.clear()
        _unchanged(table, stamp)
        yield SourcePage(tuple(items), "")


def _unchanged(table: CsvTable, stamp: str) -> None:
    if table.stamp != stamp:
        raise SourceUnavailable("The table was changed while it was read: read it again when it is complete")
