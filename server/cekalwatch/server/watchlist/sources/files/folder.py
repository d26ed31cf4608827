"""A watchlist folder: `orders.csv` and photographs. `docs/watchlist-folder.md` describes it for those who make one.

Reading is strict: uncertain content is refused and reported; nothing is guessed or skipped silently. The table is read
twice, first for its keys and then row by row, so memory does not grow with its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import tzinfo
from itertools import islice
from pathlib import Path

from cekalwatch.server.watchlist.sources.files.csv_process import ConfinedTable
from cekalwatch.server.watchlist.sources.files.row_index import SORTED_BY, RowIndex, RowKeys, position_in, row_keys
from cekalwatch.server.watchlist.sources.handmade import HandmadeList
from cekalwatch.server.watchlist.sources.list_process import Content
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, Row
from cekalwatch.server.watchlist.sources.row_reader import FolderPhotographs, Photographs, RowReader
from cekalwatch.server.watchlist.sources.settings import FolderSettings
from cekalwatch.server.watchlist.sources.source import Reading, SourcePage, SourceUnavailable
from cekalwatch.server.watchlist.sources.written_days import DAY_FIELDS

PAGE_ROWS = 200


class FolderSource:
    """A source that is a folder. A reading can continue as long as the table does not change."""

    def __init__(
        self,
        settings: FolderSettings,
        zone: tzinfo,
        photographs: Photographs | None = None,
        content: Content | None = None,
        handmade: HandmadeList | None = None,
    ) -> None:
        """Times without an offset are those of `zone`.

        With `content`, that is the table, and the settings' file is only its name; `photographs` are those beside it.
        `handmade`: people made the list, and may have corrected cells.
        """
        self._settings = settings
        self._content = content
        self._open = ExitStack()
        beside = photographs or FolderPhotographs(settings.path)
        self._handmade = handmade
        self._days = handmade.days if handmade else None
        self._reader = RowReader(RecordMapper(settings.mapping, zone, days=self._days), beside)

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
        keys = [column for field in self._key_fields if (column := mapper.column(field))]
        table = self._open.enter_context(
            closing(
                ConfinedTable(
                    self._file(), mapper.columns, keys, settings.encoding, settings.other_columns, self._content
                )
            )
        )
        after = position_in(cursor, table.stamp)
        index = self._open.enter_context(closing(RowIndex(self._keys(table), self._days)))
        return Reading(whole=True, expected=len(index), pages=self._pages(table, index, after))

    @property
    def _key_fields(self) -> Sequence[str]:
        return (*SORTED_BY, *(DAY_FIELDS if self._days else ()))

    def _keys(self, table: ConfinedTable) -> Iterator[RowKeys]:
        for line, place, row in table.key_rows():
            yield row_keys(self._reader.mapper, line, place, self._corrected(line, row))

    def _corrected(self, line: int, row: Row | None) -> Row | None:
        return self._handmade.corrected(f"line {line}", row) if self._handmade else row

    def _file(self) -> Path:
        folder, file = self._settings.path, self._settings.path / self._settings.file
        if not self._content and not file.is_file():
            what = f"{self._settings.file} in {folder}" if folder.is_dir() else f"folder {folder}"
            raise SourceUnavailable(f"There is no {what}")
        return file

    def _pages(self, table: ConfinedTable, index: RowIndex, after: int) -> Iterator[SourcePage]:
        stamp, done, rows = table.stamp, after, index.rows(after)
        while some := list(islice(rows, PAGE_ROWS)):
            found = table.rows_at([row.place for row in some])
            if table.stamp != stamp:
                raise SourceUnavailable("The table was changed while it was read: read it again when it is complete")
            done += len(some)
            items = tuple(
                self._reader.item(f"line {row.line}", self._corrected(row.line, cells), repeated=row.repeated)
                for row, cells in zip(some, found, strict=True)
            )
            yield SourcePage(items, f"{stamp}:{done}" if done < len(index) else "")
        if done == after:
            yield SourcePage((), "")
