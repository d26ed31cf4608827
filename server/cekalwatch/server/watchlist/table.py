"""Reads a CSV table strictly: known encoding, known columns, and rows that fit them. It knows no column's meaning."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit

_MOST_SHOWN = 500


def read_table(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str] | None]]:
    """Give the line number and the cells, by column, of each row that is not empty.

    The cells are None where the row has too few or too many, or a quotation mark astray. Commas, semicolons and tabs
    part cells; the header decides. Raises ProgramError when the file cannot be read, is not UTF-8, or its first line
    does not name just `columns`, in any order.
    """
    text = _text(file)
    # Excel writes semicolons where the comma is the decimal sign, as in Indonesia.
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    # Without `strict`, a quotation mark that is never closed swallows the rest of the file in silence.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error:
        header = []
    _check(file, header, columns)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, None
            continue
        if any(cell.strip() for cell in cells):
            yield line, dict(zip(header, map(str.strip, cells), strict=True)) if len(cells) == len(header) else None


def _text(file: Path) -> str:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ProgramError(f"Cannot read {file}: {error.strerror}", Exit.NO_INPUT) from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ProgramError(
            f"{file} is not UTF-8 text. In Excel, save it as 'CSV UTF-8'; other programs call the encoding UTF-8. "
            "Nothing was imported.",
            Exit.DATA_PROBLEMS,
        )
    return text


def _check(file: Path, header: list[str], columns: Sequence[str]) -> None:
    count = Counter(header)
    faults = {
        "missing": [name for name in columns if name not in count],
        "unknown": [name or "(no name)" for name in count if name not in columns],
        "more than once": [name for name in columns if count[name] > 1],
    }
    told = [f"{what}: {', '.join(names)[:_MOST_SHOWN]}" for what, names in faults.items() if names]
    if told:
        raise ProgramError(
            f"The first line of {file} does not name the columns of a watchlist; {'; '.join(told)}. "
            "Nothing was imported.",
            Exit.DATA_PROBLEMS,
        )
