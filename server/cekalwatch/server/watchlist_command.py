"""`cekalwatch-server watchlist`: imports a folder, through the server or into the database; deletes subjects."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit

if TYPE_CHECKING:
    from cekalwatch.server.config import ServerSettings
    from cekalwatch.server.security.audit import AuditEntry
    from cekalwatch.server.storage.database import Database
    from cekalwatch.server.storage.watchlist_store import DeletedSubject, WatchlistStore
    from cekalwatch.server.watchlist.folder import WatchlistFolder
    from cekalwatch.server.watchlist.import_run import ImportRun
    from cekalwatch.server.watchlist.reports import RecordReport
    from cekalwatch.wire.dialer import Dialer

CONNECT_TIMEOUT_S = 3.0
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # what `listen` may say; nothing is bound here

app = typer.Typer(help="The watchlist: import it, delete a subject from it.", no_args_is_help=True)


@app.command(
    "import",
    epilog="Examples:\n\n"
    "  cekalwatch-server watchlist import ./list-2026-03\n\n"
    "  cekalwatch-server watchlist import ./list-2026-03 --report report.csv --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist import ./list-2026-03 --offline\n\n"
    "Exit code 0: all is well. 65: done, but a record or photograph was refused, or an order is flagged INVALID, or "
    "orders.csv itself cannot be read. 66: the folder or its orders.csv is missing. 69: the server or the database "
    "cannot be reached.",
)
def import_(
    folder: Annotated[
        Path, typer.Argument(help="Folder with orders.csv and photographs; see docs/watchlist-folder.md.")
    ],
    report: Annotated[Path | None, typer.Option(help="Write the report to this file, .csv or .json.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file (TOML).")] = None,
    server: Annotated[
        str | None, typer.Option(help="HOST:PORT of the running server; the configured `listen` when not given.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Write straight into the database, without asking.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database and the model packs.")] = None,
) -> None:
    """Import ban orders with their photographs, and report on each. Running it again changes nothing.

    It goes through the running server; when none is running, straight into the database.
    """
    from zoneinfo import ZoneInfo

    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.config import ServerSettings
    from cekalwatch.server.watchlist.folder import WatchlistFolder
    from cekalwatch.server.watchlist.report_file import check_report_file, write_report
    from cekalwatch.server.watchlist.report_screen import show_reports

    if offline and server:
        raise ProgramError("--offline and --server exclude each other", Exit.USAGE)
    settings = ServerSettings.load(config, data_dir=data_dir)
    # The report tells about each record; the log would say it once more, between the lines of the progress bar.
    configure_logs("warning")
    if report:
        check_report_file(report)
    records = WatchlistFolder(folder, ZoneInfo(settings.sites[0].time_zone))
    running = None if offline else _running_server(settings, server)
    reports = list(records.refused)
    try:
        with _progress(len(records)) as counted:
            # When not one row can be read, nothing was brought up to date.
            if len(records) or not records.refused:
                run = _import_through(running, records) if running else _import_directly(settings, records)
                reports.extend(counted(run))
    finally:
        # What has been done must be known even when the rest failed.
        if report:
            write_report(report, reports)
        show_reports(Console(), reports)
        if missed := len(records) + len(records.refused) - len(reports):
            typer.echo(f"{missed} records were not imported.")
    if any(one.has_problem for one in reports):
        raise typer.Exit(Exit.DATA_PROBLEMS)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server watchlist delete S-001 --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist delete S-001 --yes\n\n"
    "Running servers stop searching for the subject within seconds. A list that still names it brings it back."
)
def delete(
    subject_id: Annotated[str, typer.Argument(help="Key of the subject.")],
    config: Annotated[Path | None, typer.Option(help="Configuration file (TOML).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database and the master key.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a subject: personal facts, orders, photographs, templates, pictures of alerts. It cannot be undone."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.config import ServerSettings
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.domain.errors import CekalwatchError
    from cekalwatch.server.security.entries import deletion_entry
    from cekalwatch.server.security.operator import operator

    def note(gone: DeletedSubject) -> AuditEntry:
        counts = {"photographs": gone.photographs, "templates": gone.templates, "probes": gone.probes}
        return deletion_entry(operator(), SystemClock().now(), subject_id, gone.order_ids, **counts)

    settings = ServerSettings.load(config, data_dir=data_dir)
    configure_logs("warning")
    with _database(settings) as database:
        store = _store(database, settings)
        if not yes:
            typer.confirm(f"Delete subject {subject_id} with all orders, photographs and templates?", abort=True)
        try:
            gone = store.delete_subject(subject_id, note)
        except CekalwatchError as error:
            raise ProgramError(f"{error.public_message} Nothing was deleted.", Exit.NO_INPUT) from None
    typer.echo(
        f"Deleted subject {subject_id}: {len(gone.order_ids)} orders, {gone.photographs} photographs, "
        f"{gone.templates} templates, {gone.probes} pictures of alerts."
    )


def _running_server(settings: ServerSettings, given: str | None) -> Dialer | None:
    """Return how to reach the running server, or None when the configured one is down. Raises ProgramError.

    The server's own certificate is shown: who may read its key is the server's administrator.
    """
    from cekalwatch.program.connection import open_dialer
    from cekalwatch.wire.address import AddressError, split_address

    try:
        host, port = split_address(given or settings.listen)
    except AddressError as error:
        raise ProgramError(f"--server: {error}", Exit.USAGE) from None
    if port == 0:
        raise ProgramError(
            "The server's port is not configured (`listen` ends in 0): give --server HOST:PORT, or --offline",
            Exit.USAGE,
        )
    address = given or (f"127.0.0.1:{port}" if host in EVERY_INTERFACE else settings.listen)
    dialer = open_dialer(address, settings.tls_path)
    try:
        socket.create_connection(split_address(address), CONNECT_TIMEOUT_S).close()
    except ConnectionRefusedError:
        if given:
            raise ProgramError(f"No server is running at {address}", Exit.UNAVAILABLE) from None
        return None
    except OSError as error:
        raise ProgramError(f"Cannot reach the server at {address}: {error}", Exit.UNAVAILABLE) from None
    return dialer


def _import_through(dialer: Dialer, folder: WatchlistFolder) -> Iterator[RecordReport]:
    from cekalwatch.server.watchlist.remote import RemoteImport

    with RemoteImport(dialer) as remote:
        yield from remote.run(folder.records())


def _import_directly(settings: ServerSettings, folder: WatchlistFolder) -> Iterator[RecordReport]:
    from cekalwatch.server.domain.errors import CekalwatchError

    with _local_import(settings) as run:
        try:
            for report in folder.refused:
                run.refused(report)
            for record in folder.records():
                yield run.import_record(record)
            run.finish()
        except CekalwatchError as error:
            raise ProgramError(
                f"{error.public_message} Run the import again; what is stored already stays as it is.", Exit.UNAVAILABLE
            ) from error


@contextmanager
def _local_import(settings: ServerSettings) -> Iterator[ImportRun]:
    from zoneinfo import ZoneInfo

    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.recognition.enrolment import Enroller
    from cekalwatch.server.recognition.packs import load_named, open_engine
    from cekalwatch.server.security.operator import operator
    from cekalwatch.server.storage.audit_store import AuditStore
    from cekalwatch.server.watchlist.import_run import ImportRun
    from cekalwatch.server.watchlist.importer import WatchlistImporter

    engine = open_engine(load_named(settings.models_path, settings.model_pack), settings.threads)
    with _database(settings) as database:
        store, clock = _store(database, settings), SystemClock()
        importer = WatchlistImporter(
            store,
            Enroller(engine.detector, engine.recogniser),
            clock,
            ZoneInfo(settings.sites[0].time_zone),
            settings.legal.parameters(),
        )
        with closing(ImportRun(importer, store, AuditStore(database), clock, operator())) as run:
            yield run


@contextmanager
def _database(settings: ServerSettings) -> Iterator[Database]:
    from cekalwatch.server.storage.database import Database

    database = Database(settings.database_address)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()


def _store(database: Database, settings: ServerSettings) -> WatchlistStore:
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.security.operator import operator
    from cekalwatch.server.storage.key_store import KeyStore
    from cekalwatch.server.storage.watchlist_store import WatchlistStore

    keys = KeyStore.open(database, settings.master_key_source, SystemClock(), operator())
    return WatchlistStore(database, keys.keyring)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Iterable[RecordReport]], Iterator[RecordReport]]]:
    """Show a progress bar on standard error, and give a function that counts what passes through it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Importing", total=total)

        def counted(reports: Iterable[RecordReport]) -> Iterator[RecordReport]:
            for report in reports:
                progress.advance(task)
                yield report

        yield counted
