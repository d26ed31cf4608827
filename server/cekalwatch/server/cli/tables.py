"""Tables on a terminal: what they show is whole, and what looks like markup is text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Column, Table
from rich.text import Text


def whole_table(columns: Sequence[str | Column], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """Return a table that takes more lines where a terminal is narrow: keys and times cut off tell nothing apart."""
    table = Table(*columns, title=title, title_justify="left")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*map(Text, row))
    return table
