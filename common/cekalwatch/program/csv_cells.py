"""Writes CSV that a spreadsheet can open safely: no text becomes a formula (OWASP, "CSV Injection")."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Final, TextIO

BYTE_ORDER_MARK: Final = "\ufeff"
"""At the start of a file; tells Excel that the text is UTF-8."""
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Characters that a spreadsheet takes for the start of a formula, or skips before one."""


def safe_cell(cell: object) -> object:
    """Return `cell`, with an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


class SafeCsvWriter:
    """Writes rows with texts from outside."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream)

    def row(self, cells: Iterable[object]) -> None:
        """Write a row."""
        self._writer.writerow([safe_cell(cell) for cell in cells])

    def rows(self, rows: Iterable[Iterable[object]]) -> None:
        """Write rows."""
        for cells in rows:
            self.row(cells)
