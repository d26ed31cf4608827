"""`cekalwatch-server upgrade`, `database move` and `rows`: the tables of a site as a whole, and changed rows."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.cli.shared_options import with_opened, with_options
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.keeping.backups import back_up, shown_counts
from cekalwatch.server.cli.options import (
    Config,
    DataDir,
    audit_entry,
    command_context,
    command_database,
    command_settings,
    signed_by_two,
    with_context,
    with_loaded_settings,
)
from cekalwatch.server.cli.output import counting_progress
from cekalwatch.wire.address import split_address

if TYPE_CHECKING:
    from pathlib import Path

    from cekalwatch.program.settings import LoadedSettings
    from cekalwatch.server.backup.moving import Moved
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.integrity.scan import RowMismatch, RowScan
    from cekalwatch.server.storage.watchlist.store import WatchlistStore
    from cekalwatch.server.wiring.storage import Context


app = typer.Typer(help="The database: moving it to PostgreSQL.", no_args_is_help=True)


@app.command(
    epilog="Example:\n\n  systemctl stop cekalwatch-server\n\n"
    "  cekalwatch-server database move --to 'postgresql://cekalwatch@db.local/cekalwatch?passfile=/etc/cekalwatch/pgpass'"
    "\n\nThere is no way back but a backup. Exit code 0: all is there, and was compared. 64 to 78: nothing was "
    "changed, and it may be done again. See docs/moving.md."
)
@with_loaded_settings
def move(
    loaded: LoadedSettings[ServerSettings],
    to: Annotated[
        str,
        typer.Option(metavar="URL", help="The empty PostgreSQL: postgresql://USER@HOST/NAME, without a password."),
    ],
) -> None:
    """Move the site's database from SQLite into an empty PostgreSQL. Stop the server before.

    Every row is compared, the audit trail and all that is signed checked there, before servers can see it. The old
    file is kept under another name.
    """
    from cekalwatch.program.cli.setting_list import hide
    from cekalwatch.server.backup.moving import check_there, move_database
    from cekalwatch.server.storage.errors import StorageError
    from cekalwatch.server.storage.snapshots.snapshot import DatabaseKind
    from cekalwatch.server.wiring.data_folder import hold_folder

    settings = loaded.values
    if DatabaseKind.of(to) is not DatabaseKind.POSTGRESQL:
        raise ProgramError("The new database must be PostgreSQL: --to postgresql://USER@HOST/NAME", Exit.USAGE)
    if hide(to) != to:
        raise ProgramError(
            "Everybody on this machine can read what a command was given: put the password into a file of libpq "
            "(HOST:PORT:NAME:USER:PASSWORD, mode 600), and name that in the address: ?passfile=FILE",
            Exit.USAGE,
        )
    refuse_running(settings)
    check_there(settings)
    with ExitStack() as stack:
        hold_folder(settings.data_dir, stack)
        progress = stack.enter_context(counting_progress())
        task = progress.add_task("Rows", total=None)
        try:
            moved = move_database(
                settings, to, datetime.now(UTC), lambda done, total: progress.update(task, completed=done, total=total)
            )
        except StorageError as error:
            raise ProgramError(
                f"A database cannot be used ({error}): check that {to} is reachable, and that its account owns it. "
                "Nothing was changed",
                Exit.UNAVAILABLE,
            ) from None
    _tell(moved, to, loaded.file)


def _tell(moved: Moved, to: str, settings_file: Path | None) -> None:
    typer.echo(f"Moved: {shown_counts(moved.counts)}; audit trail up to entry {moved.entries}.")
    for problem in (*moved.findings.trail, *moved.findings.rows):
        typer.echo(f"As before: {problem}")
    if not (moved.findings.trail or moved.findings.rows):
        typer.echo("The audit trail is whole, and every signed row stands as it was written.")
    typer.echo(f'Next: in {settings_file or "the settings"}, set\n\n  database_url = "{to}"\n')
    typer.echo("then: cekalwatch-server check, start the server, and make a backup.")
    typer.echo(f"The old database is {moved.old_file}: erase it when that backup is made; it holds all that was moved.")


@app.command(
    "forget-server",
    epilog="Example:\n\n  cekalwatch-server database forget-server main-2\n\nOne that runs again is listed again.",
)
@with_context
def forget_server(context: Context, name: Annotated[str, typer.Argument(help="Its name in the problem.")]) -> None:
    """Take a server of this database out that died and will not come back, so that it is no problem any more."""
    from cekalwatch.server.audit.entry import Action
    from cekalwatch.server.storage.cluster.presence_store import PresenceStore

    if not PresenceStore(context.database, context.clock).forget(name):
        raise ProgramError(f"No server {name} died; *Problems* and *System* name those that did", Exit.NO_INPUT)
    context.stores.audit.append(audit_entry(context, Action.SERVER_FORGOTTEN, name=name))
    typer.echo(f"{name} is taken out.")


CONNECT_S = 1.0
UPGRADE_EPILOG = (
    "Example:\n\n  systemctl stop cekalwatch-server\n\n  cekalwatch-server upgrade\n\n"
    "There is no way back but the backup. Exit code 0: the tables are as this version needs them. "
    "See docs/upgrading.md."
)


@with_loaded_settings
def upgrade(
    loaded: LoadedSettings[ServerSettings],
    without_backup: Annotated[
        bool, typer.Option("--without-backup", help="Make no backup: one was made a moment ago, in another way.")
    ] = False,
) -> None:
    """Bring the database to this version of the program: make a backup, change the tables, and check.

    Stop all servers of the database before.
    """
    from datetime import UTC, datetime

    from cekalwatch.program.checks.results import CheckVerdict
    from cekalwatch.server.audit.entry import Action, AuditEntry, operator
    from cekalwatch.server.foundation.clock import SystemClock
    from cekalwatch.server.setup.checks.installation import check_installation
    from cekalwatch.server.storage.audit.store import AuditStore
    from cekalwatch.server.storage.integrity.scan import RowScan
    from cekalwatch.server.storage.keys.store import KeyStore
    from cekalwatch.server.storage.migrations.applying import SIGNED_SINCE, Migrations
    from cekalwatch.server.storage.snapshots.snapshot import current_state
    from cekalwatch.server.storage.watchlist.store import WatchlistStore

    with command_database(loaded.values) as database:
        database.check_exists()
        state, before = database.migrations(), current_state(database).revision
        if state is Migrations.AS_NEEDED:
            typer.echo(f"{database.name} is as this version needs it: there is nothing to do.")
            return
        if state is Migrations.NEWER:
            raise ProgramError(
                f"{database.name} is of a newer version ({before}): update this program, or restore the backup "
                "that was made before",
                Exit.CONFIG,
            )
    refuse_running(loaded.values)
    if not without_backup:
        typer.echo(f"Backup: {back_up(loaded.values, loaded.file, otherwise='--without-backup').file}")
    with command_database(loaded.values) as database:
        # Opened before the tables change, since rows of some must be signed then.
        keys = KeyStore.open(database, loaded.values.master_key_source, SystemClock(), operator())
        database.upgrade()
        after = current_state(database).revision
        new = {name for revision, tables in SIGNED_SINCE.items() if before < revision for name in tables}
        RowScan(database, keys.guard).sign_first(new)
        details: dict[str, int | str] = {"before": before, "after": after}
        AuditStore(database).append(
            AuditEntry(datetime.now(UTC), operator(), Action.DATABASE_UPGRADED, details=details)
        )
        typer.echo(f"{database.name}: from {before} to {after}.")
        _tell_residents(WatchlistStore(database, keys.keyring), loaded.values.legal.home_nationality)
    for result in check_installation(loaded, datetime.now(UTC)):
        if result.verdict is not CheckVerdict.OK:
            typer.echo(f"{result.verdict:<4}  {result.camera_id or result.subject}: {result.text}")
    typer.echo("Next: start the server.")


def _tell_residents(store: WatchlistStore, home: str) -> None:
    """Name the entry bans that counted as void by a NIK alone until 0.2: they stop their people from now on."""
    from cekalwatch.contract.values.orders import OrderKind

    for file in chain.from_iterable(store.everybody()):
        person = file.subject
        if person.nik and person.nationality != home:
            for order in file.orders:
                if order.kind is OrderKind.TANGKAL:
                    said = f"nationality {person.nationality}" if person.nationality else "no nationality"
                    typer.echo(
                        f"{person.subject_id}, {order.order_id}: a TANGKAL on somebody with a NIK and {said} was "
                        "INVALID until 0.2, and is in force for its term now. Check whether the person is a citizen."
                    )


def refuse_running(settings: ServerSettings) -> None:
    """Raise ProgramError when something answers at the address at which the server of `settings` listens."""
    host, port = split_address(settings.listen)
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError:
        return
    raise ProgramError(
        f"A server runs at {settings.listen}: stop it, and all others of this database, before its tables change",
        Exit.UNAVAILABLE,
    )


rows_app = typer.Typer(
    help="Rows of the database that somebody without its keys changed, put back or removed: the server ignores them.",
    no_args_is_help=True,
)


_with_context = with_opened(
    with_options(partial(command_settings, log_level="critical"), config=Config, data_dir=DataDir), command_context
)


@rows_app.command(
    "check",
    epilog="Example:\n\n  cekalwatch-server rows check --config /etc/cekalwatch/server.toml\n\n"
    "Exit code 65: there are some.",
)
@_with_context
def check_rows(context: Context) -> None:
    """Check every row on which decisions depend, and name those that are not as the server wrote them."""
    found = _row_scan(context).all()
    _show_rows(found)
    if found:
        raise typer.Exit(Exit.DATA_PROBLEMS)


@rows_app.command(
    "accept",
    epilog="Examples:\n\n"
    "  cekalwatch-server rows accept\n\n"
    "  cekalwatch-server rows accept --row person/0193e4a0-7c1e-7e3a-9a55-2f6f0b1c9d10\n\n"
    "Do it when you know why they differ: a backup was restored, or somebody repaired the database by hand.",
)
@_with_context
def accept_rows(
    context: Context,
    row: Annotated[
        list[str] | None, typer.Option("--row", metavar="TABLE/KEY", help="Only this row; repeatable. Without: all.")
    ] = None,
) -> None:
    """Accept rows as they are. It shows them, and asks for the names and passwords of two people."""
    import hashlib

    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.audit.entry import Action, ObjectKind, both_keys
    from cekalwatch.server.storage.schema import SCHEMA

    scan = _row_scan(context)
    # A trigger or a table cannot be accepted: it has to go.
    rows = (one for one in scan.all() if one.key[0] != SCHEMA)
    found = [one for one in rows if not row or "/".join(one.key) in row]
    if not found:
        raise ProgramError("No such row is refused", Exit.NO_INPUT)
    _show_rows(found)
    # The rows are on the screen; the signatures cover all of them.
    digest = hashlib.sha256("\n".join(sorted("/".join(one.key) for one in found)).encode()).hexdigest()

    people = signed_by_two(context, TwoPersonAction.ACCEPT_ROWS, "SIGN_ROWS", count=len(found), digest=digest)
    for start in range(0, len(found), MAX_AT_ONCE):
        some = found[start : start + MAX_AT_ONCE]
        objects = (*both_keys(people), *(ObjectKind.ROW.key("/".join(one.key)) for one in some))
        scan.accept(some, audit_entry(context, Action.ROWS_ACCEPTED, objects, rows=len(some)))
    typer.echo(f"{len(found)} rows count as they stand. Servers follow within seconds.")


MAX_AT_ONCE = 500
"""Rows in one entry of the audit trail."""


def _row_scan(context: Context) -> RowScan:
    from cekalwatch.server.storage.integrity.scan import RowScan

    return RowScan(context.database, context.keys.guard)


def _show_rows(found: list[RowMismatch]) -> None:
    for one in found:
        typer.echo(f"{'/'.join(one.key)}  {one.reason}")
    typer.echo(f"{len(found)} rows do not stand as they were written.", err=True)
