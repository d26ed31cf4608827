"""Reads the rows of a spreadsheet (XLSX) with openpyxl, in a confined process: bounded in rows, columns and parts.

openpyxl invents missing parts, and stops at wrong ones. Here each existing row is returned, and an unreadable cell does
not affect other cells.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from io import SEEK_END
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final, Literal, Self
from xml.etree.ElementTree import Element

from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import WorkSheetParser

from cekalwatch.server.watchlist.sources.files.csv_table import column_faults
from cekalwatch.server.watchlist.sources.files.shared_texts import SpreadsheetReader
from cekalwatch.server.watchlist.sources.list_process import (
    OLD_OR_SEALED,
    array,
    refusing,
    taken_in,
    written,
    written_row,
)
from cekalwatch.server.watchlist.sources.mapping import folded_name
from cekalwatch.server.watchlist.sources.source import (
    ColumnsWrong,
    SourceMisconfigured,
    SourceSealed,
    SourceUnavailable,
)
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE

MAX_FILE_BYTES: Final = 200_000_000
MAX_UNPACKED_BYTES: Final = 600_000_000
MAX_PART_BYTES: Final = 400_000_000
"""Of a sheet, of the texts that sheets share, and of what is not read at all, unpacked."""
MAX_SMALLER_PART_BYTES: Final = MappingProxyType(
    {
        "[content_types].xml": 1_000_000,
        "_rels/": 1_000_000,
        "docprops/": 1_000_000,
        "xl/_rels/": 1_000_000,
        "xl/workbook.xml": 1_000_000,
        "xl/worksheets/_rels/": 1_000_000,
        "xl/styles.xml": 16_000_000,
        "xl/theme/": 16_000_000,
    }
)
"""Of other parts, by how their names begin in lower case: what the file has in it, names of sheets, styles."""
MAX_PARTS: Final = 10_000
MAX_ROWS: Final = 100_000
LAST_ROW: Final = 1_048_576
"""Where the rows of a spreadsheet end."""
MAX_COLUMNS: Final = 500
ROWS_AT_ONCE: Final = 200

_LAST_DIGITS_LOST: Final = 10**15
"""From here on Excel keeps only fifteen digits of a number, and zeros for the others."""


@dataclass(frozen=True, kw_only=True)
class SheetRequest:
    """The file to read, and the part of it."""

    file: str
    sheet: str
    """Name of the sheet; when empty, the first visible one."""
    header_within: int
    columns: tuple[str, ...]
    """The names of the columns that are given."""
    other_columns: Literal["refuse", "ignore"]
    size: int | None = None
    """Bytes of the file where it is sent after the request, and `file` is only its name."""

    @classmethod
    def of(cls, request: bytes) -> Self:
        """Read one that was sent as JSON."""
        document = json.loads(request)
        return cls(**{**document, "columns": tuple(document["columns"])})


@refusing
def sheet_answers(request: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process, with the rows that are not empty, some at a time, and then with none."""
    asked = SheetRequest.of(request)
    content = None if asked.size is None else (yield from taken_in(asked.size, written(None)))
    found = rows(asked, content)
    while some := [array((written(number), written_row(cells))) for number, cells in islice(found, ROWS_AT_ONCE)]:
        yield array(some)
    yield array(())


def rows(asked: SheetRequest, content: BinaryIO | None = None) -> Iterator[tuple[int, list[object] | None]]:
    """Yield number and cells of the rows that are not empty; None for a row whose cells have no position.

    Raises SourceUnavailable.
    """
    file = Path(asked.file)
    try:
        with content or file.open("rb") as stream:  # openpyxl leaves a file open that it cannot read
            _check_kind(file, stream)
            _check_size(file, stream)
            # Values, not formulas.
            reader = SpreadsheetReader(stream, read_only=True, data_only=True, keep_links=False)
            reader.read()
            yield from _sheet_rows(_sheet(reader.wb, asked), asked)
    except OSError as error:
        raise SourceUnavailable(f"Cannot read {file}: {error.strerror or 'damaged'}") from None
    except (SourceUnavailable, MemoryError):
        raise
    # openpyxl raises all kinds of exceptions for a damaged or hostile file.
    except Exception as error:  # noqa: BLE001  # see above
        kind = type(error.__cause__ or error).__name__
        raise SourceMisconfigured(f"{file} is no XLSX file that can be read ({kind}): save it anew") from None


def _check_kind(file: Path, stream: BinaryIO) -> None:
    if stream.seek(0, SEEK_END) > MAX_FILE_BYTES:
        raise SourceMisconfigured(f"{file} is larger than {MAX_FILE_BYTES} bytes")
    stream.seek(0)
    if stream.read(len(OLD_OR_SEALED)) == OLD_OR_SEALED:
        raise SourceSealed(f"{file} has a password, or is an XLS of before 2007: save it as XLSX without a password")


def _check_size(file: Path, stream: BinaryIO) -> None:
    """Refuse a file that unpacks to too much. zipfile returns no more of a part than its stated size."""
    with zipfile.ZipFile(stream) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS:
            raise SourceMisconfigured(f"{file} has more than {MAX_PARTS} parts")
        if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            raise SourceMisconfigured(f"{file} unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        for part in parts:
            name = part.filename.lower()
            smaller = (bound for begin, bound in MAX_SMALLER_PART_BYTES.items() if name.startswith(begin))
            most = next(smaller, MAX_PART_BYTES)
            if part.file_size > most:
                raise SourceMisconfigured(f"{file} has a part {name[:100]!r} that unpacks to more than {most} bytes")


def _sheet(workbook: Any, asked: SheetRequest) -> Any:  # noqa: ANN401  # openpyxl's types are incomplete
    if not asked.sheet:
        visible = (sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible")
        return next(visible, workbook.worksheets[0])
    if asked.sheet not in workbook.sheetnames:
        names = ", ".join(workbook.sheetnames)
        raise SourceMisconfigured(f"{asked.file} has no sheet {asked.sheet!r}; it has {names}")
    return workbook[asked.sheet]


def _sheet_rows(sheet: Any, asked: SheetRequest) -> Iterator[tuple[int, list[object] | None]]:  # noqa: ANN401  # see above
    header: list[str] | None = None
    nearest = ""
    count = 0
    wanted = tuple(dict.fromkeys(map(folded_name, asked.columns)))
    for number, cells in _parsed_rows(sheet, asked.file):
        if header is None:
            if number > asked.header_within:
                break
            names = [folded_name(str(value or "")) for value in cells or ()]
            while names and not names[-1]:
                names.pop()
            faults = column_faults(names, asked.columns, asked.other_columns)
            if not faults:
                header = names
            elif not nearest or len(faults) < len(nearest):
                nearest = faults
            continue
        if cells is not None and not any(value not in (None, "") for value in cells[: len(header)]):
            continue
        count += 1
        if count > MAX_ROWS:
            raise SourceMisconfigured(f"{asked.file} has more than {MAX_ROWS} rows: use another kind of source")
        yield number, _picked(header, cells, wanted)
    if header is None:
        raise ColumnsWrong(
            f"No row among the first {asked.header_within} of {asked.file} names the columns of the mapping; "
            f"{nearest or 'it has none'}"
        )


def _picked(header: Sequence[str], cells: Sequence[object] | None, wanted: Sequence[str]) -> list[object] | None:
    if cells is None:
        return None
    found = dict(zip(header, [*cells, *[None] * (len(header) - len(cells))], strict=False))
    return [found.get(name) for name in wanted]


def _parsed_rows(sheet: Any, file: str) -> Iterator[tuple[int, list[object] | None]]:  # noqa: ANN401  # see above
    """Yield the rows that the sheet has, none in place of those between them."""
    if not isinstance(sheet, ReadOnlyWorksheet):  # a sheet that is a chart
        raise SourceMisconfigured(f"The sheet {sheet.title!r} of {file} has no rows")
    before = 0
    for number, cells in _RowParser.of(sheet).parse():
        if not before < number <= LAST_ROW:
            raise SourceMisconfigured(
                f"{file} has a row {number} after row {before}: rows rise, and end at {LAST_ROW}; save it anew"
            )
        before = number
        yield number, cells


class _RowParser(WorkSheetParser):
    """openpyxl's parser of a sheet, which gives the values of each row; None for one whose cells have no place."""

    @classmethod
    def of(cls, sheet: Any) -> Self:  # noqa: ANN401  # see above
        book = sheet.parent
        return cls(
            sheet._get_source(),  # noqa: SLF001  # there is no other way to its XML
            sheet._shared_strings,  # noqa: SLF001
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )

    def parse_row(self, row: Any) -> tuple[int, Any]:  # noqa: ANN401  # see above
        number, cells = super().parse_row(row)
        values: list[object] = []
        for cell in cells:
            column = cell["column"]
            if column is None:
                return number, None
            if column > MAX_COLUMNS:
                continue
            values.extend([None] * (column - len(values)))
            values[column - 1] = _value(cell["value"], cell["data_type"])
        return number, values

    def parse_row_dimensions(self, attrs: object) -> None:
        """Heights of rows say nothing."""

    def parse_cell(self, element: Element) -> dict[str, Any]:
        try:
            return dict(super().parse_cell(element))
        except (ValueError, IndexError, OverflowError, TypeError, AttributeError):
            return {"column": self._column(element), "value": DAMAGED_VALUE, "data_type": "e"}

    def _column(self, element: Element) -> int | None:
        """Return the position of an unreadable cell, None if it has none."""
        place = element.get("r")
        try:
            if place:
                self.col_counter = coordinate_to_tuple(place)[1]
        except ValueError:
            return None
        return int(self.col_counter)


def _value(value: object, kind: str) -> object:
    """Return a cell's value; DAMAGED_VALUE for a formula's error, and for a number whose last digits are gone."""
    if kind == "e":
        return DAMAGED_VALUE
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _LAST_DIGITS_LOST:
        return DAMAGED_VALUE
    return value.strip() if isinstance(value, str) else value
