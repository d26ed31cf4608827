"""Reads a CSV table strictly: known encoding, known columns, and rows that fit them. It knows no column's meaning.

Only one row is in memory at a time, and any row can be read again by its position.
"""

from __future__ import annotations

import csv
import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Self

from cekalwatch.server.watchlist.imports.records import OPTIONAL_COLUMNS
from cekalwatch.server.watchlist.sources.mapping import folded_name
from cekalwatch.server.watchlist.sources.source import ColumnsWrong, SourceMisconfigured, SourceUnavailable

IN_MEMORY = "memory"
"""The stamp of content in memory, which never changes."""
MAX_LINE_BYTES = 16_000_000
_MAX_SHOWN = 500
_ALIKE = 0.7
"""How alike names must be, of 1, to be taken for a slip of the pen."""
_BOM = b"\xef\xbb\xbf"
_NAMES: Mapping[str, str] = {"utf-8": "UTF-8", "windows-1252": "Windows-1252"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

Cells = dict[str, str]


class TableRow(NamedTuple):
    """A row that is not empty."""

    line: int
    place: int
    """Where it begins in the file, for `row_at`."""
    cells: Cells | None
    """By column; None if there are too few or too many, a stray quotation mark, or a NUL character."""


class CsvTable:
    """A table in an open file. Cells are separated by commas, semicolons or tabs, as the first line shows."""

    def __init__(
        self,
        file: Path,
        columns: Sequence[str],
        encoding: str = "utf-8",
        others: Literal["refuse", "ignore"] = "refuse",
        content: BinaryIO | None = None,
    ) -> None:
        """Open `file`, whose first line must name `columns`, in any order, and no others unless they are ignored.
        It may lack OPTIONAL_COLUMNS.

        With `content`, this is read, and `file` is only its name.

        Raises SourceUnavailable when it cannot be read, SourceMisconfigured when it is not such a table.
        """
        self._file = file
        self._encoding = encoding
        try:
            self._stream: BinaryIO = content or file.open("rb")
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {file}: {error.strerror}") from None
        self._in_memory = content is not None
        try:
            lines = _Lines(self)
            first = next(lines, "")
            # Excel writes semicolons where the comma is the decimal separator, as in Indonesia.
            self._delimiter = max(",;\t", key=first.count)
            lines.again(first)
            self._header = self._read_header(lines)
            _check(file, self._header, columns, others)
            self._first = lines.place
            self._first_line = lines.count
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    @property
    def stamp(self) -> str:
        """A text that changes when the file does."""
        if self._in_memory:
            return IN_MEMORY
        found = os.fstat(self._stream.fileno())
        return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"

    def rows(self) -> Iterator[TableRow]:
        """Give all rows that are not empty; raises SourceMisconfigured for text in another encoding."""
        lines = _Lines(self, self._first, self._first_line)
        reader = self._reader(lines)
        while True:
            line, place = lines.count + 1, lines.place
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error:
                yield TableRow(line, place, None)
                continue
            if any(cell.strip() for cell in cells):
                yield TableRow(line, place, self._fitted(cells))
        if self._encoding != "utf-8" and lines.is_utf_8:
            raise SourceMisconfigured(
                f'{self._file} is UTF-8 text, and is read as {self._encoding}: set encoding to "utf-8"'
            )

    def row_at(self, place: int) -> Cells | None:
        """Return the cells of the row that begins at `place`."""
        try:
            return self._fitted(next(self._reader(_Lines(self, place))))
        except (csv.Error, StopIteration):
            return None

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        # Without `strict`, an unclosed quotation mark would swallow the rest of the file without an error.
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _read_header(self, lines: Iterator[str]) -> list[str]:
        try:
            return [folded_name(name) for name in next(self._reader(lines), [])]
        except csv.Error:
            return []

    def _fitted(self, cells: list[str]) -> Cells | None:
        if len(cells) != len(self._header) or any("\0" in cell for cell in cells):
            return None
        return dict(zip(self._header, map(str.strip, cells), strict=True))

    def line_at(self, place: int) -> bytes:
        """Return the bytes from `place` to the end of the line; raises SourceMisconfigured, SourceUnavailable."""
        try:
            self._stream.seek(place)
            raw = self._stream.readline(MAX_LINE_BYTES + 1)
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {self._file}: {error.strerror}") from None
        if len(raw) > MAX_LINE_BYTES:
            raise SourceMisconfigured(f"{self._file} is no table: a line has more than {MAX_LINE_BYTES} bytes")
        return raw

    def decoded(self, raw: bytes, line: int, *, first: bool) -> str:
        """Return the text of a line; raises SourceMisconfigured. NUL characters in a later line refuse its row only."""
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            raise SourceMisconfigured(self._what_it_is(raw, line)) from None
        if "\0" in text and first:
            raise SourceMisconfigured(self._what_it_is(raw, line))
        return text

    def _what_it_is(self, raw: bytes, line: int) -> str:
        self._stream.seek(0)
        begins = self._stream.read(2)
        other = "windows-1252" if self._encoding == "utf-8" else "utf-8"
        if begins in _UTF_16:
            found = "it is UTF-16"
        elif b"\0" in raw:
            found = f"line {line} has NUL characters, which no text has"
        elif _reads_as(raw, other):
            found = f'line {line} could be {_NAMES[other]}; if all of it is, set encoding to "{other}"'
        else:
            found = f"line {line} is neither UTF-8 nor Windows-1252"
        return (
            f"{self._file} is not {_NAMES[self._encoding]} text: {found}. In Excel, save it as 'CSV UTF-8'; other "
            "programs call the encoding UTF-8."
        )


class _Lines(Iterator[str]):
    """The lines of a table from a place on; lines end with LF, CR or both. `place` is that of the next line."""

    def __init__(self, table: CsvTable, place: int = 0, count: int = 0) -> None:
        self._table = table
        self._waiting: deque[bytes] = deque()
        self._again: list[str] = []
        self.place = place
        self.count = count
        self._utf_8 = True
        self._beyond_ascii = False

    @property
    def is_utf_8(self) -> bool:
        """Whether the lines that were read are certainly UTF-8."""
        return self._utf_8 and self._beyond_ascii

    def again(self, line: str) -> None:
        """Yield a line again."""
        if line:
            self._again.append(line)

    def __next__(self) -> str:
        if self._again:
            return self._again.pop()
        if not self._waiting:
            self._waiting.extend(self._table.line_at(self.place).splitlines(keepends=True))
        if not self._waiting:
            raise StopIteration
        raw = self._waiting.popleft()
        at_beginning = self.place == 0
        self.place += len(raw)
        self.count += 1
        if not raw.isascii():
            self._beyond_ascii = True
            self._utf_8 = self._utf_8 and _reads_as(raw, "utf-8")
        return self._table.decoded(raw.removeprefix(_BOM) if at_beginning else raw, self.count, first=at_beginning)


def _reads_as(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _check(file: Path, header: list[str], columns: Sequence[str], others: Literal["refuse", "ignore"]) -> None:
    told = column_faults(header, columns, others)
    if told:
        raise ColumnsWrong(f"The first line of {file} does not name the columns of a watchlist; {told}.")


def column_faults(header: Sequence[str], columns: Sequence[str], others: Literal["refuse", "ignore"]) -> str:
    """Return the error in a table's column names, which are case-folded; empty without an error.

    A missing column is reported together with a similar unknown one.
    """
    count = Counter(header)
    wanted = {folded_name(name): name for name in columns}
    strange = [name for name in count if name and name not in wanted]
    faults = {
        "missing": [
            shown + _perhaps(name, strange)
            for name, shown in wanted.items()
            if name not in count and name not in OPTIONAL_COLUMNS
        ],
        "unknown": [name or "(no name)" for name in count if name not in wanted] if others == "refuse" else [],
        "more than once": [shown for name, shown in wanted.items() if count[name] > 1],
    }
    return "; ".join(f"{what}: {', '.join(names)[:_MAX_SHOWN]}" for what, names in faults.items() if names)


def _perhaps(wanted: str, strange: Sequence[str]) -> str:
    found = get_close_matches(wanted, strange, 1, _ALIKE)
    return f" (is it {found[0]!r}?)" if found else ""
