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
from cekalwatch.server.watchlist.sources.source import (
    Reading,
    SourceItem,
    SourceMisconfigured,
    SourcePage,
    SourceUnavailable,
)
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE

MAX_FILE_BYTES: Final = 200_000_000
MAX_UNPACKED_BYTES: Final = 600_000_000
MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 500
PAGE_ROWS: Final = 200
_OLD_OR_SEALED: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of encrypted Excel files, and of all Excel files before XLSX."""
_LAST_DIGITS_LOST: Final = 10**15
"""From here on Excel keeps only fifteen digits of a number, and zeros for the others."""

Cells = Mapping[str, object]


class SpreadsheetSource:
    """A source that is a spreadsheet. A reading can go on as long as the file does not change."""

    def __init__(self, settings: SpreadsheetSettings, zone: tzinfo) -> None:
        """Times without an offset are those of `zone`."""
        self._settings = settings
        self._open = ExitStack()
        self._mapper = RecordMapper(settings.mapping, zone)
        self._reader = RowReader(self._mapper, FolderPhotographs(settings.photographs or settings.file.parent))

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
        keys = (row_keys(self._mapper, number, number, cells) for number, cells in rows.items())
        index = self._open.enter_context(closing(RowIndex(keys)))
        return Reading(whole=True, expected=len(index), pages=self._pages(rows, index, after, stamp))

    def _stamp(self) -> str:
        file = self._settings.file
        try:
            found = file.stat()
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {file}: {error.strerror}") from None
        if found.st_size > MAX_FILE_BYTES:
            raise SourceMisconfigured(f"{file} is larger than {MAX_FILE_BYTES} bytes")
        return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"

    def _pages(self, rows: Mapping[int, Cells], index: RowIndex, after: int, stamp: str) -> Iterator[SourcePage]:
        items: list[SourceItem] = []
        for done, row in enumerate(index.rows(after), start=after + 1):
            items.append(self._reader.item(f"row {row.line}", rows[row.place], repeated=row.repeated))
            if len(items) == PAGE_ROWS and done < len(index):
                yield SourcePage(tuple(items), f"{stamp}:{done}")
                items.clear()
        yield SourcePage(tuple(items), "")

    def _rows(self) -> dict[int, Cells]:
        """Return the rows that are not empty, by their number; raises SourceUnavailable."""
        file = self._settings.file
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
        # openpyxl raises all kinds of exceptions for a damaged or hostile file.
        except Exception as error:  # noqa: BLE001  # see above
            kind = type(error.__cause__ or error).__name__
            raise SourceMisconfigured(f"{file} is no XLSX file that can be read ({kind}): save it anew") from None

    def _sheet(self, workbook: Any) -> Any:  # noqa: ANN401  # openpyxl's types are incomplete
        if not self._settings.sheet:
            visible = (sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible")
            return next(visible, workbook.worksheets[0])
        if self._settings.sheet not in workbook.sheetnames:
            raise SourceMisconfigured(
                f"{self._settings.file} has no sheet {self._settings.sheet!r}; it has {', '.join(workbook.sheetnames)}"
            )
        return workbook[self._settings.sheet]

    def _read_sheet(self, sheet: Any) -> dict[int, Cells]:  # noqa: ANN401  # see above
        header: list[str] | None = None
        nearest = ""
        found: dict[int, Cells] = {}
        # The size that a file states may be wrong.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
            if header is None:
                names = [folded_name(str(cell.value or "")) for cell in cells]
                while names and not names[-1]:
                    names.pop()
                faults = column_faults(names, self._mapper.columns, self._settings.other_columns)
                if not faults:
                    header = names
                elif number >= self._settings.header_within:
                    break
                elif not nearest or len(faults) < len(nearest):
                    nearest = faults
                continue
            values = [_value(cell) for cell in cells[: len(header)]]
            if any(value is not None and value != "" for value in values):
                found[number] = dict(zip(header, [*values, *[None] * (len(header) - len(values))], strict=True))
            if len(found) > MAX_ROWS:
                raise SourceMisconfigured(
                    f"{self._settings.file} has more than {MAX_ROWS} rows: use another kind of source"
                )
        if header is None:
            raise SourceMisconfigured(
                f"No row among the first {self._settings.header_within} of {self._settings.file} names the columns of "
                f"the mapping; {nearest or 'it has none'}"
            )
        return found


def _check_kind(file: Path) -> None:
    with file.open("rb") as stream:
        if stream.read(len(_OLD_OR_SEALED)) == _OLD_OR_SEALED:
            raise SourceMisconfigured(
                f"{file} has a password, or is an XLS of before 2007: save it as XLSX without a password"
            )


def _check_size(file: Path) -> None:
    with zipfile.ZipFile(file) as parts:
        if sum(part.file_size for part in parts.infolist()) > MAX_UNPACKED_BYTES:
            raise SourceMisconfigured(f"{file} unpacks to more than {MAX_UNPACKED_BYTES} bytes")


def _value(cell: Any) -> object:  # noqa: ANN401  # see above
    """Return a cell's value; DAMAGED_VALUE for a formula's error, and for a number whose last digits are gone."""
    value = cell.value
    if getattr(cell, "data_type", "") == "e":
        return DAMAGED_VALUE
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _LAST_DIGITS_LOST:
        return DAMAGED_VALUE
    return value.strip() if isinstance(value, str) else value
