"""A list of orders in a spreadsheet file (XLSX), as agencies send them, with photographs beside it.

A sheet can only be read from its top to its end, so its rows are in memory; how many those can be is bounded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook

from cekalwatch.server.watchlist.sources.files.csv_table import column_faults
from cekalwatch.server.watchlist.sources.files.row_index import RowIndex, position_in, row_keys
from cekalwatch.server.watchlist.sources.files.settings import SpreadsheetSettings
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, folded_name
from cekalwatch.server.watchlist.sources.photographs import FolderPhotographs
from cekalwatch.server.watchlist.sources.row_reader import RowReader
from cekalwatch.server.watchlist.sources.source import Item, NotAList, Reading, SourcePage, SourceUnavailable
from cekalwatch.server.watchlist.sources.values import LOST

MAX_FILE_BYTES: Final = 200_000_000
MAX_UNPACKED_BYTES: Final = 600_000_000
MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 500
PAGE_ROWS: Final = 200
_OLD_OR_SEALED: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""How files begin in which Excel keeps what it has encrypted, and kept everything before XLSX."""
_LAST_DIGITS_LOST: Final = 10**15
"""From here on Excel has kept no more than fifteen digits of a number, and zeros for the others."""

Cells = Mapping[str, object]


class SpreadsheetSource:
    """See WatchlistSource. A reading goes on as long as its file stays as it was."""

    def __init__(self, entry: SpreadsheetSettings, zone: tzinfo) -> None:
        """Times without an offset are those of `zone`."""
        self._entry = entry
        self._open = ExitStack()
        self._mapper = RecordMapper(entry.mapping, zone)
        self._reader = RowReader(self._mapper, FolderPhotographs(entry.photographs or entry.file.parent))

    @property
    def name(self) -> str:
        """See WatchlistSource."""
        return f"spreadsheet {self._entry.file}"

    def close(self) -> None:
        """See WatchlistSource."""
        self._open.close()

    def read(self, cursor: str) -> Reading:
        """See WatchlistSource."""
        self.close()
        stamp = self._stamp()
        after = position_in(cursor, stamp)
        rows = self._rows()
        keys = (row_keys(self._mapper, number, number, cells) for number, cells in rows.items())
        index = self._open.enter_context(closing(RowIndex(keys)))
        return Reading(whole=True, expected=len(index), pages=self._pages(rows, index, after, stamp))

    def _stamp(self) -> str:
        file = self._entry.file
        try:
            found = file.stat()
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {file}: {error.strerror}") from None
        if found.st_size > MAX_FILE_BYTES:
            raise NotAList(f"{file} is larger than {MAX_FILE_BYTES} bytes")
        return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"

    def _pages(self, rows: Mapping[int, Cells], index: RowIndex, after: int, stamp: str) -> Iterator[SourcePage]:
        items: list[Item] = []
        for done, turn in enumerate(index.turns(after), start=after + 1):
            items.append(self._reader.item(f"row {turn.line}", rows[turn.place], repeated=turn.repeated))
            if len(items) == PAGE_ROWS and done < len(index):
                yield SourcePage(tuple(items), f"{stamp}:{done}")
                items.clear()
        yield SourcePage(tuple(items), "")

    def _rows(self) -> dict[int, Cells]:
        """Return the rows that are not empty, by their number; raises SourceUnavailable."""
        file = self._entry.file
        try:
            _check_kind(file)
            _check_size(file)
            with file.open("rb") as stream:  # openpyxl leaves a file open that it cannot read
                # Values, not formulas.
                workbook = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
                return self._read_sheet(self._sheet(workbook))
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {file}: {error.strerror or 'damaged'}") from None
        except SourceUnavailable:
            raise
        # openpyxl lets out whatever a damaged or hostile file leads it into.
        except Exception as error:  # noqa: BLE001  # see above
            kind = type(error.__cause__ or error).__name__
            raise NotAList(f"{file} is no XLSX file that can be read ({kind}): save it anew") from None

    def _sheet(self, workbook: Any) -> Any:  # noqa: ANN401  # openpyxl's types say less than it does
        if not self._entry.sheet:
            visible = (sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible")
            return next(visible, workbook.worksheets[0])
        if self._entry.sheet not in workbook.sheetnames:
            raise NotAList(
                f"{self._entry.file} has no sheet {self._entry.sheet!r}; it has {', '.join(workbook.sheetnames)}"
            )
        return workbook[self._entry.sheet]

    def _read_sheet(self, sheet: Any) -> dict[int, Cells]:  # noqa: ANN401  # see above
        header: list[str] | None = None
        nearest = ""
        found: dict[int, Cells] = {}
        # What a file says of its own size may be wrong.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
            if header is None:
                names = [folded_name(str(cell.value or "")) for cell in cells]
                while names and not names[-1]:
                    names.pop()
                faults = column_faults(names, self._mapper.columns, self._entry.other_columns)
                if not faults:
                    header = names
                elif number >= self._entry.header_within:
                    break
                elif not nearest or len(faults) < len(nearest):
                    nearest = faults
                continue
            values = [_value(cell) for cell in cells[: len(header)]]
            if any(value is not None and value != "" for value in values):
                found[number] = dict(zip(header, [*values, *[None] * (len(header) - len(values))], strict=True))
            if len(found) > MAX_ROWS:
                raise NotAList(f"{self._entry.file} has more than {MAX_ROWS} rows: use another kind of source")
        if header is None:
            raise NotAList(
                f"No row among the first {self._entry.header_within} of {self._entry.file} names the columns of the "
                f"mapping; {nearest or 'it has none'}"
            )
        return found


def _check_kind(file: Path) -> None:
    with file.open("rb") as stream:
        if stream.read(len(_OLD_OR_SEALED)) == _OLD_OR_SEALED:
            raise NotAList(f"{file} has a password, or is an XLS of before 2007: save it as XLSX without a password")


def _check_size(file: Path) -> None:
    with zipfile.ZipFile(file) as parts:
        if sum(part.file_size for part in parts.infolist()) > MAX_UNPACKED_BYTES:
            raise NotAList(f"{file} unpacks to more than {MAX_UNPACKED_BYTES} bytes")


def _value(cell: Any) -> object:  # noqa: ANN401  # see above
    """Return a cell's value; LOST for a formula's error, and for a number whose last digits are gone."""
    value = cell.value
    if getattr(cell, "data_type", "") == "e":
        return LOST
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _LAST_DIGITS_LOST:
        return LOST
    return value.strip() if isinstance(value, str) else value
