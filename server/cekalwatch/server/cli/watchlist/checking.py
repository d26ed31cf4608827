"""`watchlist check-source`: reads the configured source and stores nothing."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cekalwatch.contract.values.imports import FieldFault
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, command_settings
from cekalwatch.server.cli.output import whole_table

if TYPE_CHECKING:
    from cekalwatch.contract.values.imports import RecordReport
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.watchlist.imports.records import ImportRecord
    from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
    from cekalwatch.server.watchlist.sources.source import SourceItem, WatchlistSource

MAX_SHOWN = 20
MAX_SHAPE = 40
NOT_PERSONAL = frozenset(
    {
        *("kind", "urgent", "sex", "nationality", "ground", "person_status", "revocation_ground"),
        *("valid_from", "valid_until", "received_on", "decree_date", "revoked_at", "package"),
    }
)
"""Fields whose values say nothing of who somebody is. Of others, only the shape is shown."""

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist check-source --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist check-source --config server.toml --rows 0 --photographs\n\n"
    "It shows keys, fields, counts, and wrong dates and coded values; of other values it shows 9 for a digit and x "
    "for a letter. docs/connect-cekal.md tells how to configure a source.\n\n"
    "Exit code 0: all that was read can be imported. 65: a record or photograph would be refused, or the source gives "
    "no list that fits the configuration. 69: the source cannot be reached. 78: no source is configured."
)


@dataclass
class _Found:
    """The results of a reading so far."""

    mapping: MappingSettings | None = None
    """None: the source has our fields."""
    read: int = 0
    refused: int = 0
    withdrawn: int = 0
    photographs: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    alike: dict[str, list[str]] = field(default_factory=dict)
    """Keys of the records with the same problem, by its words."""

    def problem(self, key: str, what: str, words: str = "") -> None:
        """Count a problem, and remember which records have it."""
        self.problems[what] += 1
        self.alike.setdefault(f"{what}: {words}" if words else what, []).append(key)


@with_options(command_settings, config=Config)
def check_source(
    settings: ServerSettings,
    rows: Annotated[int, typer.Option(min=0, help="Read this many records; 0: all of them.")] = 1000,
    photographs: Annotated[
        bool, typer.Option("--photographs", help="Fetch the photographs too, to check that they exist.")
    ] = False,
) -> None:
    """Try the configured source: read it, map it, and report what would be refused. Nothing is stored."""
    from cekalwatch.server.watchlist.sources.opening import open_source
    from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable
    from cekalwatch.server.wiring.watchlist import port_caller

    if settings.watchlist.source is None:
        raise ProgramError("No source is configured: write [watchlist.source]; see docs/connect-cekal.md", Exit.CONFIG)
    source = open_source(settings.watchlist.source, settings.home.zone, port_caller(settings, lambda: ""))
    found = _Found(getattr(settings.watchlist.source, "mapping", None))  # a centre needs none
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
            found.refused += 1
            report, key = item.report, _shown_key(item.report, keyed=item.keyed)
            for fault in report.faults or (FieldFault(report.field),):
                found.problem(key, f"{report.reason} ({fault.field})", fault_in(fault, found.mapping))


def _count_record(record: ImportRecord, found: _Found) -> None:
    for photograph in record.photographs:
        found.photographs += 1
        if photograph.problem:
            found.problem(record.order.order_id, str(photograph.problem))


def fault_in(fault: FieldFault, mapping: MappingSettings | None) -> str:
    """Return what is wrong with a field, and what would be right, without personal data."""
    from cekalwatch.server.watchlist.imports.reports import fault_words

    field = fault.field
    name = mapping.columns.get(field, "") if mapping else ""
    place = f"in {name!r}: " if name and name != field else ""
    words = fault_words(fault if field in NOT_PERSONAL else replace(fault, value=_shape(fault.value)))
    untranslated = mapping and field in mapping.values and fault.value
    return f"{place}{words}" + (f" (values.{field} has no translation of it)" if untranslated else "")


def _shape(value: str) -> str:
    return "".join("9" if one.isdigit() else "x" if one.isalpha() else one for one in value[:MAX_SHAPE])


def _shown_key(report: RecordReport, *, keyed: bool) -> str:
    """Return what may be shown of a refused row: its key, unless that could be a name."""
    from cekalwatch.server.watchlist.imports.import_run import is_like_a_key

    return report.order_id if not keyed or is_like_a_key(report.order_id) else "(not shown: may be a name)"


def _show(console: Console, name: str, found: _Found) -> None:
    console.print(Text(f"Source: {name}"))
    taken = found.read - found.refused - found.withdrawn
    console.print(
        f"{found.read} records read: {taken} can be imported, {found.refused} would be "
        f"refused, {found.withdrawn} are withdrawn. Nothing was stored."
    )
    if found.photographs:
        console.print(f"{found.photographs} photographs fetched.")
    if not found.problems:
        return
    rows = [(keys[0], str(len(keys)), words) for words, keys in list(found.alike.items())[:MAX_SHOWN]]
    console.print(whole_table(("First order", "Records", "Problem"), rows, "The first problems"))
    for what, count in found.problems.most_common():
        console.print(f"{what}: {count}")
