"""`watchlist check-source`: reads the configured source and stores nothing."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, command_settings
from cekalwatch.server.cli.output import whole_table

if TYPE_CHECKING:
    from cekalwatch.contract.values.imports import RecordReport
    from cekalwatch.server.watchlist.imports.records import ImportRecord
    from cekalwatch.server.watchlist.sources.source import SourceItem, WatchlistSource

MAX_SHOWN = 20

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist check-source --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist check-source --config server.toml --rows 0 --photographs\n\n"
    "It shows keys, fields and counts, and nothing else of a person. docs/connect-cekal.md tells how to configure a "
    "source.\n\n"
    "Exit code 0: all that was read can be imported. 65: a record or photograph would be refused, or the source gives "
    "no list that fits the configuration. 69: the source cannot be reached. 78: no source is configured."
)


@dataclass
class _Found:
    """The results of a reading so far."""

    read: int = 0
    withdrawn: int = 0
    photographs: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[str, str]] = field(default_factory=list)

    def problem(self, key: str, what: str) -> None:
        """Count a problem, and remember the first ones."""
        self.problems[what] += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append((key, what))


def check_source(
    config: Config = None,
    rows: Annotated[int, typer.Option(min=0, help="Read this many records; 0: all of them.")] = 1000,
    photographs: Annotated[
        bool, typer.Option("--photographs", help="Fetch the photographs too, to check that they exist.")
    ] = False,
) -> None:
    """Try the configured source: read it, map it, and report what would be refused. Nothing is stored."""

    from cekalwatch.server.watchlist.sources.opening import open_source
    from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable
    from cekalwatch.server.wiring.watchlist import port_caller

    settings = command_settings(config)
    if settings.watchlist.source is None:
        raise ProgramError("No source is configured: write [watchlist.source]; see docs/connect-cekal.md", Exit.CONFIG)
    source = open_source(settings.watchlist.source, settings.home.zone, port_caller(settings, lambda: ""))
    found = _Found()
    try:
        with closing(source):
            _read(source, rows, found, photographs=photographs)
    except SourceMisconfigured as error:
        raise ProgramError(str(error), Exit.DATA_PROBLEMS) from None
    except SourceUnavailable as error:
        raise ProgramError(str(error), Exit.UNAVAILABLE) from None
    finally:
        _show(Console(), source.name, found)
    if found.problems:
        raise typer.Exit(Exit.DATA_PROBLEMS)


def _read(source: WatchlistSource, most: int, found: _Found, *, photographs: bool) -> None:
    from rich.progress import track

    from cekalwatch.server.watchlist.sources.source import WithdrawnOthers

    reading = source.read("")
    total = min(filter(None, (most, reading.expected)), default=None)
    items = (item for page in reading.pages for item in page.items)
    for item in track(items, "Reading", total, console=Console(stderr=True)):
        if isinstance(item, WithdrawnOthers):
            continue
        found.read += 1
        _count(item, found, photographs=photographs)
        if found.read == most:
            return


def _count(item: SourceItem, found: _Found, *, photographs: bool) -> None:
    from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow, WithdrawnOrder

    match item:
        case WithdrawnOrder():
            found.withdrawn += 1
        case OfferedOrder():
            if photographs:
                _count_record(item.load(), found)
        case RefusedRow():
            found.problem(_shown_key(item.report, keyed=item.keyed), f"{item.report.reason} ({item.report.field})")


def _count_record(record: ImportRecord, found: _Found) -> None:
    for photograph in record.photographs:
        found.photographs += 1
        if photograph.problem:
            found.problem(record.order.order_id, str(photograph.problem))


def _shown_key(report: RecordReport, *, keyed: bool) -> str:
    """Return what may be shown of a refused row: its key, unless that could be a name."""
    from cekalwatch.server.watchlist.imports.import_run import is_like_a_key

    return report.order_id if not keyed or is_like_a_key(report.order_id) else "(not shown: may be a name)"


def _show(console: Console, name: str, found: _Found) -> None:
    console.print(Text(f"Source: {name}"))
    refused = sum(count for what, count in found.problems.items() if what.startswith("RECORD_"))
    console.print(
        f"{found.read} records read: {found.read - refused - found.withdrawn} can be imported, {refused} would be "
        f"refused, {found.withdrawn} are withdrawn. Nothing was stored."
    )
    if found.photographs:
        console.print(f"{found.photographs} photographs fetched.")
    if not found.problems:
        return
    console.print(whole_table(("Order", "Problem"), found.shown, "The first problems"))
    for what, count in found.problems.most_common():
        console.print(f"{what}: {count}")
