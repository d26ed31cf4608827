"""`watchlist import`: imports a folder, through the running server or into the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.iso_quality import iso_quality
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.contract.values.subjects import FaceFigures
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import ServerAddress, command_context, signed_by_two, with_settings
from cekalwatch.server.cli.output import counting_progress, whole_table
from cekalwatch.server.cli.watchlist.running_server import local_import, local_imports, running_server
from cekalwatch.server.foundation.errors import Code, public_message
from cekalwatch.server.watchlist.imports.records import FIELD_FORMS
from cekalwatch.server.watchlist.imports.reports import doubt_words, fault_words, summarise

if TYPE_CHECKING:
    from cekalwatch.contract.values.imports import RecordReport
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.watchlist.imports.import_run import ImportRun
    from cekalwatch.server.watchlist.imports.records import ImportRecord
    from cekalwatch.server.watchlist.sources.files.folder import FolderSource
    from cekalwatch.server.watchlist.sources.source import Reading
    from cekalwatch.wire.dialer import Dialer


EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server watchlist import ./list-2026-03\n\n"
    "  cekalwatch-server watchlist import ./list-2026-03 --report report.csv --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist import ./list-2026-03 --offline\n\n"
    "Exit code 0: all is well. 65: done, but a record or photograph was refused, or an order is flagged INVALID, or "
    "orders.csv itself cannot be read. 66: the folder or its orders.csv is missing. 69: the server or the database "
    "cannot be reached."
)


@with_settings
def import_(
    settings: ServerSettings,
    folder: Annotated[
        Path, typer.Argument(help="Folder with orders.csv and photographs; see docs/watchlist-folder.md.")
    ],
    report: Annotated[Path | None, typer.Option(help="Write the report to this file, .csv or .json.")] = None,
    server: ServerAddress = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Write straight into the database, without asking.")
    ] = False,
    encoding: Annotated[Literal["utf-8", "windows-1252"], typer.Option(help="The encoding of orders.csv.")] = "utf-8",
    sign: Annotated[
        bool, typer.Option("--sign", help="Let two people sign for orders in force that would no longer alert.")
    ] = False,
) -> None:
    """Import ban orders with their photographs, and report on each. Running it again changes nothing.

    It goes through the running server; when none is running, straight into the database. A record by which an order in
    force would no longer alert is refused, unless two people sign for it (--sign).
    """

    from cekalwatch.server.watchlist.imports.reports import check_report_file, write_report
    from cekalwatch.server.watchlist.sources.files.folder import FolderSource
    from cekalwatch.server.watchlist.sources.handmade import HandmadeList
    from cekalwatch.server.watchlist.sources.settings import FolderSettings

    if offline and server:
        raise ProgramError("--offline and --server exclude each other", Exit.USAGE)
    if report:
        check_report_file(report)
    source = FolderSource(FolderSettings(path=folder, encoding=encoding), settings.home.zone, handmade=HandmadeList())
    reports: list[RecordReport] = []
    with _as_program_errors(), closing(source):
        records = _FolderRecords(source)
        running = None if offline else running_server(settings, server)
        try:
            # When not one row can be read, nothing was brought up to date.
            if records.some or not records.refused:
                run = _import_through(running, records) if running else _import_directly(settings, records)
                reports.extend(_counted(run, records))
            if sign and (held := {one.order_id for one in reports if one.reason == Code.SILENCES_ORDERS}):
                signed = list(_import_signed(settings, source, held))
                reports = [*(one for one in reports if one.order_id not in held), *signed]
        finally:
            # The report shows what was done even if the rest failed.
            told = [*records.refused, *reports]
            if report:
                write_report(report, told)
            show_reports(Console(), told)
            if missed := records.total - len(told):
                typer.echo(f"{missed} records were not imported.")
    if any(one.has_problem for one in told):
        raise typer.Exit(Exit.DATA_PROBLEMS)


class _FolderRecords:
    """The records of a folder, one at a time, and reports on the rows that cannot be read."""

    def __init__(self, source: FolderSource) -> None:
        """Read as far as the first record; raises SourceUnavailable."""
        reading = source.read("")
        self.total = reading.expected or 0
        self.refused: list[RecordReport] = []
        """Reports on the rows so far that could not be read."""
        self._records = self._read(reading)
        self._first = next(self._records, None)

    @property
    def some(self) -> bool:
        """Whether there is any record."""
        return self._first is not None

    def __iter__(self) -> Iterator[ImportRecord]:
        """Yield the records, once."""
        if self._first is not None:
            yield self._first
            self._first = None
        yield from self._records

    def _read(self, reading: Reading) -> Iterator[ImportRecord]:
        from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow

        for page in reading.pages:
            for item in page.items:
                match item:
                    case OfferedOrder():
                        yield item.load()
                    case RefusedRow():
                        self.refused.append(item.report)


@contextmanager
def _as_program_errors() -> Iterator[None]:
    from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable

    try:
        yield
    except SourceMisconfigured as error:
        raise ProgramError(f"{error} Nothing was imported.", Exit.DATA_PROBLEMS) from None
    except SourceUnavailable as error:
        raise ProgramError(str(error), Exit.NO_INPUT) from None


def _counted(run: Iterator[RecordReport], records: _FolderRecords) -> Iterator[RecordReport]:
    """Yield the reports, with a progress bar on standard error."""
    with counting_progress() as progress:
        task = progress.add_task("Importing", total=records.total)
        for done, report in enumerate(run, 1):
            progress.update(task, completed=done + len(records.refused))
            yield report


def _import_through(dialer: Dialer, records: _FolderRecords) -> Iterator[RecordReport]:
    from cekalwatch.server.grpc_api.clients.server_client import RemoteImport

    with RemoteImport(dialer) as remote:
        yield from remote.run(records)


def _import_directly(settings: ServerSettings, records: _FolderRecords) -> Iterator[RecordReport]:
    from cekalwatch.server.foundation.errors import CekalwatchError

    try:
        with local_import(settings) as run:  # its end is recorded too, and may fail as well
            yield from run.import_records(_noted(records, run))
            run.finish()
    except CekalwatchError as error:
        raise ProgramError(
            f"{error.public_message} Run the import again; what is stored already stays as it is.", Exit.UNAVAILABLE
        ) from error


def _import_signed(settings: ServerSettings, source: FolderSource, held: set[str]) -> Iterator[RecordReport]:
    """Import those of the records for which two people sign at this machine."""
    from cekalwatch.server.audit.silencing import silencing_entry

    with command_context(settings) as context:
        imports = local_imports(context)
        records = [one for one in _FolderRecords(source) if one.order.order_id in held]
        with closing(imports.preview(context.actor)) as preview:
            keys = frozenset(key for one in preview.import_records(records) for key in one.silences)
        found = context.foresight.of_orders(keys)
        orders = "\n".join(f"  {one.order_id}: {one.name}, {one.place}, {one.at:%Y-%m-%d}" for one in found.orders)
        people = signed_by_two(context, TwoPersonAction.AMEND_ORDER, "SIGN_SILENCED", count=found.count, orders=orders)
        entry = silencing_entry(found, people, context.actor, context.clock.now(), "watchlist import")
        context.stores.audit.append(entry)
        with closing(imports.begin_by_hand(context.actor, signed=keys)) as run:
            yield from run.import_records(records)
            run.finish()


def _noted(records: _FolderRecords, run: ImportRun) -> Iterator[ImportRecord]:
    """Yield the records, and let the run note the unreadable rows before and after each."""
    noted = 0
    for record in chain(records, [None]):
        for report in records.refused[noted:]:
            run.refused(report)
        noted = len(records.refused)
        if record:
            yield record


MAX_PROBLEMS = 50
"""Rows of problems on the screen; a report file has them all."""

MAX_RECORDS = 20
"""Rows of records without a problem on the screen."""


def show_reports(console: Console, reports: Sequence[RecordReport]) -> None:
    """Print tables of problems and of the other records, and the summary."""
    problems = [report for report in reports if report.has_problem or report.is_doubtful]
    fine = [report for report in reports if not (report.has_problem or report.is_doubtful)]
    if problems:
        _show(console, "To be looked at", problems, MAX_PROBLEMS)
    if fine:
        _show(console, "Imported", fine, MAX_RECORDS)
    summary = summarise(reports)
    console.print(
        f"{summary.records} records: {summary.stored} stored, {summary.unchanged} unchanged, "
        f"{summary.refused} refused; {summary.flagged} flagged INVALID, {summary.to_check} to be looked at."
    )
    console.print(
        f"{summary.photos} photographs: {summary.photos_enrolled} enrolled, {summary.photos_unchanged} unchanged, "
        f"{summary.photos_refused} refused; {summary.photos_with_warnings} with warnings."
    )


def _show(console: Console, title: str, reports: Sequence[RecordReport], most: int) -> None:
    rows = (
        (report.order_id, report.subject_id, report.outcome or "", report.status or "", "\n".join(remarks(report)))
        for report in reports[:most]
    )
    console.print(whole_table(("Order", "Subject", "Outcome", "Status", "Remarks"), rows, title))
    if len(reports) > most:
        console.print(f"and {len(reports) - most} more; --report FILE.csv lists all of them.")


def remarks(report: RecordReport) -> list[str]:
    """Return a line for each remark on a record."""
    lines = []
    if report.outcome is ImportOutcome.REFUSED:
        place = f" [{report.place}]" if report.place and report.place != report.order_id else ""
        lines += [f"{report.reason} ({one.field}){place}: {fault_words(one)}" for one in report.faults]
        if not report.faults:
            message = FIELD_FORMS.get(report.field) or public_message(report.reason)
            field = f" ({report.field})" if report.field else ""
            lines.append(f"{report.reason}{field}{place}: {message}")
    if report.status is OrderStatus.INVALID:
        article = f" ({report.article})" if report.article else ""
        lines.append("never alerts; it breaks " + ", ".join(report.broken_rules) + article)
    lines += [f"{doubt.field} {doubt_words(doubt)}" for doubt in report.doubts]
    if report.flags and report.status is not OrderStatus.INVALID:
        lines.append("stays in force, and must be looked at: " + ", ".join(report.flags))
    for photo in report.photos:
        if photo.outcome is PhotoOutcome.REFUSED:
            lines.append(f"{photo.name}: {photo.reason}. {public_message(photo.reason)}{_measured(photo.figures)}")
        elif photo.warnings:
            told = ", ".join(photo.warnings) + (f" {', '.join(photo.also_under)}" if photo.also_under else "")
            lines.append(f"{photo.name}: {(photo.outcome or '').lower()}, {told}{_measured(photo.figures)}")
    return lines


def _measured(figures: FaceFigures | None) -> str:
    return f" ({face_words(figures)})" if figures else ""


def face_words(figures: FaceFigures) -> str:
    """Return the measurements of a face in one line."""
    iso = iso_quality(figures)
    return (
        f"eyes {figures.eye_distance_px:.0f} px, yaw {figures.yaw_degrees:.0f}°, pitch {figures.pitch_degrees:.0f}°, "
        f"sharpness {figures.sharpness:.2f}, brightness {figures.brightness:.2f}, "
        f"detector {figures.detector_score:.2f}, {figures.faces} face{'s' if figures.faces != 1 else ''}; "
        f"ISO/IEC 29794-5: eyes {iso.eye_distance}, yaw {iso.yaw}, pitch {iso.pitch}, light {iso.luminance}"
    )
