"""A watchlist folder: `orders.csv` and photographs. `docs/watchlist-folder.md` describes it for those who make one.

Reading is strict: what cannot be read for certain is refused and reported, and nothing is guessed or left out. The
table is read twice, first for its keys and then row by row, so that memory does not grow with its size.
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
from cekalwatch.server.watchlist.sources.source import Reading, SourceItem, SourcePage, SourceUnavailable

PAGE_ROWS = 200


class FolderSource:
    """A source that is a folder. A reading can go on as long as the table does not change."""

    def __init__(self, settings: FolderSettings, zone: tzinfo) -> None:
        """Times without an offset are those of `zone`."""
        self._settings = settings
        self._open = ExitStack()
        self._reader = RowReader(RecordMapper(settings.mapping, zone), FolderPhotographs(settings.path))

    @property
    def name(self) -> str:
        """The folder."""
        return f"folder {self._settings.path}"

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def read(self, cursor: str) -> Reading:
        """Begin a reading."""
        self.close()
        settings, mapper = self._settings, self._reader.mapper
        table = self._open.enter_context(
            CsvTable(self._file(), mapper.columns, settings.encoding, settings.other_columns)
        )
        after = position_in(cursor, table.stamp)
        index = self._open.enter_context(
            closing(RowIndex(row_keys(mapper, row.line, row.place, row.cells) for row in table.rows()))
        )
        return Reading(whole=True, expected=len(index), pages=self._pages(table, index, after))

    def _file(self) -> Path:
        folder, file = self._settings.path, self._settings.path / self._settings.file
        if not file.is_file():
            what = f"{self._settings.file} in {folder}" if folder.is_dir() else f"folder {folder}"
            raise SourceUnavailable(f"There is no {what}")
        return file

    def _pages(self, table: CsvTable, index: RowIndex, after: int) -> Iterator[SourcePage]:
        stamp, total = table.stamp, len(index)
        items: list[SourceItem] = []
        for done, row in enumerate(index.rows(after), start=after + 1):
            cells = table.row_at(row.place)
            items.append(self._reader.item(f"line {row.line}", cells, repeated=row.repeated))
            if len(items) == PAGE_ROWS and done < total:
                _unchanged(table, stamp)
                yield SourcePage(tuple(items), f"{stamp}:{done}")
                items.clear()
        _unchanged(table, stamp)
        yield SourcePage(tuple(items), "")


def _unchanged(table: CsvTable, stamp: str) -> None:
    if table.stamp != stamp:
        raise SourceUnavailable("The table was changed while it was read: read it again when it is complete")
