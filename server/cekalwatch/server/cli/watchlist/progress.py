"""A progress bar for work on records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from cekalwatch.server.watchlist.imports.reports import RecordReport


@contextmanager
def counted_progress(
    total: int, besides: Callable[[], int]
) -> Iterator[Callable[[Iterable[RecordReport]], Iterator[RecordReport]]]:
    """Show a progress bar on standard error, and give a function that counts what passes through it.

    `besides` says how many of the total are done with and do not pass.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Importing", total=total)

        def counted(reports: Iterable[RecordReport]) -> Iterator[RecordReport]:
            for done, report in enumerate(reports, 1):
                progress.update(task, completed=done + besides())
                yield report

        yield counted
