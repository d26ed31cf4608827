"""What commands put on a terminal: tables that are whole, and progress bars that keep standard output clean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text


def whole_table(columns: Sequence[str | Column], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """Return a table that takes more lines where a terminal is narrow, since half a key or time is of no use.

    What looks like markup in a row is text.
    """
    table = Table(*columns, title=title, title_justify="left")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def counting_progress() -> Progress:
    """Return a progress bar on standard error that shows the number done and the total."""
    return _progress(MofNCompleteColumn())


def byte_progress() -> Progress:
    """Return a progress bar on standard error that says how many bytes of how many are done."""
    return _progress(DownloadColumn())


def _progress(amount: ProgressColumn) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
