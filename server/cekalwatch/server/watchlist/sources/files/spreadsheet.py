"""A list of orders in a spreadsheet file (XLSX), as agencies send them, with photographs beside it.

A sheet can only be read from top to end, so its rows are in memory, and their number is limited. A confined process
reads it.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict
from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cekalwatch.program.confined.limits import Limits
from cekalwatch.server.watchlist.sources.files.csv_table import IN_MEMORY
from cekalwatch.server.watchlist.sources.files.row_index import RowIndex, position_in, row_keys
from cekalwatch.server.watchlist.sources.files.sheet import MAX_ROWS, SheetRequest, sheet_answers
from cekalwatch.server.watchlist.sources.handmade import HandmadeList
from cekalwatch.server.watchlist.sources.list_process import Content, ListProcess
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, Row, folded_name
from cekalwatch.server.watchlist.sources.row_reader import FolderPhotographs, Photographs, RowReader
from cekalwatch.server.watchlist.sources.settings import SpreadsheetSettings
from cekalwatch.server.watchlist.sources.source import (
    Reading,
    SourceItem,
    SourcePage,
    SourceTooCostly,
    SourceUnavailable,
)

PAGE_ROWS: Final = 200
MEMORY_BYTES: Final = 1_500_000_000
PROCESSOR_S: Final = 300
MAX_ANSWER_BYTES: Final = 64_000_000
MAX_ROWS_BYTES: Final = 300_000_000
OPENPYXL: Final = MappingProxyType({"OPENPYXL_LXML": "False"})
"""openpyxl takes lxml where it is, which passes over entities; defusedxml refuses them."""

Cells = list[object] | None


class SpreadsheetSource:
    """A source that is a spreadsheet. A reading can continue as long as the file does not change."""

    def __init__(
        self,
        settings: SpreadsheetSettings,
        zone: tzinfo,
        photographs: Photographs | None = None,
        content: Content | None = None,
        handmade: HandmadeList | None = None,
    ) -> None:
        """Times without an offset are those of `zone`.

        With `content`, that is the spreadsheet, and the settings' file is only its name; `photographs` are those beside
        it. `handmade`: people made the list, and may have corrected cells.
        """
        self._content = content
        self._settings = settings
        self._open = ExitStack()
        self._handmade = handmade
        self._days = handmade.days if handmade else None
        self._mapper = RecordMapper(settings.mapping, zone, days=self._days)
        self._names = tuple(dict.fromkeys(map(folded_name, self._mapper.columns)))
        beside = photographs or FolderPhotographs(settings.photographs or settings.file.parent)
        self._reader = RowReader(self._mapper, beside)

    @property
    def name(self) -> str:
        """The file."""
        return f"spreadsheet {self._settings.file}"

    def close(self) -> None:
        """Close the index."""
        self._open.close()

    def read(self, cursor: str) -> Reading:
        """Begin a reading."""
        self.close()
        stamp = self._stamp()
        after = position_in(cursor, stamp)
        rows = self._rows()
        keys = (row_keys(self._mapper, number, number, self._row(number, cells)) for number, cells in rows.items())
        index = self._open.enter_context(closing(RowIndex(keys, self._days)))
        return Reading(whole=True, expected=len(index), pages=self._pages(rows, index, after, stamp))

    def _stamp(self) -> str:
        file = self._settings.file
        if self._content:
            return IN_MEMORY
        try:
            found = file.stat()
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {file}: {error.strerror}") from None
        return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"

    def _pages(self, rows: Mapping[int, Cells], index: RowIndex, after: int, stamp: str) -> Iterator[SourcePage]:
        items: list[SourceItem] = []
        for done, row in enumerate(index.rows(after), start=after + 1):
            cells = self._row(row.place, rows[row.place])
            items.append(self._reader.item(f"row {row.line}", cells, repeated=row.repeated))
            if len(items) == PAGE_ROWS and done < len(index):
                yield SourcePage(tuple(items), f"{stamp}:{done}")
                items.clear()
        yield SourcePage(tuple(items), "")

    def _rows(self) -> dict[int, Cells]:
        """Return the rows that are not empty, by their number; raises SourceUnavailable."""
        settings, content = self._settings, self._content
        file = settings.file if content else settings.file.absolute()
        request = SheetRequest(
            file=str(file),
            sheet=settings.sheet,
            header_within=settings.header_within,
            columns=self._mapper.columns,
            other_columns=settings.other_columns,
            size=len(content.data) if content else None,
        )
        # openpyxl looks for the system's lists of kinds of files.
        readable = (*(() if content else (file,)), *map(Path, mimetypes.knownfiles))
        limits = Limits(memory_bytes=MEMORY_BYTES, processor_s=PROCESSOR_S, readable=readable)
        found: dict[int, Cells] = {}
        reading = ListProcess(sheet_answers, str(settings.file), limits, MAX_ANSWER_BYTES, OPENPYXL)
        with closing(reading) as process:
            asked = json.dumps(asdict(request)).encode()
            some = process.begin_with(asked, content) if content else process.begin(asked)
            while some:
                if not isinstance(some, list) or len(found) + len(some) > MAX_ROWS:
                    raise process.unfit()
                for row in some:
                    match row:
                        case [int(number), [*_] | None as cells] if cells is None or len(cells) == len(self._names):
                            found[number] = cells
                        case _:
                            raise process.unfit()
                # One text that many cells share is many texts here.
                if process.answered_bytes > MAX_ROWS_BYTES:
                    raise SourceTooCostly(f"The rows of {settings.file} have more than {MAX_ROWS_BYTES} bytes together")
                some = process.ask()
        return found

    def _row(self, number: int, cells: Cells) -> Row | None:
        row = None if cells is None else dict(zip(self._names, cells, strict=True))
        return self._handmade.corrected(f"row {number}", row) if self._handmade else row
